#include "sealed/sealing_file.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "sealed/unsealed_file.hpp"

namespace rtpx::sealed {
namespace {

/// Plain bytes of one writev(); the rest comes with the next. What is sealed of them is still in the second cache when
/// the disk takes it.
constexpr std::uint64_t kMostAtOnce = 256U << 10;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Some parts as one stretch of bytes.
class Stretch {
 public:
  explicit Stretch(std::span<const Bytes> parts) : parts_(parts) {}

  /// The next bytes that lie together, at most `length`; there are some.
  Bytes take(std::size_t length) {
    while (at_ == parts_[part_].size()) {
      ++part_;
      at_ = 0;
    }
    const Bytes rest = parts_[part_].subspan(at_);
    const Bytes out = rest.first(std::min(length, rest.size()));
    at_ += out.size();
    return out;
  }

 private:
  std::span<const Bytes> parts_;
  std::size_t part_ = 0, at_ = 0;
};

/// Sealed blocks on their way to the disk. One for each thread that writes: files share it.
std::vector<std::byte>& scratch() {
  thread_local std::vector<std::byte> bytes;
  return bytes;
}

/// Seals the next `length` bytes of `content` into `to`, behind the block's header. False: there is no memory.
bool seal(Sealing& sealing, std::uint64_t offset, Stretch& content, std::size_t length, bool end, std::byte* to) {
  BlockHeader header;
  header.file = mark_of(sealing.header.id);
  header.number = sealing.number;
  header.offset = offset;
  header.seal = sealing.seal++;
  header.time_ms = now_ms();
  header.length = static_cast<std::uint32_t>(length);
  header.end = end;
  const Associated associated = associated_data(sealing.header.id, header);
  if (!sealing.sealer.begin(header.seal, associated, to + BlockHeader::kBytes)) return false;
  for (std::size_t done = 0; done < length;) {
    const Bytes piece = content.take(length - done);
    if (!sealing.sealer.add(piece)) return false;
    done += piece.size();
  }
  if (!sealing.sealer.end(header.tag, header.crc)) return false;
  serialize(header, to);
  return true;
}

}  // namespace

Result<std::shared_ptr<Sealing>> begin_sealing(std::span<const Recipient> recipients, Cipher cipher) {
  if (auto ready = prepare(); !ready) return std::unexpected(ready.error());
  auto out = std::make_shared<Sealing>();
  fill_random(out->key.bytes);
  out->key.cipher = out->header.cipher = cipher;
  fill_random(out->header.id);
  for (const Recipient& recipient : recipients) {
    const auto box = wrap(out->key, out->header.id, recipient);
    if (!box) return std::unexpected(box.error());
    out->header.places.push_back(KeyPlace{recipient.key(), *box});
  }
  if (out->header.places.size() > FileHeader::kMostPlaces)
    return fail(Errc::invalid_argument, "There are more than " + std::to_string(FileHeader::kMostPlaces) + " recipients");
  const std::size_t places = std::max<std::size_t>(FileHeader::kFewestPlaces, out->header.places.size() + 4);
  out->header.places.resize(std::min<std::size_t>(places, FileHeader::kMostPlaces));
  return out;
}

SealingFile::SealingFile(std::unique_ptr<File> file, std::filesystem::path path, std::shared_ptr<Sealing> sealing,
                         std::function<void()> on_end)
    : file_(std::move(file)), path_(std::move(path)), sealing_(std::move(sealing)), on_end_(std::move(on_end)) {}

Result<std::size_t> SealingFile::writev(std::span<const Bytes> parts) {
  Sealing& s = *sealing_;
  if (s.ended) return fail(Errc::internal, path_.string() + " is sealed and complete: nothing can be added");
  if (auto cut = cut_torn_block(); !cut) return std::unexpected(cut.error());
  std::uint64_t total = 0;
  for (const Bytes part : parts) total += part.size();
  total = std::min(total, kMostAtOnce);
  if (total == 0) return 0;

  const std::size_t head = s.header_written ? 0 : s.header.bytes();
  const std::size_t blocks = (total + BlockHeader::kMostContent - 1) / BlockHeader::kMostContent;
  const std::size_t most = head + total + blocks * BlockHeader::kBytes;
  std::vector<std::byte>& out = scratch();
  if (out.size() < most) out.resize(most);
  if (head > 0) std::ranges::copy(serialize(s.header), out.begin());
  Stretch stretch(parts);
  std::byte* to = out.data() + head;
  std::array<std::uint64_t, kMostAtOnce / BlockHeader::kMostContent> ends;  // of each block, from the write's start
  const std::uint64_t plain = s.plain.load(), first_number = s.number;
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::uint64_t done = i * BlockHeader::kMostContent;
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(BlockHeader::kMostContent, total - done));
    if (!seal(s, plain + done, stretch, length, false, to)) {
      s.number = first_number;
      return no_memory();
    }
    ++s.number;
    to += BlockHeader::kBytes + length;
    ends[i] = static_cast<std::uint64_t>(to - out.data());
  }

  std::uint64_t written = 0;
  const auto result = append(Bytes(out.data(), to), written);
  const auto whole = static_cast<std::size_t>(
      std::ranges::upper_bound(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(blocks), written) - ends.begin());
  s.number = first_number + whole;
  if (whole > 0) {
    s.header_written = true;
    s.stored.fetch_add(ends[whole - 1]);
    s.plain.store(plain + std::min<std::uint64_t>(total, whole * BlockHeader::kMostContent));
  }
  if (!result) {
    s.torn = written > (whole > 0 ? ends[whole - 1] : 0);
    (void)cut_torn_block();
    if (whole == 0) return std::unexpected(result.error());
  }
  return static_cast<std::size_t>(s.plain.load() - plain);
}

