#include "mux/matroska_tracks.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "mux/matroska_ids.hpp"
#include "mux/opus_head.hpp"

namespace rtpx {
namespace {

using namespace matroska;

const char* codec_name(CodecId codec) noexcept {
  switch (codec) {
    case CodecId::vp8:
      return "V_VP8";
    case CodecId::vp9:
      return "V_VP9";
    case CodecId::av1:
      return "V_AV1";
    case CodecId::h264:
      return "V_MPEG4/ISO/AVC";
    case CodecId::h265:
      return "V_MPEGH/ISO/HEVC";
    case CodecId::opus:
      return "A_OPUS";
    case CodecId::pcmu:
    case CodecId::pcma:
    case CodecId::g722:
      return "A_MS/ACM";
    case CodecId::l16:
      return "A_PCM/INT/LIT";
    case CodecId::aac:
      return "A_AAC";
    case CodecId::flac:
      return "A_FLAC";
  }
  return "";
}

template <typename T>
void append_le(std::vector<std::byte>& out, T value) {
  for (unsigned i = 0; i < sizeof value; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

// WAVEFORMATEX with the format tags of RFC 2361.
std::vector<std::byte> wave_format(CodecId codec, std::uint32_t rate, std::uint16_t channels) {
  const bool g722 = codec == CodecId::g722;
  const std::uint16_t tag = g722 ? 0x028F : codec == CodecId::pcma ? 6 : 7;
  std::vector<std::byte> out;
  append_le<std::uint16_t>(out, tag);
  append_le<std::uint16_t>(out, channels);
  append_le<std::uint32_t>(out, rate);
  append_le<std::uint32_t>(out, (g722 ? rate / 2 : rate) * channels);
  append_le<std::uint16_t>(out, channels);  // nBlockAlign
  append_le<std::uint16_t>(out, g722 ? 4 : 8);
  append_le<std::uint16_t>(out, 0);
  return out;
}

// The WebM container's VP9 CodecPrivate: profile, level, bit depth and chroma as (id, length 1, value), from
// a vpcC. Profile 0 of 8 bits is what is taken without one, and some players refuse any.
std::vector<std::byte> vp9_private(Bytes vpcc) {
  std::vector<std::byte> out;
  if (vpcc.size() >= 12 && vpcc[0] == std::byte{1} && vpcc[1] == std::byte{0}) vpcc = vpcc.subspan(4);
  if (vpcc.size() < 3) return out;
  const auto depth_chroma = static_cast<unsigned>(vpcc[2]);
  if (vpcc[0] == std::byte{0} && depth_chroma >> 4 == 8) return out;
  const std::array<unsigned, 4> values{static_cast<unsigned>(vpcc[0]), static_cast<unsigned>(vpcc[1]),
                                       depth_chroma >> 4, depth_chroma >> 1 & 7};
  for (unsigned feature = 0; feature < values.size(); ++feature) {
    if (feature == 1 && values[feature] == 0) continue;  // level unknown
    for (const unsigned octet : {feature + 1, 1U, values[feature]})
      out.push_back(static_cast<std::byte>(octet));
  }
  return out;
}

Result<std::vector<std::byte>> codec_private(CodecId codec, const OutputTrack& track) {
  const StreamConfig& config = track.config;
  switch (codec) {
    case CodecId::vp8:
      return std::vector<std::byte>{};
    case CodecId::vp9:
      return vp9_private(config.codec_private);
    case CodecId::opus: {
      auto head = opus_head(track);
      if (!head) return std::unexpected(head.error());
      return std::move(head->bytes);
    }
    case CodecId::pcmu:
    case CodecId::pcma:
      return wave_format(codec, config.sample_rate != 0 ? config.sample_rate : 8'000,
                         config.channels != 0 ? config.channels : std::uint16_t{1});
    case CodecId::g722:
      return wave_format(codec, 16'000, config.channels != 0 ? config.channels : std::uint16_t{1});
    case CodecId::l16:
      return std::vector<std::byte>{};
    default:
      break;
  }
  if (config.codec_private.empty())
    return fail(Errc::invalid_argument, "the codec configuration of a track of " + track.mime_type +
                                            " is not known (no parameter sets or sequence header)");
  // Matroska's FLAC begins as the file does: marker, and STREAMINFO as the last metadata block.
  if (codec == CodecId::flac && config.codec_private.size() == 34) {
    std::vector<std::byte> head;
    for (const int octet : {int{'f'}, int{'L'}, int{'a'}, int{'C'}, 0x80, 0, 0, 34})
      head.push_back(static_cast<std::byte>(octet));
    head.insert(head.end(), config.codec_private.begin(), config.codec_private.end());
    return head;
  }
  return config.codec_private;
}

// Positive roll turns counter-clockwise (RFC 9559, ProjectionPoseRoll); yaw of 180 degrees mirrors, before
// the roll.
void write_projection(ebml::Writer& video, const OutputTrack& track) {
  const int clockwise = ((track.rotation % 360) + 360) % 360;
  if (clockwise == 0 && !track.mirrored) return;
  ebml::Writer projection;
  projection.uint(kProjectionType, 0);
  projection.float64(kProjectionPoseYaw, track.mirrored ? 180 : 0);
  projection.float64(kProjectionPosePitch, 0);
  projection.float64(kProjectionPoseRoll, clockwise == 180  ? 180
                                          : clockwise < 180 ? -clockwise
                                                            : 360 - clockwise);
  video.master(kProjection, projection);
}

Result<void> write_video(ebml::Writer& entry, const OutputTrack& track) {
  if (track.config.width <= 0 || track.config.height <= 0)
    return fail(Errc::invalid_argument,
                "the picture size of a track of " + track.mime_type + " is not known");
  ebml::Writer video;
  video.uint(kPixelWidth, static_cast<std::uint64_t>(std::min(track.config.width, 0xFFFF)), 2);
  video.uint(kPixelHeight, static_cast<std::uint64_t>(std::min(track.config.height, 0xFFFF)), 2);
  write_projection(video, track);
  entry.master(kVideo, video);
  return {};
}

std::uint32_t sample_rate(CodecId codec, const StreamConfig& config) noexcept {
  if (codec == CodecId::opus) return 48'000;
  if (codec == CodecId::g722) return 16'000;
  if (config.sample_rate != 0) return config.sample_rate;
  return codec == CodecId::pcmu || codec == CodecId::pcma ? 8'000 : 48'000;
}

void write_audio(ebml::Writer& entry, CodecId codec, const OutputTrack& track, Bytes setup) {
  ebml::Writer audio;
  audio.float64(kSamplingFrequency, sample_rate(codec, track.config));
  const unsigned fallback = codec == CodecId::opus ? static_cast<unsigned>(setup[9]) : 1;  // OpusHead's count
  audio.uint(kChannels, track.config.channels != 0 ? track.config.channels : fallback);
  if (codec == CodecId::l16) audio.uint(kBitDepth, 16);
  entry.master(kAudio, audio);
}

}  // namespace

Result<MatroskaTrack> write_track_entry(ebml::Writer& out, const OutputTrack& track, std::uint64_t number) {
  const auto codec = codec_of(track.mime_type);
  if (!codec) return fail(Errc::unsupported, "Matroska cannot hold " + track.mime_type);
  MatroskaTrack known{*codec, track.codec_delay_ns};

  auto setup = codec_private(*codec, track);
  if (!setup) return std::unexpected(setup.error());

  ebml::Writer entry;
  entry.uint(kTrackNumber, number);
  entry.uint(kTrackUid, number);
  entry.uint(kTrackType, is_video(*codec) ? 1 : 2);
  entry.uint(kFlagLacing, 0);
  if (!track.name.empty()) entry.text(kName, track.name);
  entry.text(kLanguage, "und");
  entry.text(kCodecId, codec_name(*codec));
  if (!setup->empty()) entry.binary(kCodecPrivate, *setup);
  if (*codec == CodecId::opus) {
    known.codec_delay_ns = opus_head(track)->delay_ns();
    entry.uint(kSeekPreRoll, 80'000'000);
  }
  if (known.codec_delay_ns > 0) entry.uint(kCodecDelay, static_cast<std::uint64_t>(known.codec_delay_ns));
  if (is_video(*codec)) {
    if (auto written = write_video(entry, track); !written) return std::unexpected(written.error());
  } else {
    write_audio(entry, *codec, track, *setup);
  }
  out.master(kTrackEntry, entry);
  return known;
}

}  // namespace rtpx
