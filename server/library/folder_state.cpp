#include "server/library/folder_state.hpp"

#include <sys/stat.h>

#include "base/file_system.hpp"
#include "packets/packet_index.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::server {

std::string folder_state(const std::filesystem::path& folder) {
  std::string state;
  const auto entries = real_file_system().list(folder);
  if (!entries) return state;
  for (const DirectoryEntry& entry : *entries) {
    struct stat info {};
    if (entry.name.starts_with('.') || ::lstat((folder / entry.name).c_str(), &info) != 0 ||
        !S_ISREG(info.st_mode) || entry.name == kRecordingFileName || entry.name == kPacketIndexName)
      continue;
    state += entry.name + '/' + std::to_string(info.st_ino) + '/' + std::to_string(info.st_size) + '/' +
             std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + '\n';
  }
  return state;
}

}  // namespace rtpx::server
