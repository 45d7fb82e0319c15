#pragma once

#include <cstdio>
#include <string>

namespace rtpx {

/// A number as printf() writes it, of at most 79 characters.
[[nodiscard]] inline std::string printed(const char* format, double value) {
  char text[80];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace rtpx
