#include "mux/mp4_track.hpp"

#include <algorithm>
#include <numeric>

#include "codec/vp9_header.hpp"
#include "mux/opus_head.hpp"
#include "mux/parameter_sets.hpp"
#include "mux/payload.hpp"

namespace rtpx {
namespace {

constexpr std::uint32_t kTimescale = 48'000, kHighestTimescale = 1U << 28;

// OpusHead (RFC 7845 section 5.1) in big-endian, without its name: dOps.
std::vector<std::byte> opus_specific(Bytes head) {
  Mp4Boxes out;
  const auto little = [&](std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value |= static_cast<std::uint32_t>(head[at + i]) << (8 * i);
    return value;
  };
  out.put<std::uint8_t>(0).raw(head.subspan(9, 1));
  out.put<std::uint16_t>(static_cast<std::uint16_t>(little(10, 2))).put<std::uint32_t>(little(12, 4));
  out.put<std::uint16_t>(static_cast<std::uint16_t>(little(16, 2))).raw(head.subspan(18));
  return {out.bytes().begin(), out.bytes().end()};
}

// A descriptor of ISO/IEC 14496-1 section 8.3.3, of less than 2^28 bytes.
void descriptor(Mp4Boxes& out, unsigned tag, Bytes content) {
  out.put<std::uint8_t>(static_cast<std::uint8_t>(tag));
  for (int shift = 21; shift >= 0; shift -= 7)
    out.put<std::uint8_t>(
        static_cast<std::uint8_t>((content.size() >> shift & 0x7F) | (shift > 0 ? 0x80U : 0U)));
  out.raw(content);
}

std::vector<std::byte> elementary_stream(Bytes audio_specific_config) {
  Mp4Boxes decoder, stream, out;
  decoder.put<std::uint8_t>(0x40).put<std::uint8_t>(0x15).zeros(11);  // AAC, an audio stream; rates unknown
  descriptor(decoder, 5, audio_specific_config);
  stream.zeros(3);  // ES_ID, flags
  descriptor(stream, 4, decoder.bytes());
  constexpr std::array kPredefinedForMp4{std::byte{2}};
  descriptor(stream, 6, kPredefinedForMp4);
  descriptor(out, 3, stream.bytes());
  return {out.bytes().begin(), out.bytes().end()};
}

// FLAC's configuration may be Matroska's ("fLaC", block header, STREAMINFO) or the STREAMINFO alone.
std::vector<std::byte> flac_specific(Bytes setup) {
  Mp4Boxes out;
  if (setup.size() >= 42 && as_text(setup.first(4)) == "fLaC") setup = setup.subspan(8, 34);
  out.put<std::uint32_t>(0x80U << 24 | static_cast<std::uint32_t>(setup.size())).raw(setup);
  return {out.bytes().begin(), out.bytes().end()};
}

struct Entry {
  const char* type;
  const char* configuration;
  bool full = false;  ///< the configuration box has version and flags, which the setup lacks
};

std::uint32_t sound_rate(CodecId codec, const StreamConfig& config) {
  return codec == CodecId::opus || config.sample_rate == 0 ? 48'000 : config.sample_rate;
}

Entry entry_of(const Mp4Track& track) {
  switch (track.codec) {
    case CodecId::vp8:
      return {"vp08", "vpcC"};
    case CodecId::vp9:
      return {"vp09", "vpcC"};
    case CodecId::av1:
      return {"av01", "av1C"};
    case CodecId::h264:
      return {track.sets_in_band ? "avc3" : "avc1", "avcC"};
    case CodecId::h265:
      return {track.sets_in_band ? "hev1" : "hvc1", "hvcC"};
    case CodecId::opus:
      return {"Opus", "dOps"};
    case CodecId::flac:
      return {"fLaC", "dfLa", true};
    default:
      return {"mp4a", "esds", true};
  }
}

}  // namespace

Result<Mp4Track> Mp4Track::make(const OutputTrack& output, std::uint32_t movie_timescale) {
  Mp4Track track;
  track.output = output;
  const auto codec = codec_of(output.mime_type);
  if (!codec) return fail(Errc::unsupported, "MP4 cannot hold " + output.mime_type);
  track.codec = *codec;
  track.delay_ns = output.codec_delay_ns;
  track.timescale = is_video(*codec) ? movie_timescale : sound_rate(*codec, output.config);
  track.sets_in_band = output.config_changes && has_parameter_sets(*codec);
  const StreamConfig& config = output.config;
  track.setup = config.codec_private;
  if (is_video(*codec) && (config.width <= 0 || config.height <= 0))
    return fail(Errc::invalid_argument,
                "the picture size of a track of " + output.mime_type + " is not known");
  if ((*codec == CodecId::vp8 || *codec == CodecId::vp9) && track.setup.empty())
    track.setup = make_vpcc({}, {config.width, config.height});
  if (*codec == CodecId::opus) {
    const auto head = opus_head(output);
    if (!head) return std::unexpected(head.error());
    track.delay_ns = head->delay_ns();
    track.output.config.channels = static_cast<std::uint16_t>(head->bytes[9]);
    track.setup = opus_specific(head->bytes);
  }
  if (track.setup.empty())
    return fail(Errc::invalid_argument, "the codec configuration of a track of " + output.mime_type +
                                            " is not known (no parameter sets or header)");
  if (*codec == CodecId::aac) track.setup = elementary_stream(track.setup);
  if (*codec == CodecId::flac) track.setup = flac_specific(track.setup);
  return track;
}

Result<Bytes> Mp4Track::payload(const Sample& sample, std::vector<std::byte>& joined) {
  const Bytes data = codec == CodecId::av1 ? without_temporal_delimiter(sample.data) : sample.data;
  if (data.size() > INT32_MAX / 2) return fail(Errc::malformed, "a frame of over 1 GiB");
  if (sample.new_config == nullptr) return data;
  StreamConfig& largest = output.config;
  grew = grew || sample.new_config->width > largest.width || sample.new_config->height > largest.height;
  largest.width = std::max(largest.width, sample.new_config->width);
  largest.height = std::max(largest.height, sample.new_config->height);
  if (sample.new_config->codec_private.empty()) return data;
  if (has_parameter_sets(codec) && !sets_in_band && sample.keyframe)
    return fail(Errc::unsupported, "the parameter sets change, and the file's header says that they do not");
  const auto sets = missing_parameter_sets(codec, sample.new_config->codec_private, data);
  if (!sets) return std::unexpected(sets.error());
  if (sets->empty()) return data;
  joined.assign(sets->begin(), sets->end());
  joined.insert(joined.end(), data.begin(), data.end());
  return joined;
}

void Mp4Track::write_sample_entry(Mp4Boxes& out) const {
  const Entry entry = entry_of(*this);
  out.box(entry.type, [&] {
    out.zeros(6).put<std::uint16_t>(1);  // data_reference_index
    if (video()) {                       // section 12.1.3
      out.zeros(16);
      out.put<std::uint16_t>(static_cast<std::uint16_t>(std::min(output.config.width, 0xFFFF)));
      out.put<std::uint16_t>(static_cast<std::uint16_t>(std::min(output.config.height, 0xFFFF)));
      out.put<std::uint32_t>(72U << 16).put<std::uint32_t>(72U << 16).zeros(4);  // pixels an inch
      out.put<std::uint16_t>(1).zeros(32).put<std::uint16_t>(24).put<std::uint16_t>(0xFFFF);
    } else {  // section 12.2.3
      const std::uint32_t rate = sound_rate(codec, output.config);
      out.zeros(8).put<std::uint16_t>(std::max<std::uint16_t>(output.config.channels, 1));
      out.put<std::uint16_t>(16).zeros(4).put<std::uint32_t>(rate <= 0xFFFF ? rate << 16 : 0);
    }
    out.box(entry.configuration, [&] {
      if (entry.full) out.zeros(4);
      out.raw(setup);
    });
  });
}

std::uint32_t mp4_timescale(const std::vector<OutputTrack>& tracks) {
  std::uint64_t scale = 1;
  for (const OutputTrack& track : tracks) {
    const auto codec = codec_of(track.mime_type);
    if (!codec || is_video(*codec)) continue;
    const std::uint64_t common = std::lcm(scale, std::uint64_t{sound_rate(*codec, track.config)});
    if (common <= kHighestTimescale) scale = common;
  }
  return scale == 1 ? kTimescale : static_cast<std::uint32_t>(scale);
}

std::int64_t mp4_ticks(std::int64_t ns, std::uint32_t timescale) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // In two steps: nanoseconds times the scale overflow after some hours.
  const std::int64_t seconds = ns / kSecond, rest = ns % kSecond;
  const std::int64_t half = ns < 0 ? -kSecond / 2 : kSecond / 2;
  return seconds * timescale + (rest * timescale + half) / kSecond;
}

std::int64_t mp4_rescale(std::int64_t ticks, std::uint32_t from, std::uint32_t to) noexcept {
  if (from == to) return ticks;
  return ticks / from * to + (ticks % from * to + from / 2) / from;
}

}  // namespace rtpx
