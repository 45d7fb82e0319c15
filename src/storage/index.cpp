#include "storage/index.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/crc32c.hpp"
#include "base/data_extents.hpp"
#include "base/decoded_file.hpp"
#include "base/file_system.hpp"

namespace rtpx {

namespace {

// Head: magic[8] | u16 major | u16 minor | u32 CRC of the 12 bytes before
constexpr std::string_view kMagic = "RTPXIDX\n";
constexpr std::size_t kHeadBytes = 16;

// Entry: u8 mark | u8 type | u16 body length | body | u32 CRC of all before
constexpr std::uint8_t kMark = 0xD5;
constexpr std::size_t kEntryHead = 4, kEntryOverhead = 8;
constexpr std::size_t kMaxBodyBytes = 4096;
constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kIndexPieceBytes = 1U << 20;
constexpr std::size_t kMaxFiles = 65'536;  // that one index speaks of; further ones are passed over

enum Type : std::uint8_t { kFile = 1, kBlock = 2, kEnd = 3 };
constexpr std::size_t kBlockBytes = 36, kEndBytes = 20;

class Body {
 public:
  template <typename T>
  Body& add(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    store_be(bytes_.data() + bytes_.size() - sizeof value, value);
    return *this;
  }
  Body& add_text(std::string_view text) {
    text = text.substr(0, kMaxNameBytes);
    add(static_cast<std::uint16_t>(text.size()));
    bytes_.insert(bytes_.end(), as_bytes(text).begin(), as_bytes(text).end());
    return *this;
  }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

bool has_head(Bytes bytes) {
  return bytes.size() >= kHeadBytes && as_text(bytes.first(kMagic.size())) == kMagic &&
         load_be<std::uint32_t>(bytes.data() + 12) == crc32c(bytes.first(12));
}

/// The size of the entry that `bytes` begin with, as its head says; 0 when no entry begins so.
std::size_t claimed_size(Bytes bytes) {
  if (bytes.size() < kEntryHead || static_cast<std::uint8_t>(bytes[0]) != kMark) return 0;
  const std::size_t body = load_be<std::uint16_t>(bytes.data() + 2);
  return body > kMaxBodyBytes ? 0 : kEntryOverhead + body;
}

/// Whether a body of this type and size is one of those that this version writes. Among damaged bytes only
/// such entries are looked for: a mark may be anywhere, and a checksum of up to 4 KiB behind each of them
/// would make the time grow a thousandfold.
bool is_familiar(Bytes entry) {
  const std::size_t body = entry.size() - kEntryOverhead;
  const auto type = static_cast<std::uint8_t>(entry[1]);
  if (type == kBlock) return body == kBlockBytes;
  if (type == kEnd) return body == kEndBytes;
  if (type != kFile) return false;
  ByteReader in(entry.subspan(4, body));
  (void)in.take(5);
  (void)in.take(in.u16());
  (void)in.take(in.u16());
  return in.ok() && in.rest().empty();
}

bool is_intact(Bytes entry) {
  const std::size_t summed = entry.size() - 4;
  return load_be<std::uint32_t>(entry.data() + summed) == crc32c(entry.first(summed));
}

std::string text(ByteReader& in) {
  return std::string(as_text(in.take(in.u16())));
}

IndexBlock read_block(ByteReader& in) {
  IndexBlock block;
  block.offset = in.u64();
  block.length = in.u32();
  block.crc = in.u32();
  block.first_time_ms = static_cast<std::int64_t>(in.u64());
  block.records = in.u32();
  block.first_record = in.u32();
  return block;
}

IndexedFile* file_of(Index& index, std::uint32_t number) {
  const auto at = index.files.find(number);
  if (at != index.files.end()) return &at->second;
  return index.files.size() < kMaxFiles ? &index.files[number] : nullptr;
}

/// Intact entries of a type that this version does not know are skipped: a newer minor version may add some.
void read_entry(Bytes entry, Index& index) {
  ByteReader in(entry.subspan(4, entry.size() - kEntryOverhead));
  const auto type = static_cast<std::uint8_t>(entry[1]);
  const std::uint32_t number = in.u32();
  if (type == kFile) {
    IndexedFile named;
    named.content = in.u8() == 1 ? IndexContent::rtcp : IndexContent::rtp;
    named.name = text(in);
    named.track_id = text(in);
    if (!in.ok()) return;
    IndexedFile* file = file_of(index, number);
    if (file == nullptr) return;
    file->content = named.content;
    file->name = std::move(named.name);
    file->track_id = std::move(named.track_id);
  } else if (type == kBlock) {
    const IndexBlock block = read_block(in);
    if (!in.ok() || block.length == 0 || block.offset > UINT64_MAX - block.length) return;
    if (IndexedFile* file = file_of(index, number)) file->blocks.push_back(block);
  } else if (type == kEnd) {
    const IndexedFile::End end{in.u64(), in.u64()};
    if (!in.ok()) return;
    if (IndexedFile* file = file_of(index, number)) file->end = end;
  }
}

/// Puts blocks in order and drops those that a later one overlaps: bytes that were written anew.
void settle(std::vector<IndexBlock>& blocks) {
  const auto in_order = [](const IndexBlock& a, const IndexBlock& b) {
    return a.offset + a.length <= b.offset;
  };
  if (std::ranges::adjacent_find(blocks, std::not_fn(in_order)) == blocks.end()) return;
  std::map<std::uint64_t, IndexBlock> kept;  // by offset
  for (const IndexBlock& block : blocks) {
    auto at = kept.lower_bound(block.offset);
    if (at != kept.begin() && std::prev(at)->second.offset + std::prev(at)->second.length > block.offset)
      --at;
    while (at != kept.end() && at->first < block.offset + block.length) at = kept.erase(at);
    kept.emplace(block.offset, block);
  }
  blocks.clear();
  for (const auto& [offset, block] : kept) blocks.push_back(block);
}

}  // namespace

void IndexEncoder::begin() {
  const std::size_t at = out_.size();
  out_.resize(at + kHeadBytes);
  std::memcpy(out_.data() + at, kMagic.data(), kMagic.size());
  store_be(out_.data() + at + 8, kIndexMajor);
  store_be(out_.data() + at + 10, kIndexMinor);
  store_be(out_.data() + at + 12, crc32c(Bytes(out_).subspan(at, 12)));
}

void IndexEncoder::file(std::uint32_t file, IndexContent content, std::string_view name,
                        std::string_view track_id) {
  entry(kFile,
        Body().add(file).add(static_cast<std::uint8_t>(content)).add_text(name).add_text(track_id).bytes());
}

void IndexEncoder::block(std::uint32_t file, const IndexBlock& block) {
  std::byte body[kBlockBytes];
  store_be(body, file);
  store_be(body + 4, block.offset);
  store_be(body + 12, block.length);
  store_be(body + 16, block.crc);
  store_be(body + 20, block.first_time_ms);
  store_be(body + 28, block.records);
  store_be(body + 32, block.first_record);
  entry(kBlock, body);
}

void IndexEncoder::end(std::uint32_t file, std::uint64_t bytes, std::uint64_t records) {
  std::byte body[kEndBytes];
  store_be(body, file);
  store_be(body + 4, bytes);
  store_be(body + 12, records);
  entry(kEnd, body);
}

void IndexEncoder::entry(std::uint8_t type, Bytes body) {
  const std::size_t at = out_.size();
  out_.resize(at + kEntryOverhead + body.size());
  std::byte* to = out_.data() + at;
  to[0] = std::byte{kMark};
  to[1] = std::byte{type};
  store_be(to + 2, static_cast<std::uint16_t>(body.size()));
  std::memcpy(to + 4, body.data(), body.size());
  store_be(to + 4 + body.size(), crc32c(Bytes(to, 4 + body.size())));
}

void BlockSummer::start() noexcept {
  block_ = IndexBlock{};
  block_.offset = next_;
}

void BlockSummer::append(Bytes bytes) noexcept {
  block_.crc = crc32c(bytes, block_.crc);
  for (std::size_t at = 0; at < bytes.size();) {
    if (skip_ > 0) {
      const std::size_t part = std::min<std::size_t>(skip_, bytes.size() - at);
      skip_ -= static_cast<std::uint32_t>(part);
      at += part;
      continue;
    }
    if (head_ == 0) {
      ++records_;
      if (block_.records++ == 0) {
        block_.first_record = block_.length + static_cast<std::uint32_t>(at);
        block_.first_time_ms = last_time_ms_;  // for when the block ends inside this header
      }
    }
    const std::size_t part = std::min<std::size_t>(RecordHeader::kBytes - head_, bytes.size() - at);
    std::memcpy(header_ + head_, bytes.data() + at, part);
    head_ += static_cast<std::uint32_t>(part);
    at += part;
    if (head_ < RecordHeader::kBytes) break;
    const RecordHeader header = load_record_header(header_);
    if (block_.records == 1) block_.first_time_ms = header.receive_time_ms;
    last_time_ms_ = header.receive_time_ms;
    skip_ = header.size;
    head_ = 0;
  }
  block_.length += static_cast<std::uint32_t>(bytes.size());
  next_ += bytes.size();
}

std::optional<IndexBlock> BlockSummer::finish() noexcept {
  if (block_.length == 0) return std::nullopt;
  const IndexBlock finished = block_;
  start();
  return finished;
}

// A whole entry has to be seen, or that it is none.
void IndexParser::read(bool to_end) {
  const Bytes bytes(held_);
  std::size_t at = 0;
  const std::size_t most = kEntryOverhead + kMaxBodyBytes;
  if (!began_ && (to_end || bytes.size() >= kHeadBytes)) {
    began_ = true;
    if (has_head(bytes)) {
      index_.major = load_be<std::uint16_t>(bytes.data() + 8);
      index_.minor = load_be<std::uint16_t>(bytes.data() + 10);
      at = kHeadBytes;
    }
  }
  if (index_.major > kIndexMajor) return held_.clear();
  while (began_ && at < bytes.size() && (to_end || bytes.size() - at >= most)) {
    const Bytes rest = bytes.subspan(at);
    const std::size_t size = claimed_size(rest);
    const Bytes entry = rest.first(std::min(size, rest.size()));
    index_.torn = size == 0 || entry.size() < size || (index_.torn && !is_familiar(entry)) || !is_intact(entry);
    if (index_.torn) {
      ++index_.damaged_bytes;
      ++at;
      continue;
    }
    read_entry(entry, index_);
    at += entry.size();
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at));
}

void IndexParser::feed(Bytes piece) {
  held_.insert(held_.end(), piece.begin(), piece.end());
  read(false);
}

void IndexParser::skip(std::uint64_t bytes) {
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(bytes, 2 * (kEntryOverhead + kMaxBodyBytes)));
  feed(zeros);
  if (bytes == zeros.size()) return;
  index_.damaged_bytes += bytes - zeros.size();  // what is held now are zeros, as are these
  index_.torn = true;
}

