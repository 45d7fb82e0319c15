#include "server/work/work_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/random_text.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;

Result<WorkFolder> WorkFolder::make(const fs::path& base_dir, const std::string& prefix) {
  WorkFolder made(fs::absolute(base_dir) / (prefix + random_text(24)));
  if (::mkdir(made.path_.c_str(), 0700) == 0) return made;
  made.path_.clear();
  return fail(Errc::io, "There is no room for it: a folder cannot be made.");
}

void WorkFolder::remove_left(const fs::path& base_dir, const std::string& prefix) {
  std::error_code error;
  for (fs::directory_iterator at(base_dir, error), end; !error && at != end; at.increment(error))
    if (at->path().filename().string().starts_with(prefix)) {
      std::error_code ignored;
      fs::remove_all(at->path(), ignored);
    }
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

std::shared_ptr<http::Descriptor> WorkFolder::open(const std::string& name) const {
  auto file = std::make_shared<http::Descriptor>(
      ::open((path_ / name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  return file->get() >= 0 && ::fstat(file->get(), &info) == 0 && S_ISREG(info.st_mode) ? file : nullptr;
}

}  // namespace rtpx::server
