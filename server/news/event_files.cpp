#include "server/news/event_files.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

constexpr std::uint64_t kMostEventBytes = 16U << 20;

}  // namespace

bool EventFiles::add(const std::string& name, const std::string& text) const {
  (void)real_file_system().create_directories(folder_);
  const auto written = write_file_atomically(real_file_system(), folder_ / name, as_bytes(text));
  if (!written) log(LogLevel::error, "an event cannot be kept until it is told: " + written.error().message);
  return written.has_value();
}

std::vector<std::string> EventFiles::names() const {
  std::vector<std::string> out;
  if (const auto entries = real_file_system().list(folder_))
    for (const DirectoryEntry& entry : *entries)
      if (!entry.name.starts_with('.')) out.push_back(entry.name);
  std::ranges::sort(out);
  return out;
}

std::optional<std::string> EventFiles::read(const std::string& name) const {
  auto text = read_whole_file(real_file_system(), folder_ / name, kMostEventBytes);
  return text && nlohmann::json::accept(*text) ? std::optional(*std::move(text)) : std::nullopt;
}

void EventFiles::remove(const std::string& name) const {
  (void)real_file_system().remove(folder_ / name);
}

std::string next_event_name() {
  static std::atomic<std::uint64_t> number = 0;
  std::string count = std::to_string(++number);
  count.insert(0, count.size() < 12 ? 12 - count.size() : 0, '0');
  return std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "-" + count + ".json";
}

}  // namespace rtpx::server
