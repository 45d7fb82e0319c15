#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "rtpx/result.hpp"
#include "server/http/message.hpp"

namespace rtpx::server {

/// Where a child process makes files for one who waits for them: a folder of its own in the base folder, which is removed
/// with the object. A file that was opened there lives on without a name.
class WorkFolder {
 public:
  /// `prefix` says what for, ".cut-"; the rest of the name is random. Errors: io.
  [[nodiscard]] static Result<WorkFolder> make(const std::filesystem::path& base_dir, const std::string& prefix);
  /// Those that a server which was killed has left.
  static void remove_left(const std::filesystem::path& base_dir, const std::string& prefix);

  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// A file that the child has made there; nullptr: there is none of that name, or it is no ordinary file.
  [[nodiscard]] std::shared_ptr<http::Descriptor> open(const std::string& name) const;

 private:
  explicit WorkFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // absolute
};

}  // namespace rtpx::server
