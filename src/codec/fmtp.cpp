#include "codec/fmtp.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace rtpx {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

// "111 minptime=10" -> "minptime=10"; a line without a payload type stays.
std::string_view without_payload_type(std::string_view line) noexcept {
  line = trimmed(line);
  const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  if (digits > 0 && digits < line.size() && line[digits] == ' ') line.remove_prefix(digits);
  return line;
}

}  // namespace

std::optional<std::string_view> fmtp_parameter(const Codec& codec, std::string_view name) noexcept {
  if (!codec.sdp_fmtp_line) return std::nullopt;
  std::string_view rest = without_payload_type(*codec.sdp_fmtp_line);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view entry = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = entry.find('=');
    if (!equals_ignoring_case(trimmed(entry.substr(0, equals)), name)) continue;
    if (equals == std::string_view::npos) return std::string_view();
    return trimmed(entry.substr(equals + 1));
  }
  return std::nullopt;
}

}  // namespace rtpx
