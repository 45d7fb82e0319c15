#include "server/work/conversion_limits.hpp"

#include <algorithm>

#include "storage/recording_file.hpp"

namespace rtpx::server {
namespace {

constexpr std::uint64_t kSpareOutput = 1ULL << 30;
constexpr std::chrono::minutes kSpareTime{10};
constexpr std::uint64_t kLeastBytesASecond = 4'000;  // of a recording that does not say how long it is
constexpr std::chrono::hours kLongest{7 * 24};       // that is believed

}  // namespace

ConversionLimits conversion_limits(FileSystem& files, const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  for (const DirectoryEntry& entry : files.list(folder).value_or(std::vector<DirectoryEntry>())) {
    const auto info = files.stat(folder / entry.name);
    if (info && *info && !(*info)->is_directory) bytes += (*info)->size;
  }
  bytes = std::min<std::uint64_t>(bytes, 1ULL << 50);
  std::chrono::seconds duration(bytes / kLeastBytesASecond);
  if (const auto info = read_recording_info(files, folder); info && info->ended_at)
    duration = std::chrono::floor<std::chrono::seconds>(*info->ended_at - info->created);
  duration = std::clamp<std::chrono::seconds>(duration, std::chrono::seconds(0), kLongest);
  return {4 * bytes + kSpareOutput, kSpareTime + 10 * duration};
}

}  // namespace rtpx::server
