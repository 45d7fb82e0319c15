#include "base/webvtt.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace rtpx {
namespace {

std::string webvtt_time(std::int64_t ns) {
  const std::int64_t ms = std::max<std::int64_t>(ns, 0) / 1'000'000;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%02lld:%02lld:%02lld.%03lld", static_cast<long long>(ms / 3'600'000),
                static_cast<long long>(ms / 60'000 % 60), static_cast<long long>(ms / 1'000 % 60),
                static_cast<long long>(ms % 1'000));
  return text.data();
}

}  // namespace

std::string webvtt_cue(std::int64_t start_ns, std::int64_t end_ns, std::string_view payload) {
  return "\n" + webvtt_time(start_ns) + " --> " + webvtt_time(end_ns) + "\n" + std::string(payload) + "\n";
}

std::string webvtt_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out.find_first_not_of(' ') == out.npos ? "-" : out;
}

}  // namespace rtpx
