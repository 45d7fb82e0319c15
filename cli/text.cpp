#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace rtpx::cli {
namespace {

template <typename... Args>
std::string format(const char* pattern, Args... args) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, args...);
  return text;
}

/// Characters shown, for UTF-8 (continuation bytes take no room).
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(const std::string& cell) {
  return !cell.empty() && cell[0] >= '0' && cell[0] <= '9';
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 60) return format(seconds < 10 ? "%.2f s" : "%.1f s", seconds);
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole < 3600) return format("%ld:%02ld min", whole / 60, whole % 60);
  return format("%ld:%02ld:%02ld h", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) return format("%.0f B", value);
  if (bytes < 1'000'000) return format("%.1f kB", value / 1e3);
  if (bytes < 1'000'000'000) return format("%.1f MB", value / 1e6);
  return format("%.2f GB", value / 1e9);
}

std::string bit_rate_text(double bits_per_second) {
  if (bits_per_second < 1e6) return format("%.0f kbit/s", bits_per_second / 1e3);
  return format("%.2f Mbit/s", bits_per_second / 1e6);
}

std::string count_text(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string utc_text(const UtcTime& time) {
  const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &broken);
  return text;
}

std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return text;
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], width(row[i]));
    }
  std::string out;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      const std::string& cell = rows_[r][i];
      const std::string pad(widths[i] - width(cell), ' ');
      const bool right =
          is_number(cell) || (r == 0 && rows_.size() > 1 && i < rows_[1].size() && is_number(rows_[1][i]));
      line += (i == 0 ? "" : "  ") + (right ? pad + cell : cell + pad);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace rtpx::cli
