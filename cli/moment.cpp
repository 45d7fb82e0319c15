#include "moment.hpp"

#include <cstdlib>

namespace rtpx::cli {

Result<std::int64_t> time_of(const Moment& moment, const std::optional<UtcTime>& started) {
  return timeline_ns(moment, started);
}

Result<std::pair<int, int>> parse_size(const std::string& text, const char* option) {
  const auto side = [](const std::string& number) -> std::optional<int> {
    if (number.empty() || number == "-1") return -1;
    char* end = nullptr;
    const long value = std::strtol(number.c_str(), &end, 10);
    return *end == '\0' && value >= 1 && value <= 16384 ? std::optional(static_cast<int>(value))
                                                        : std::nullopt;
  };
  const std::size_t x = text.find('x');
  if (x != std::string::npos) {
    const auto width = side(text.substr(0, x)), height = side(text.substr(x + 1));
    if (width && height && (*width > 0 || *height > 0)) return std::pair(*width, *height);
  }
  return fail(Errc::invalid_argument,
              std::string(option) + " " + text + ": give WIDTHxHEIGHT; 640x or x360 keeps the aspect");
}

}  // namespace rtpx::cli
