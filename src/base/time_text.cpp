#include "base/time_text.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kMost = 9'000'000;  // of the first figure: 1027 years of hours, and no overflow below
constexpr int kMostParts = 3;

std::optional<std::int64_t> whole_number(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > 10) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// Of a second: "25" is 250,000,000.
std::optional<std::int64_t> fraction_ns(std::string_view digits) noexcept {
  if (digits.empty()) return std::nullopt;
  std::int64_t value = 0, unit = 100'000'000;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_time_offset(std::string_view text) noexcept {
  std::int64_t fraction = 0;
  if (const std::size_t point = text.find('.'); point != std::string_view::npos) {
    const auto parsed = fraction_ns(text.substr(point + 1));
    if (!parsed) return std::nullopt;
    fraction = *parsed;
    text = text.substr(0, point);
  }
  std::int64_t seconds = 0;
  for (int parts = 1;; ++parts) {
    const std::size_t colon = text.find(':');
    const auto part = whole_number(text.substr(0, colon));
    if (!part || parts > kMostParts || (parts > 1 && *part >= 60) || *part > kMost * (parts == 1 ? 1 : 60))
      return std::nullopt;
    seconds = seconds * 60 + *part;
    if (colon == std::string_view::npos) break;
    text = text.substr(colon + 1);
  }
  if (seconds > INT64_MAX / 1'000'000'000 - 1) return std::nullopt;
  return seconds * 1'000'000'000 + fraction;
}

}  // namespace rtpx