Result<void> SealingFile::append(Bytes bytes, std::uint64_t& written) {
  while (!bytes.empty()) {
    const auto count = file_->writev({&bytes, 1});
    if (!count) return std::unexpected(count.error());
    written += *count;
    bytes = bytes.subspan(*count);
  }
  return {};
}

Result<void> SealingFile::cut_torn_block() {
  if (!sealing_->torn) return {};
  auto cut = file_->truncate(sealing_->stored.load());
  if (cut) sealing_->torn = false;
  return cut;
}

Unexpected<Error> SealingFile::no_memory() const {
  return fail(Errc::internal, path_.string() + " cannot be sealed: there is not enough memory");
}

Result<void> SealingFile::pwrite(Bytes, std::uint64_t) {
  return fail(Errc::internal, path_.string() + " is sealed: it can only grow");
}

Result<std::size_t> SealingFile::pread(std::span<std::byte> to, std::uint64_t offset) const {
  if (!sealing_->header_written) return 0;
  const auto map = BlockMap::read(*file_, path_, sealing_->header, sealing_->stored.load());
  if (!map) return std::unexpected(map.error());
  return UnsealedContent(*file_, path_, sealing_->header.id, sealing_->key, *map).pread(to, offset);
}

// Advice only: where blocks lie is guessed from the middle of the file.
Result<void> SealingFile::sync_range(std::uint64_t offset, std::uint64_t length, RangeSync how) {
  const std::uint64_t plain = sealing_->plain.load(), stored = sealing_->stored.load();
  if (plain == 0) return {};
  const double factor = static_cast<double>(stored) / static_cast<double>(plain);
  const auto from = static_cast<std::uint64_t>(static_cast<double>(offset) * factor);
  const auto to = static_cast<std::uint64_t>(static_cast<double>(offset + length) * factor);
  return file_->sync_range(from, std::max(to, from) - from, how);
}

Result<void> SealingFile::truncate(std::uint64_t size) {
  const std::uint64_t plain = sealing_->plain.load();
  if (size == plain) return cut_torn_block();
  if (size > plain) return fail(Errc::internal, path_.string() + " is sealed: it cannot be extended with zeros");
  return end_at(size);
}

Result<void> SealingFile::complete() {
  auto ended = end_at(sealing_->plain.load());
  if (ended && on_end_) on_end_();
  return ended;
}

Result<void> SealingFile::end_at(std::uint64_t size) {
  Sealing& s = *sealing_;
  Result<void> result;
  if (!s.ended && s.header_written) {
    result = cut_torn_block();
    if (result) {
      std::vector<std::byte> bytes(BlockHeader::kBytes);
      Stretch nothing({});
      if (!seal(s, size, nothing, 0, true, bytes.data())) return no_memory();
      const std::vector<std::byte> head = serialize(s.header);
      bytes.insert(bytes.end(), head.begin(), head.end());
      bytes.resize(bytes.size() + 4);
      store_be(bytes.data() + bytes.size() - 4, static_cast<std::uint32_t>(head.size()));
      bytes.insert(bytes.end(), as_bytes(kEndMagic).begin(), as_bytes(kEndMagic).end());
      std::uint64_t written = 0;
      result = append(bytes, written);
      if (written >= BlockHeader::kBytes) {  // the end stands, if without the header's copy
        s.plain.store(size);
        s.stored.fetch_add(written);
        s.ended = true;
        result = {};
      } else {
        s.torn = written > 0;
        (void)cut_torn_block();
      }
    }
  }
  if (result) s.ended = true;
  return result;
}

}  // namespace rtpx::sealed
