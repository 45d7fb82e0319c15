#include "base/utc_time.hpp"

#include <cstdio>

namespace rtpx {

namespace {

using namespace std::chrono;

/// Takes fixed-width fields off the front; the first mismatch latches.
struct Fields {
  std::string_view left;
  bool ok = true;

  bool at(char c) const { return ok && !left.empty() && left[0] == c; }
  bool digit() const { return ok && !left.empty() && left[0] >= '0' && left[0] <= '9'; }
  char take() {
    if (left.empty()) ok = false;
    const char c = ok ? left[0] : '\0';
    if (ok) left.remove_prefix(1);
    return c;
  }
  void expect(char c) { ok = take() == c && ok; }
  int number(int width) {
    int value = 0;
    for (int i = 0; i < width; ++i) {
      if (!digit()) ok = false;
      value = value * 10 + (take() - '0');
    }
    return ok ? value : 0;
  }
};

microseconds fraction(Fields& in) {
  if (!in.at('.') && !in.at(',')) return microseconds(0);
  in.take();
  if (!in.digit()) in.ok = false;
  std::int64_t value = 0, unit = 100000;
  for (; in.digit(); unit /= 10) value += (in.take() - '0') * unit;
  return microseconds(value);
}

minutes offset(Fields& in) {
  if (in.at('Z') || in.at('z')) {
    in.take();
    return minutes(0);
  }
  const char sign = in.take();
  if (sign != '+' && sign != '-') in.ok = false;
  const int h = in.number(2);
  if (in.at(':')) in.take();
  const int m = in.number(2);
  if (h > 23 || m > 59) in.ok = false;
  return (hours(h) + minutes(m)) * (sign == '-' ? -1 : 1);
}

}  // namespace

std::string format_utc(UtcTime time) {
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<microseconds> clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

std::optional<UtcTime> parse_utc(std::string_view text) {
  Fields in{text};
  const int y = in.number(4);
  in.expect('-');
  const int mo = in.number(2);
  in.expect('-');
  const int d = in.number(2);
  const char between = in.take();
  const int h = in.number(2);
  in.expect(':');
  const int m = in.number(2);
  in.expect(':');
  const int s = in.number(2);
  const microseconds us = fraction(in);
  const minutes east = offset(in);
  const year_month_day date(year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d)));
  if (!in.ok || !in.left.empty() || (between != 'T' && between != 't' && between != ' ') || !date.ok() ||
      h > 23 || m > 59 || s > 60)
    return std::nullopt;
  return UtcTime(sys_days(date)) + hours(h) + minutes(m) + seconds(s) + us - east;
}

UtcTime utc_now() {
  return floor<microseconds>(system_clock::now());
}

}  // namespace rtpx
