#include "mux/flac_writer.hpp"

#include <algorithm>

#include "mux/little_endian.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kInfoSize = 34;                     // RFC 9639 section 8.2
constexpr std::size_t kInfoAt = 8;                        // behind the marker and the block's header
constexpr std::uint32_t kLastBlock = 0x80, kComments = 4;  // section 8.1
constexpr std::int64_t kFlacSecondNs = 1'000'000'000;

void store_be24(std::byte* to, std::uint32_t value) {
  for (int i = 0; i < 3; ++i) to[i] = static_cast<std::byte>(value >> (16 - 8 * i));
}

/// Section 8.6.
std::vector<std::byte> comments_of(const MuxHints& hints) {
  std::vector<std::string> fields;
  if (!hints.title.empty()) fields.push_back("TITLE=" + hints.title);
  if (!hints.date_utc.empty()) fields.push_back("DATE=" + hints.date_utc);
  LittleEndian body;
  body.put<std::uint32_t>(4).text("rtpx").put<std::uint32_t>(static_cast<std::uint32_t>(fields.size()));
  for (const std::string& field : fields) body.put<std::uint32_t>(static_cast<std::uint32_t>(field.size())).text(field);
  std::vector<std::byte> out(4);
  out[0] = static_cast<std::byte>(kLastBlock | kComments);
  store_be24(out.data() + 1, static_cast<std::uint32_t>(body.bytes().size()));
  out.insert(out.end(), body.bytes().begin(), body.bytes().end());
  return out;
}

}  // namespace

Result<std::unique_ptr<Muxer>> FlacWriter::open(const std::filesystem::path& path, const OutputTrack& track,
                                                const MuxHints& hints, FileSystem& files) {
  const Bytes info = track.config.codec_private;
  if (info.size() != kInfoSize || track.config.sample_rate == 0)
    return fail(Errc::invalid_argument, path.string() + ": the codec configuration is not known (no STREAMINFO)");
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  LittleEndian head;
  head.text("fLaC").text(std::string_view("\0\0\0\x22", 4)).text(as_text(info));
  auto written = (*out)->append(head.bytes());
  if (written) written = (*out)->append(comments_of(hints));
  if (!written) return std::unexpected(written.error());
  return std::make_unique<FlacWriter>(std::move(*out), std::vector<std::byte>(info.begin(), info.end()),
                                      track.config.sample_rate);
}

Result<void> FlacWriter::write(const Sample& sample) {
  const auto size = static_cast<std::uint32_t>(sample.data.size());
  smallest_ = smallest_ == 0 ? size : std::min(smallest_, size);
  largest_ = std::max(largest_, size);
  end_ns_ = sample.time_ns + sample.duration_ns - sample.discard_ns;
  return out_->append(sample.data);
}

Result<void> FlacWriter::finish() {
  const std::int64_t samples = end_ns_ / kFlacSecondNs * rate_ + (end_ns_ % kFlacSecondNs * rate_ + kFlacSecondNs / 2) / kFlacSecondNs;
  store_be24(info_.data() + 4, smallest_);
  store_be24(info_.data() + 7, largest_);
  // 36 bits behind rate, channels and depth.
  info_[13] = (info_[13] & std::byte{0xF0}) | static_cast<std::byte>(samples >> 32 & 0x0F);
  for (std::size_t i = 0; i < 4; ++i) info_[14 + i] = static_cast<std::byte>(samples >> (24 - 8 * i));
  std::fill(info_.begin() + 18, info_.end(), std::byte{0});
  if (auto written = out_->patch(kInfoAt, info_); !written) return written;
  return out_->publish();
}

}  // namespace rtpx
