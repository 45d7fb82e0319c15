#include "mux/wav_writer.hpp"

#include <algorithm>
#include <array>

#include "mux/little_endian.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kToleratedNs = 5'000'000;  // rounding and jitter of the time line, not a gap
constexpr std::uint32_t kPlainFormat = 16, kExtendedFormat = 18;  // bytes of fmt; PCM has no extension
constexpr std::size_t kHeadSize = 12 + 36 + 8 + 12 + 8;           // but for fmt's bytes

std::int64_t octets_per_second(CodecId codec, std::uint32_t rate, std::uint16_t channels) {
  if (codec == CodecId::g722) return rate / 2 * channels;
  return static_cast<std::int64_t>(rate) * channels * (codec == CodecId::l16 ? 2 : 1);
}

// An octet that decodes to (next to) nothing, also as a G.722 code after anything.
std::byte silent_octet(CodecId codec) {
  if (codec == CodecId::pcmu) return std::byte{0xFF};
  if (codec == CodecId::pcma) return std::byte{0xD5};
  if (codec == CodecId::g722) return std::byte{0xFA};
  return std::byte{0};
}

std::uint16_t format_tag(CodecId codec) {
  switch (codec) {
    case CodecId::pcmu:
      return 7;
    case CodecId::pcma:
      return 6;
    case CodecId::g722:
      return 0x028F;
    default:
      return 1;
  }
}

}  // namespace

Result<std::unique_ptr<Muxer>> WavWriter::open(const std::filesystem::path& path, const OutputTrack& track,
                                               FileSystem& files) {
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  auto writer = std::make_unique<WavWriter>(std::move(*out), track);
  if (auto written = writer->out_->append(writer->head()); !written) return std::unexpected(written.error());
  return writer;
}

WavWriter::WavWriter(std::unique_ptr<PublishedFile> out, const OutputTrack& track)
    : out_(std::move(out)),
      codec_(*codec_of(track.mime_type)),
      rate_(codec_ == CodecId::g722         ? 16'000
            : track.config.sample_rate != 0 ? track.config.sample_rate
                                            : 8'000),
      channels_(std::max<std::uint16_t>(track.config.channels, 1)),
      octets_per_second_(octets_per_second(codec_, rate_, channels_)) {}

std::vector<std::byte> WavWriter::head() const {
  const std::uint32_t format_size = codec_ == CodecId::l16 ? kPlainFormat : kExtendedFormat;
  const auto head_size = static_cast<std::int64_t>(kHeadSize + format_size);
  const bool large = written_ + head_size > 0xFFFFFFF0LL;
  const auto bits = static_cast<std::uint16_t>(codec_ == CodecId::l16 ? 16 : codec_ == CodecId::g722 ? 4 : 8);
  const std::int64_t riff_size = written_ + written_ % 2 + head_size - 8;
  const std::int64_t samples = written_ * rate_ / std::max<std::int64_t>(octets_per_second_, 1);
  const auto low = [&](std::int64_t value) {
    return large ? 0xFFFFFFFFU : static_cast<std::uint32_t>(value);
  };

  LittleEndian out;
  out.text(large ? "RF64" : "RIFF").put<std::uint32_t>(low(riff_size)).text("WAVE");
  out.text(large ? "ds64" : "JUNK").put<std::uint32_t>(28);
  out.put<std::int64_t>(large ? riff_size : 0).put<std::int64_t>(large ? written_ : 0);
  out.put<std::int64_t>(large ? samples : 0).put<std::uint32_t>(0);
  out.text("fmt ")
      .put<std::uint32_t>(format_size)
      .put<std::uint16_t>(format_tag(codec_))
      .put<std::uint16_t>(channels_);
  out.put<std::uint32_t>(rate_).put<std::uint32_t>(static_cast<std::uint32_t>(octets_per_second_));
  out.put<std::uint16_t>(static_cast<std::uint16_t>(channels_ * (codec_ == CodecId::l16 ? 2 : 1)));
  out.put<std::uint16_t>(bits);
  if (format_size == kExtendedFormat) out.put<std::uint16_t>(0);
  out.text("fact").put<std::uint32_t>(4).put<std::uint32_t>(low(samples));
  out.text("data").put<std::uint32_t>(low(written_));
  return {out.bytes().begin(), out.bytes().end()};
}

Result<void> WavWriter::fill_silence(std::int64_t octets) {
  std::array<std::byte, 4096> silence;
  silence.fill(silent_octet(codec_));
  while (octets > 0) {
    const auto step = static_cast<std::size_t>(std::min<std::int64_t>(octets, silence.size()));
    if (auto written = out_->append(Bytes(silence).first(step)); !written) return written;
    octets -= static_cast<std::int64_t>(step);
    written_ += static_cast<std::int64_t>(step);
  }
  return {};
}

Result<void> WavWriter::write(const Sample& sample) {
  if (sample.time_ns < 0)
    return fail(Errc::invalid_argument, out_->path().string() + ": a packet before the start");
  const std::int64_t unit = channels_ * (codec_ == CodecId::l16 ? 2 : 1);
  // In two steps: nanoseconds times octets a second overflow after some hours.
  const std::int64_t place = (sample.time_ns / kNsPerSecond * octets_per_second_ +
                              sample.time_ns % kNsPerSecond * octets_per_second_ / kNsPerSecond) /
                             unit * unit;
  const std::int64_t tolerated = octets_per_second_ * kToleratedNs / kNsPerSecond;
  Bytes data =
      sample.data.first(sample.data.size() / static_cast<std::size_t>(unit) * static_cast<std::size_t>(unit));
  if (place - written_ > tolerated) {
    if (auto filled = fill_silence(place - written_); !filled) return filled;
  } else if (written_ - place > tolerated) {
    data = data.subspan(std::min(data.size(), static_cast<std::size_t>(written_ - place)));
  }
  if (sample.discard_ns > 0) {
    const auto cut =
        static_cast<std::size_t>(sample.discard_ns * (octets_per_second_ / unit) / kNsPerSecond * unit);
    data = data.first(data.size() - std::min(data.size(), cut));
  }
  written_ += static_cast<std::int64_t>(data.size());
  return out_->append(data);
}

Result<void> WavWriter::finish() {
  static constexpr std::array kPad{std::byte{0}};
  if (written_ % 2 != 0)
    if (auto padded = out_->append(kPad); !padded) return padded;
  if (auto written = out_->patch(0, head()); !written) return written;
  return out_->publish();
}

}  // namespace rtpx