Result<Index> IndexParser::finish() {
  read(true);
  if (index_.major > kIndexMajor)
    return fail(Errc::unsupported, "The index has format version " + std::to_string(index_.major) +
                                       ", this rtpx reads up to " + std::to_string(kIndexMajor));
  if (index_.major == 0 && index_.files.empty()) return fail(Errc::malformed, "It holds nothing of an index");
  for (auto& [number, file] : index_.files) settle(file.blocks);
  return std::move(index_);
}

Result<Index> parse_index(Bytes bytes) {
  IndexParser parser;
  parser.feed(bytes);
  return parser.finish();
}

Result<Index> read_index(FileSystem& files, const std::filesystem::path& path) {
  const auto file = files.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  const DataExtents extents(path);
  IndexParser parser;
  std::vector<std::byte> piece(kIndexPieceBytes);
  for (std::uint64_t at = 0; at < *size;) {
    if (const std::uint64_t data = std::min(as_stored(**file) ? extents.next_data(at) : at, *size); data > at) {
      parser.skip(data - at);
      at = data;
      continue;
    }
    auto got = (*file)->pread(piece, at);
    if (!got && got.error().code == Errc::io) {  // what the disk, or a damaged block, does not give, is zeros
      const std::span<std::byte> sector = std::span(piece).first(std::min<std::uint64_t>({piece.size(), unit_end(**file, at) - at, *size - at}));
      got = (*file)->pread(sector, at);
      if (!got && got.error().code == Errc::io) {
        parser.skip(sector.size());
        at += sector.size();
        continue;
      }
    }
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    parser.feed(Bytes(piece).first(*got));
    at += *got;
  }
  return parser.finish();
}

}  // namespace rtpx
