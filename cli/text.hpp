#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"

/// How figures are written for people.
namespace rtpx::cli {

[[nodiscard]] std::string duration_text(double seconds);    ///< "1:02:03", "4.25 s"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);  ///< "1.2 MB"
[[nodiscard]] std::string bit_rate_text(double bits_per_second);
/// "1 packet", "3 packets"
[[nodiscard]] std::string count_text(std::uint64_t count, const std::string& noun);
[[nodiscard]] std::string utc_text(const UtcTime& time);  ///< "2026-11-22 15:04:05Z"
/// Text from the network, for a terminal: control characters become '?'.
[[nodiscard]] std::string printable(std::string text);

/// Columns of text; numbers (cells that start with a digit) are set flush right.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { add(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;  ///< ends in a newline

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rtpx::cli
