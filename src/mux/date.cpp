#include "mux/date.hpp"

#include <chrono>

namespace rtpx {
namespace {

/// Takes digits from the front of `text`; -1 where there are not `count` of them.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::int64_t> nanoseconds_since_2001(std::string_view text) {
  using namespace std::chrono;
  const int y = take_digits(text, 4);
  if (!take_char(text, '-')) return std::nullopt;
  const int m = take_digits(text, 2);
  if (!take_char(text, '-')) return std::nullopt;
  const int d = take_digits(text, 2);
  const year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
  if (!take_char(text, 'T') || y < 0 || m < 0 || d < 0 || !date.ok()) return std::nullopt;
  std::int64_t seconds_of_day = 0;
  for (const int bound : {24, 60, 61}) {
    const int value = take_digits(text, 2);
    if (value < 0 || value >= bound) return std::nullopt;
    seconds_of_day = seconds_of_day * 60 + value;
    if (bound != 61 && !take_char(text, ':')) return std::nullopt;
  }
  std::int64_t fraction = 0, unit = 1'000'000'000;
  if (take_char(text, '.'))
    for (int digit; unit > 1 && (digit = take_digits(text, 1)) >= 0;) fraction += digit * (unit /= 10);
  if (text != "Z" && !text.empty()) return std::nullopt;
  const auto days_since = sys_days(date) - sys_days(year(2001) / 1 / 1);
  return (days_since.count() * 86'400LL + seconds_of_day) * 1'000'000'000LL + fraction;
}

}  // namespace rtpx
