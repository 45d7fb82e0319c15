#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/ascii.hpp"
#include "repair/repairer.hpp"

namespace rtpx {
namespace {

PayloadRole role_of(std::string_view mime_type) {
  const std::size_t slash = mime_type.find('/');
  if (slash == std::string_view::npos) return PayloadRole::unknown;
  const std::string_view name = mime_type.substr(slash + 1);
  struct Named {
    std::string_view name;
    PayloadRole role;
  };
  static constexpr Named kNames[] = {{"rtx", PayloadRole::rtx},
                                     {"red", PayloadRole::red},
                                     {"ulpfec", PayloadRole::ulpfec},
                                     {"flexfec-03", PayloadRole::flexfec},
                                     {"flexfec", PayloadRole::flexfec},
                                     {"CN", PayloadRole::comfort_noise},
                                     {"telephone-event", PayloadRole::telephone_event}};
  for (const Named& known : kNames)
    if (equals_ignoring_case(name, known.name)) return known.role;
  return PayloadRole::media;
}

/// The number after "apt=" of an RTX codec's fmtp; nullopt when there is none below 128.
std::optional<std::uint8_t> apt_of(std::string_view fmtp) {
  const std::size_t at = fmtp.find("apt=");
  if (at == std::string_view::npos) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(fmtp.data() + at + 4, fmtp.data() + fmtp.size(), value);
  if (error != std::errc() || value > 127) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

}  // namespace

PayloadTypes::PayloadTypes(const std::vector<Codec>& codecs) : codecs_(codecs) {
  std::ranges::fill(roles_, PayloadRole::unknown);
  std::ranges::fill(index_, std::int16_t{-1});
  for (std::size_t i = 0; i < codecs_.size() && i < 1000; ++i) {
    const std::uint8_t type = codecs_[i].payload_type & 0x7F;
    if (index_[type] >= 0) continue;  // the first of a repeated payload type counts
    index_[type] = static_cast<std::int16_t>(i);
    roles_[type] = role_of(codecs_[i].mime_type);
  }
}

const Codec* PayloadTypes::codec(std::uint8_t payload_type) const noexcept {
  const std::int16_t at = index_[payload_type & 0x7F];
  return at < 0 ? nullptr : &codecs_[static_cast<std::size_t>(at)];
}

std::optional<std::uint8_t> PayloadTypes::repaired_type(std::uint8_t payload_type) const noexcept {
  if (role(payload_type) != PayloadRole::rtx) return std::nullopt;
  const Codec* rtx = codec(payload_type);
  if (rtx->sdp_fmtp_line)
    if (const auto apt = apt_of(*rtx->sdp_fmtp_line)) return apt;
  std::optional<std::uint8_t> only;
  for (const Codec& other : codecs_) {
    if (role(other.payload_type) != PayloadRole::media) continue;
    if (only && *only != other.payload_type) return std::nullopt;
    only = other.payload_type & 0x7F;
  }
  return only;
}

bool PayloadTypes::has(PayloadRole wanted) const noexcept {
  return std::ranges::find(roles_, wanted) != std::end(roles_);
}

}  // namespace rtpx
