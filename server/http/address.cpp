#include "server/http/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace rtpx::http {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kLongestName = 253;

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= kLongestName && std::ranges::all_of(host, is_name_char) &&
         host.front() != '.' && host.find("..") == host.npos;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  IpAddress out;
  if (std::strlen(buffer) != text.size()) return std::nullopt;
  if (::inet_pton(AF_INET6, buffer, out.bytes.data()) == 1) return out;
  std::ranges::copy(kMapped, out.bytes.begin());
  if (::inet_pton(AF_INET, buffer, out.bytes.data() + kMapped.size()) == 1) return out;
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return bytes.back() == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; });
}

IpAddress IpAddress::limit_key() const {
  IpAddress out = *this;
  if (!is_v4()) std::fill(out.bytes.begin() + 8, out.bytes.end(), 0);
  return out;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN];
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? kMapped.size() : 0), buffer, sizeof buffer);
  return buffer;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == text.npos) return IpNetwork{*address};
  const auto bits = number_of<int>(text.substr(slash + 1));
  const int most = address->is_v4() ? 32 : 128;
  if (!bits || *bits < 0 || *bits > most) return std::nullopt;
  return IpNetwork{*address, 128 - most + *bits};
}

bool IpNetwork::contains(const IpAddress& other) const {
  for (int bit = 0; bit < bits; bit += 8) {
    const int mask = bits - bit >= 8 ? 0xff : 0xff << (8 - (bits - bit)) & 0xff;
    const auto at = static_cast<std::size_t>(bit / 8);
    if ((address.bytes[at] & mask) != (other.bytes[at] & mask)) return false;
  }
  return true;
}

std::optional<Authority> Authority::parse(std::string_view text) {
  Authority out;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    out.ip = IpAddress::parse(out.host);
    if (!out.ip || out.host.find(':') == out.host.npos) return std::nullopt;
    rest = text.substr(close + 1);
  } else {
    const auto colon = text.find(':');
    out.host = text.substr(0, colon);
    std::ranges::transform(out.host, out.host.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_name(out.host)) return std::nullopt;
    if (out.host.ends_with('.')) out.host.pop_back();  // the same name, written as absolute
    out.ip = IpAddress::parse(out.host);
    if (colon != text.npos) rest = text.substr(colon);
  }
  if (rest.empty()) return out;
  if (rest.front() != ':') return std::nullopt;
  if (rest.size() == 1) return out;  // RFC 3986 allows an empty port
  out.port = number_of<std::uint16_t>(rest.substr(1));
  if (!out.port) return std::nullopt;
  return out;
}

}  // namespace rtpx::http
