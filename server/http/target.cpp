#include "server/http/target.hpp"

#include <algorithm>

namespace rtpx::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

bool is_forbidden(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\';
}

bool is_component(const std::string& text) {
  return !text.empty() && text != "." && text != ".." && std::ranges::none_of(text, is_forbidden);
}

/// Calls `take` with each part between separators; stops when it answers false.
template <typename Take>
bool each_part(std::string_view text, char separator, Take take) {
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(separator, from), text.size());
    if (!take(text.substr(from, end - from))) return false;
    from = end + 1;
  }
  return true;
}

void append_encoded(std::string& out, char c) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

std::optional<Target> Target::parse(std::string_view origin_form) {
  if (!origin_form.starts_with('/')) return std::nullopt;
  Target out;
  const auto question = origin_form.find('?');
  const std::string_view path = origin_form.substr(1, question == origin_form.npos ? question : question - 1);
  const bool good = path.empty() || each_part(path, '/', [&](std::string_view part) {
                      auto component = decoded(part, false);
                      if (!component || !is_component(*component)) return false;
                      out.path.push_back(*std::move(component));
                      return true;
                    });
  if (!good) return std::nullopt;
  if (question == origin_form.npos) return out;
  const bool readable = each_part(origin_form.substr(question + 1), '&', [&](std::string_view part) {
    if (part.empty()) return true;
    const auto equals = std::min(part.find('='), part.size());
    auto name = decoded(part.substr(0, equals), true);
    auto value = decoded(part.substr(std::min(equals + 1, part.size())), true);
    if (name && value) out.query.emplace_back(*std::move(name), *std::move(value));
    return name && value;
  });
  if (!readable) return std::nullopt;
  return out;
}

std::optional<std::string> Target::parameter(std::string_view name) const {
  const auto at = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  if (at == query.end()) return std::nullopt;
  return at->second;
}

std::string Target::text() const {
  std::string out = path.empty() ? "/" : "";
  for (const std::string& component : path) out += "/" + percent_encoded(component);
  char separator = '?';
  for (const auto& [name, value] : query)
    out += std::exchange(separator, '&') + percent_encoded(name) + "=" + percent_encoded(value);
  return out;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    if (c > ' ' && c < 0x7f)
      out += c;
    else
      append_encoded(out, c);
  }
  return text.size() > kMost ? out + "…" : out;
}

std::string percent_encoded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else
      append_encoded(out, c);
  }
  return out;
}

}  // namespace rtpx::http
