#pragma once

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace rtpx {

/// Names of files that are being made: ".NAME.PROCESS-NUMBER.part", and ".NAME.PROCESS.stage" with an extension behind for
/// what lies between two steps. The process is the maker's, so that what a killed one has left can be told.
/// `name` is cut to what fits: a final name may be as long as a name can be (255 bytes).
[[nodiscard]] inline std::string part_name(std::string_view name, unsigned number) {
  return "." + std::string(name.substr(0, 200)) + "." + std::to_string(::getpid()) + "-" + std::to_string(number) + ".part";
}
[[nodiscard]] inline std::string stage_name(std::string_view name) {
  return "." + std::string(name.substr(0, 100)) + "." + std::to_string(::getpid()) + ".stage";
}

/// The process that makes, or made, a file of such a name; nullopt: it is another name.
[[nodiscard]] inline std::optional<pid_t> maker_of(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  const std::size_t end = name.ends_with(".part") ? name.rfind('-') : name.rfind(".stage");
  if (!name.starts_with('.') || end == name.npos || end == 0) return std::nullopt;
  const std::size_t begin = name.rfind('.', end - 1) + 1;
  pid_t process = 0;
  const char* const last = name.data() + end;
  const auto [stopped, failed] = std::from_chars(name.data() + begin, last, process);
  if (failed != std::errc() || stopped != last || process <= 0) return std::nullopt;
  return process;
}

}  // namespace rtpx
