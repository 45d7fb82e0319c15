#include "server/work/leftovers.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/temporary_name.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMostResultBytes = 64U << 20;

/// One that has died and was not waited for yet is no more, either.
bool is_running(pid_t process) {
  if (::kill(process, 0) != 0 && errno == ESRCH) return false;
  std::ifstream told("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(told, line);
  const std::size_t name_ends = line.rfind(") ");
  return name_ends == line.npos || line.compare(name_ends + 2, 1, "Z") != 0;
}

}  // namespace

void remove_leftovers(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    const auto maker = maker_of(at->path());
    if (!maker || is_running(*maker)) continue;
    std::error_code ignored;
    fs::remove(at->path(), ignored);
  }
}

std::set<std::string> files_of_result(const fs::path& result) {
  std::set<std::string> out;
  const auto text = read_whole_file(real_file_system(), result, kMostResultBytes);
  const json made = json::parse(text ? *text : "", nullptr, false);
  if (!made.is_object()) return out;
  const auto add = [&out](const json& location) {
    if (location.is_string()) out.insert(fs::path(location.get<std::string>()).filename());
  };
  for (const json& file : made) {
    if (!file.is_object()) continue;
    for (const auto& [key, value] : file.items()) {
      if (key.ends_with("location")) add(value);
      if (key.ends_with("locations") && value.is_array()) std::ranges::for_each(value, add);
    }
  }
  for (const char* none : {"", ".", ".."}) out.erase(none);
  return out;
}

}  // namespace rtpx::server
