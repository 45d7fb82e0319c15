#include "storage/recording_lock.hpp"

#include <unistd.h>

#include "base/utc_time.hpp"

namespace rtpx {
namespace {

constexpr int kTries = 3;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "this machine";
}

}  // namespace

Result<RecordingLock> RecordingLock::take(FileSystem& files, const std::filesystem::path& folder,
                                          const std::string& owner) {
  if (&files != &real_file_system())
    return fail(Errc::unsupported, folder.string() + " is on a disk without locks");
  const std::string text = owner + " on " + host_name() + " since " + format_utc(utc_now());
  for (int tries = 0; tries < kTries; ++tries) {
    auto lock = FolderLock::take(folder, text);
    if (!lock) return std::unexpected(lock.error());
    // The last owner may have removed the file after it was opened here: then this lock is on no file at all.
    if (const auto there = recording_owner(folder); there && there->starts_with(text))
      return RecordingLock(*std::move(lock), folder);
  }
  return fail(Errc::already_exists, folder.string() + " belongs to another process");
}

void RecordingLock::release() {
  if (!lock_) return;
  (void)real_file_system().remove(folder_ /
                                  kLockFileName);  // while it is locked: nobody else's can be removed
  lock_.reset();
}

}  // namespace rtpx
