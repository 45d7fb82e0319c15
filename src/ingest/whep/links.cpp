#include "ingest/whep/links.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"

namespace rtpx::whep {
namespace {

constexpr std::size_t kMaxUri = 512;

/// Reads a header's value from left to right.
class LinkCursor {
 public:
  explicit LinkCursor(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool done() const { return rest_.empty(); }
  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Up to the character, which is taken too; nullopt: it does not come.
  std::optional<std::string_view> until(char c) {
    const std::size_t end = rest_.find(c);
    if (end == rest_.npos) return std::nullopt;
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::string_view token() {
    skip_space();
    const std::size_t end = std::min(rest_.find_first_of(" \t=;,\"<>"), rest_.size());
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return out;
  }
  /// A token or a quoted string (RFC 9110 section 5.6.4), without its escapes.
  std::string value() {
    if (!take('"')) return std::string(token());
    std::string out;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
    return out;
  }

 private:
  void skip_space() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

/// The relations stand in one parameter, between spaces.
bool names_ice_server(std::string_view relations) {
  while (!relations.empty()) {
    const std::size_t end = std::min(relations.find(' '), relations.size());
    if (equals_ignoring_case(relations.substr(0, end), "ice-server")) return true;
    relations.remove_prefix(std::min(end + 1, relations.size()));
  }
  return false;
}

}  // namespace

std::vector<std::string> ice_server_links(std::string_view header) {
  std::vector<std::string> out;
  LinkCursor in(header);
  while (!in.done() && out.size() < kMaxIceServers) {
    if (!in.take('<')) {
      if (!in.until(',')) break;
      continue;
    }
    const auto uri = in.until('>');
    if (!uri) break;
    bool wanted = false;
    while (in.take(';')) {
      const std::string_view name = in.token();
      std::string value;
      if (in.take('=')) value = in.value();
      wanted |= equals_ignoring_case(name, "rel") && names_ice_server(value);
    }
    if (wanted && !uri->empty() && uri->size() <= kMaxUri) out.emplace_back(*uri);
    if (!in.take(',')) break;
  }
  return out;
}

std::optional<StunServer> parse_stun_uri(std::string_view uri) {
  if (uri.size() > kMaxUri || uri.size() < 6 || !equals_ignoring_case(uri.substr(0, 5), "stun:")) return std::nullopt;
  uri.remove_prefix(5);
  uri = uri.substr(0, uri.find('?'));
  StunServer out;
  std::string_view port;
  if (uri.starts_with('[')) {
    const std::size_t end = uri.find(']');
    if (end == uri.npos) return std::nullopt;
    out.host = uri.substr(1, end - 1);
    port = uri.substr(end + 1);
  } else {
    const std::size_t end = std::min(uri.find(':'), uri.size());
    out.host = uri.substr(0, end);
    port = uri.substr(end);
  }
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':';
  };
  if (out.host.empty() || !std::ranges::all_of(out.host, allowed)) return std::nullopt;
  if (port.empty()) return out;
  if (!port.starts_with(':')) return std::nullopt;
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.port == 0) return std::nullopt;
  return out;
}

}  // namespace rtpx::whep
