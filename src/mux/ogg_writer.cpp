#include "mux/ogg_writer.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "mux/little_endian.hpp"
#include "mux/opus_head.hpp"
#include "rtpx/version.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kOggSecond = 1'000'000'000;
constexpr std::int64_t kOggGapNs = 5'000'000;  // from here on a gap is none of rounding
constexpr std::size_t kMostSegments = 255;  // of a page
constexpr std::uint32_t kSerial = 1;
constexpr unsigned kContinued = 1, kFirst = 2, kLast = 4;

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i << 24;
    for (int bit = 0; bit < 8; ++bit) value = value << 1 ^ ((value >> 31) != 0 ? 0x04C11DB7U : 0);
    table[i] = value;
  }
  return table;
}();

std::uint32_t crc(std::uint32_t value, Bytes bytes) {
  for (const std::byte octet : bytes) value = value << 8 ^ kCrcTable[value >> 24 ^ u8(octet)];
  return value;
}

// A field's name is printable ASCII without '='.
std::string vorbis_name(std::string name) {
  for (char& c : name)
    if (c < 0x20 || c > 0x7D || c == '=') c = '_';
  return name;
}

// The vendor and the comments of Vorbis, in their common form.
void put_comments(LittleEndian& out, const MuxHints& hints) {
  const std::string vendor = std::string("rtpx ") + version();
  out.put<std::uint32_t>(static_cast<std::uint32_t>(vendor.size())).text(vendor);
  std::vector<std::string> comments;
  if (!hints.title.empty()) comments.push_back("TITLE=" + hints.title);
  for (const auto& [name, value] : hints.tags) comments.push_back(vorbis_name(name) + "=" + value);
  if (!hints.date_utc.empty()) comments.push_back("DATE=" + hints.date_utc);
  out.put<std::uint32_t>(static_cast<std::uint32_t>(comments.size()));
  for (const std::string& comment : comments)
    out.put<std::uint32_t>(static_cast<std::uint32_t>(comment.size())).text(comment);
}

}  // namespace

Result<std::unique_ptr<Muxer>> OggWriter::open(const std::filesystem::path& path, const OutputTrack& track,
                                               const MuxHints& hints, FileSystem& files) {
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  auto writer = std::make_unique<OggWriter>(std::move(*out));
  if (auto written = writer->write_headers(track, hints); !written)
    return std::unexpected(Error{written.error().code, path.string() + ": " + written.error().message});
  return writer;
}

Result<void> OggWriter::write_headers(const OutputTrack& track, const MuxHints& hints) {
  LittleEndian comments;
  if (codec_of(track.mime_type) == CodecId::opus) {
    const auto head = opus_head(track);
    if (!head) return std::unexpected(head.error());
    pre_skip_ = head->pre_skip;
    if (auto added = add(head->bytes, 0); !added) return added;
    comments.text("OpusTags");
    put_comments(comments, hints);
  } else {
    Bytes setup = track.config.codec_private;
    if (setup.size() >= 42 && as_text(setup.first(4)) == "fLaC") setup = setup.subspan(8, 34);
    if (setup.size() != 34)
      return fail(Errc::invalid_argument, "the codec configuration of a track of " + track.mime_type +
                                              " is not known (no STREAMINFO)");
    rate_ = std::max<std::int64_t>(track.config.sample_rate, 1);
    LittleEndian first, body;
    first
        .text(
            "\x7F"
            "FLAC\x01")
        .text(std::string_view("\0\0\x01", 3))
        .text("fLaC");
    first.text(std::string_view("\0\0\0\x22", 4)).text(as_text(setup));
    if (auto added = add(first.bytes(), 0); !added) return added;
    put_comments(body, hints);
    const auto size = static_cast<std::uint32_t>(body.bytes().size());
    std::array<std::byte, 4> head;
    store_be(head.data(), 0x84000000U | (size & 0xFFFFFF));  // the last block, of comments
    comments.text(as_text(head)).text(as_text(body.bytes()));
  }
  if (auto written = write_page(kFirst); !written) return written;
  if (auto added = add(comments.bytes(), 0); !added) return added;
  return write_page(0);
}

// A packet ends with a lacing value below 255.
Result<void> OggWriter::add(Bytes packet, std::int64_t granule) {
  for (;;) {
    const std::size_t part = std::min<std::size_t>(packet.size(), 255);
    lacing_.push_back(static_cast<std::byte>(part));
    packets_.insert(packets_.end(), packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(part));
    packet = packet.subspan(part);
    if (part < 255) break;
    if (lacing_.size() < kMostSegments) continue;
    if (auto written = write_page(0); !written) return written;
    continued_ = true;
  }
  granule_ = granule;
  return {};
}

Result<void> OggWriter::write_page(unsigned flags) {
  LittleEndian head;
  head.text("OggS").put<std::uint8_t>(0);
  head.put<std::uint8_t>(static_cast<std::uint8_t>(flags | (continued_ ? kContinued : 0)));
  head.put<std::int64_t>(granule_).put<std::uint32_t>(kSerial).put<std::uint32_t>(pages_++);
  head.put<std::uint32_t>(0).put<std::uint8_t>(static_cast<std::uint8_t>(lacing_.size()));
  std::vector<std::byte> page(head.bytes().begin(), head.bytes().end());
  page.insert(page.end(), lacing_.begin(), lacing_.end());
  LittleEndian sum;
  sum.put<std::uint32_t>(crc(crc(0, page), packets_));
  std::ranges::copy(sum.bytes(), page.begin() + 22);
  if (auto written = out_->append(page); !written) return written;
  auto written = out_->append(packets_);
  lacing_.clear();
  packets_.clear();
  granule_ = kNoneEnds;
  continued_ = false;
  return written;
}

std::int64_t OggWriter::granule(std::int64_t ns) const {
  return ns / kOggSecond * rate_ + (ns % kOggSecond * rate_ + kOggSecond / 2) / kOggSecond;
}

Result<void> OggWriter::write(const Sample& sample) {
  if (sample.time_ns < 0)
    return fail(Errc::invalid_argument, out_->path().string() + ": a packet before the start");
  if (zero_ns_ < 0) zero_ns_ = page_began_ns_ = end_ns_ = sample.time_ns;
  // The packet's end tells a page's time, and the lengths of its packets that of its beginning.
  const bool gap = sample.time_ns - end_ns_ > kOggGapNs;
  if (!lacing_.empty() && (gap || sample.time_ns - page_began_ns_ >= kOggSecond ||
                           lacing_.size() + sample.data.size() / 255 + 1 > kMostSegments)) {
    if (auto written = write_page(0); !written) return written;
  }
  if (lacing_.empty()) page_began_ns_ = sample.time_ns;
  const std::int64_t heard = std::max<std::int64_t>(sample.duration_ns - sample.discard_ns, 0);
  end_ns_ = std::max(end_ns_, sample.time_ns + heard);
  return add(sample.data, granule(end_ns_ - zero_ns_));
}

Result<void> OggWriter::finish() {
  if (auto written = write_page(kLast); !written) return written;
  return out_->publish();
}

}  // namespace rtpx
