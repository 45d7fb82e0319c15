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

ConversionLimits conversion_limits(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const bool file = fs::is_regular_file(at->symlink_status(gone));
    const auto size = file ? at->file_size(gone) : 0;
    if (file && !gone) bytes += size;
  }
  bytes = std::min<std::uint64_t>(bytes, 1ULL << 50);
  std::chrono::seconds duration(bytes / kLeastBytesASecond);
  if (const auto info = read_recording_info(real_file_system(), folder); info && info->ended_at)
    duration = std::chrono::floor<std::chrono::seconds>(*info->ended_at - info->created);
  duration = std::clamp<std::chrono::seconds>(duration, std::chrono::seconds(0), kLongest);
  return {4 * bytes + kSpareOutput, kSpareTime + 10 * duration};
}

}  // namespace rtpx::server
