#include "mux/ivf_writer.hpp"

#include <array>

#include "mux/little_endian.hpp"
#include "mux/payload.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kFrameCountAt = 24;
constexpr std::array kTemporalDelimiter{std::byte{0x12}, std::byte{0}};

}  // namespace

Result<std::unique_ptr<Muxer>> IvfWriter::open(const std::filesystem::path& path, const OutputTrack& track,
                                               FileSystem& files) {
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  const CodecId codec = *codec_of(track.mime_type);
  LittleEndian head;
  head.text("DKIF").put<std::uint16_t>(0).put<std::uint16_t>(32);
  head.text(codec == CodecId::vp8 ? "VP80" : codec == CodecId::vp9 ? "VP90" : "AV01");
  head.put<std::uint16_t>(static_cast<std::uint16_t>(track.config.width));
  head.put<std::uint16_t>(static_cast<std::uint16_t>(track.config.height));
  head.put<std::uint32_t>(90'000).put<std::uint32_t>(1);
  head.put<std::uint32_t>(0).put<std::uint32_t>(0);  // frames, patched; reserved
  if (auto written = (*out)->append(head.bytes()); !written) return std::unexpected(written.error());
  return std::make_unique<IvfWriter>(std::move(*out), codec);
}

Result<void> IvfWriter::write(const Sample& sample) {
  const bool av1 = codec_ == CodecId::av1;
  const Bytes data = av1 ? without_temporal_delimiter(sample.data) : sample.data;
  const Bytes delimiter = av1 ? Bytes(kTemporalDelimiter) : Bytes();
  const auto ticks = static_cast<std::uint64_t>((sample.time_ns / 1000 * 9 + 50) / 100);
  LittleEndian head;
  head.put<std::uint32_t>(static_cast<std::uint32_t>(delimiter.size() + data.size()))
      .put<std::uint64_t>(ticks);
  ++frames_;
  for (const Bytes part : {head.bytes(), delimiter, data})
    if (auto written = out_->append(part); !written) return written;
  return {};
}

Result<void> IvfWriter::finish() {
  LittleEndian count;
  count.put<std::uint32_t>(frames_);
  if (auto written = out_->patch(kFrameCountAt, count.bytes()); !written) return written;
  return out_->publish();
}

}  // namespace rtpx
