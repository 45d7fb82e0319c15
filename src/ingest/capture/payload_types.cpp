#include "ingest/capture/payload_types.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "ingest/sdp/sdp.hpp"
#include "ingest/sdp/text.hpp"
#include "rtp/codec_roles.hpp"

namespace rtpx::capture {
namespace {

struct KnownCodec {
  const char* name;
  MediaKind kind;
  std::uint32_t clock_rate;  // 0: several are in use
  std::uint16_t channels;
};

constexpr KnownCodec kKnown[] = {
    {"VP8", MediaKind::video, 90000, 0},
    {"VP9", MediaKind::video, 90000, 0},
    {"AV1", MediaKind::video, 90000, 0},
    {"H264", MediaKind::video, 90000, 0},
    {"H265", MediaKind::video, 90000, 0},
    {"H266", MediaKind::video, 90000, 0},
    {"H263", MediaKind::video, 90000, 0},
    {"H263-1998", MediaKind::video, 90000, 0},
    {"JPEG", MediaKind::video, 90000, 0},
    {"flexfec-03", MediaKind::video, 90000, 0},
    {"flexfec", MediaKind::video, 90000, 0},
    {"ulpfec", MediaKind::video, 90000, 0},
    {"opus", MediaKind::audio, 48000, 2},
    {"multiopus", MediaKind::audio, 48000, 0},
    {"G722", MediaKind::audio, 8000, 1},
    {"PCMU", MediaKind::audio, 8000, 1},
    {"PCMA", MediaKind::audio, 8000, 1},
    {"G729", MediaKind::audio, 8000, 1},
    {"L16", MediaKind::audio, 0, 1},
    {"CN", MediaKind::audio, 0, 1},
    {"telephone-event", MediaKind::audio, 0, 1},
};

const KnownCodec* find_known(std::string_view name) {
  const auto* const at =
      std::ranges::find_if(kKnown, [&](const auto& known) { return equals_ignoring_case(known.name, name); });
  return at == std::end(kKnown) ? nullptr : at;
}

Codec make_codec(std::uint8_t type, MediaKind kind, std::string_view name, std::uint32_t clock_rate,
                 std::uint16_t channels) {
  Codec codec;
  codec.payload_type = type;
  codec.mime_type = std::string(kind == MediaKind::audio ? "audio/" : "video/") + std::string(name);
  codec.clock_rate = clock_rate;
  if (kind == MediaKind::audio && channels != 0) codec.channels = channels;
  return codec;
}

Unexpected<Error> bad_mapping(std::string_view text, const std::string& why) {
  return fail(Errc::invalid_argument,
              "--map " + std::string(text) + ": " + why +
                  "; give PT=CODEC/CLOCK[/CHANNELS], such as 96=VP8/90000 or 97=rtx/96");
}

}  // namespace

bool repairs(const Codec& codec) {
  switch (payload_role(codec.mime_type)) {
    case PayloadRole::rtx:
    case PayloadRole::ulpfec:
    case PayloadRole::flexfec:
    case PayloadRole::other_fec:
      return true;
    default:
      return false;
  }
}

MediaKind kind_of(const Codec& codec) {
  return codec.mime_type.starts_with("audio/") ? MediaKind::audio : MediaKind::video;
}

Result<Codec> parse_mapping(std::string_view text) {
  std::string_view rest = text;
  const auto type = sdp::to_number<std::uint8_t>(sdp::take_until(rest, '='));
  if (!type || *type > 127) return bad_mapping(text, "the payload type is no number from 0 to 127");
  std::string_view codec_text = sdp::take_until(rest, ';');
  const std::string_view name = sdp::take_until(codec_text, '/');
  if (name.empty()) return bad_mapping(text, "there is no codec name");
  const std::string_view clock_text = sdp::take_until(codec_text, '/');
  const auto number = sdp::to_number<std::uint32_t>(clock_text);
  if (!clock_text.empty() && !number)
    return bad_mapping(text, "\"" + std::string(clock_text) + "\" is no number");

  Codec codec;
  if (equals_ignoring_case(name, "rtx")) {
    if (!number || *number > 127)
      return bad_mapping(text, "after rtx/ comes the payload type that it repairs");
    codec = make_codec(*type, MediaKind::video, "rtx", 90000, 0);
    codec.sdp_fmtp_line = std::to_string(*type) + " apt=" + std::to_string(*number);
    return codec;
  }
  const KnownCodec* known = find_known(name);
  const std::uint32_t clock_rate = number.value_or(known != nullptr ? known->clock_rate : 0);
  if (clock_rate == 0) return bad_mapping(text, "the clock rate is missing");
  // RED and codecs that we do not know: every video payload format has a 90 kHz clock.
  const MediaKind kind = known != nullptr       ? known->kind
                         : clock_rate == 90'000 ? MediaKind::video
                                                : MediaKind::audio;
  const auto channels = sdp::to_number<std::uint16_t>(codec_text);
  if (!codec_text.empty() && !channels) return bad_mapping(text, "the number of channels is no number");
  codec = make_codec(*type, kind, known != nullptr ? known->name : name, clock_rate,
                     channels.value_or(known != nullptr ? known->channels : 1));
  if (!rest.empty()) codec.sdp_fmtp_line = std::to_string(*type) + " " + std::string(rest);
  return codec;
}

void complete_mappings(std::map<std::uint8_t, Codec>& mappings) {
  for (auto& [type, codec] : mappings) {
    const auto media_type = associated_payload_type(codec);
    if (!media_type) continue;
    const auto repaired = mappings.find(*media_type);
    if (repaired == mappings.end()) continue;
    codec.clock_rate = repaired->second.clock_rate;
    codec.mime_type = kind_of(repaired->second) == MediaKind::audio ? "audio/rtx" : "video/rtx";
  }
}

std::optional<Codec> codec_of_hint(const TrackHint& hint, std::uint8_t payload_type) {
  if (hint.red_payload_type == payload_type)
    return make_codec(payload_type, MediaKind::audio, "red", 48000, 2);
  Codec codec;
  if (equals_ignoring_case(hint.codec, "l16-48") || equals_ignoring_case(hint.codec, "l16")) {
    codec = make_codec(payload_type, hint.kind, "L16",
                       equals_ignoring_case(hint.codec, "l16") ? 16000 : 48000, 1);
  } else if (const KnownCodec* known = find_known(hint.codec); known != nullptr && known->kind == hint.kind) {
    codec = make_codec(payload_type, known->kind, known->name, known->clock_rate, known->channels);
  } else {
    return std::nullopt;
  }
  if (!hint.fmtp.empty()) codec.sdp_fmtp_line = std::to_string(payload_type) + " " + hint.fmtp;
  return codec;
}

}  // namespace rtpx::capture
