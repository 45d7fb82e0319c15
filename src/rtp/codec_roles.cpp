#include "rtp/codec_roles.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.hpp"

namespace rtpx {
namespace {

struct Named {
  std::string_view name;
  PayloadRole role;
};

constexpr std::array kNames = {Named{"VP8", PayloadRole::media},
                               Named{"VP9", PayloadRole::media},
                               Named{"AV1", PayloadRole::media},
                               Named{"H264", PayloadRole::media},
                               Named{"H265", PayloadRole::media},
                               Named{"opus", PayloadRole::media},
                               Named{"multiopus", PayloadRole::media},
                               Named{"G722", PayloadRole::media},
                               Named{"PCMU", PayloadRole::media},
                               Named{"PCMA", PayloadRole::media},
                               Named{"L16", PayloadRole::media},
                               Named{"rtx", PayloadRole::rtx},
                               Named{"red", PayloadRole::red},
                               Named{"ulpfec", PayloadRole::ulpfec},
                               Named{"flexfec-03", PayloadRole::flexfec},
                               Named{"flexfec", PayloadRole::flexfec},
                               Named{"parityfec", PayloadRole::other_fec},
                               Named{"1d-interleaved-parityfec", PayloadRole::other_fec},
                               Named{"CN", PayloadRole::comfort_noise},
                               Named{"telephone-event", PayloadRole::telephone_event}};

const Named* find(std::string_view mime_type) noexcept {
  const std::string_view name = encoding_name(mime_type);
  const auto* const at =
      std::ranges::find_if(kNames, [&](const Named& one) { return equals_ignoring_case(one.name, name); });
  return at == kNames.end() ? nullptr : at;
}

}  // namespace

std::string_view encoding_name(std::string_view mime_type) noexcept {
  const std::size_t slash = mime_type.find('/');
  return slash == std::string_view::npos ? std::string_view() : mime_type.substr(slash + 1);
}

PayloadRole payload_role(std::string_view mime_type) noexcept {
  if (mime_type.find('/') == std::string_view::npos) return PayloadRole::unknown;
  const Named* const known = find(mime_type);
  return known == nullptr ? PayloadRole::media : known->role;
}

bool is_known_media(std::string_view mime_type) noexcept {
  const Named* const known = find(mime_type);
  return known != nullptr && known->role == PayloadRole::media;
}

std::optional<std::uint8_t> associated_payload_type(const Codec& codec) {
  if (!codec.sdp_fmtp_line || payload_role(codec.mime_type) != PayloadRole::rtx) return std::nullopt;
  const std::string_view fmtp = *codec.sdp_fmtp_line;
  const std::size_t at = fmtp.find("apt=");
  if (at == std::string_view::npos) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(fmtp.data() + at + 4, fmtp.data() + fmtp.size(), value);
  if (error != std::errc() || value > 127) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

std::string known_media_names() {
  std::string out;
  for (const Named& one : kNames)
    if (one.role == PayloadRole::media) out += (out.empty() ? "" : ", ") + std::string(one.name);
  return out;
}

}  // namespace rtpx
