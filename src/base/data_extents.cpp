#include "base/data_extents.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rtpx {
namespace {

constexpr int kMostStretches = 65536;
constexpr std::uint64_t kNoData = UINT64_MAX;

}  // namespace

DataExtents::DataExtents(const std::filesystem::path& file)
    : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}

DataExtents::~DataExtents() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t DataExtents::next_data(std::uint64_t offset) const {
  if (descriptor_ < 0 || offset > INT64_MAX) return offset;
  const off_t at = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_DATA);
  if (at >= 0) return static_cast<std::uint64_t>(at);
  return errno == ENXIO ? kNoData : offset;
}

std::uint64_t DataExtents::next_hole(std::uint64_t offset) const {
  if (descriptor_ < 0 || offset > INT64_MAX) return kNoData;
  const off_t at = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_HOLE);
  return at >= 0 ? static_cast<std::uint64_t>(at) : kNoData;
}

bool DataExtents::has_hole(std::uint64_t from, std::uint64_t to, std::uint64_t length) const {
  while (from < to) {
    const std::uint64_t data = std::min(next_data(from), to);
    if (data - from > length) return true;
    if (data == to) return false;
    from = std::max(next_hole(data), data + 1);
  }
  return false;
}

std::uint64_t DataExtents::bytes() const {
  struct stat info {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &info) != 0) return 0;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  std::uint64_t sum = 0, at = 0;
  for (int i = 0; i < kMostStretches && at < size; ++i) {
    const std::uint64_t data = std::min(next_data(at), size);
    at = std::min(std::max(next_hole(data), data + 1), size);
    if (data < size) sum += at - data;
  }
  return sum;
}

}  // namespace rtpx
