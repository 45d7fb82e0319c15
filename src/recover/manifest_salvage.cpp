#include "recover/manifest_salvage.hpp"

#include <algorithm>
#include <string>

namespace rtpx {

namespace {

constexpr std::size_t kMaxTrackBytes = 1U << 20;

/// The end of the string that begins at `at` (a quote); npos when it does not end.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return std::string_view::npos;
}

/// The end of the object that begins at `at` (a brace).
std::size_t object_end(std::string_view text, std::size_t at) {
  int nesting = 0;
  for (std::size_t i = at; i < text.size() && i - at < kMaxTrackBytes;) {
    const char c = text[i];
    if (c == '"') {
      i = string_end(text, i);
      if (i == std::string_view::npos) return i;
      continue;
    }
    ++i;
    if (c == '{') ++nesting;
    if (c == '}' && --nesting == 0) return i;
  }
  return std::string_view::npos;
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
    ++at;
  return at;
}

/// The end of a `"key": {…}` that begins at `at`; npos when there is none. `seen`: how far the text was
/// looked at.
std::size_t member_end(std::string_view text, std::size_t at, std::size_t& seen) {
  seen = text.size();
  const std::size_t key = string_end(text, at);
  if (key == std::string_view::npos) return key;
  const std::size_t colon = skip_blanks(text, key);
  const std::size_t brace = skip_blanks(text, colon + 1);
  seen = std::min(brace, text.size());
  if (brace >= text.size() || text[colon] != ':' || text[brace] != '{') return std::string_view::npos;
  const std::size_t end = object_end(text, brace);
  seen = std::min(end, std::min(text.size(), brace + kMaxTrackBytes));
  return end;
}

}  // namespace

Manifest salvage_manifest(std::string_view text) {
  Manifest found;
  std::size_t budget = 100 * text.size() + 100'000;  // bounded work for hostile text
  for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at + 1)) {
    std::size_t seen = 0;
    const std::size_t end = member_end(text, at, seen);
    if (seen - at >= budget) break;
    budget -= seen - at;
    if (end == std::string_view::npos) continue;
    auto track = parse_manifest("{" + std::string(text.substr(at, end - at)) + "}");
    if (!track) continue;  // perhaps one of its members is a track
    found.merge(*track);
    at = end - 1;
  }
  return found;
}

}  // namespace rtpx
