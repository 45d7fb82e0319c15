#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace rtpx::test {

/// The folder of real recordings that RTPX_CAPTURES names; nullopt when it is not set.
[[nodiscard]] std::optional<std::filesystem::path> captures();

/// A fresh folder that is removed with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// How many entries a folder has; 0 when there is no such folder.
[[nodiscard]] inline std::size_t entries(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::directory_iterator found(folder, error);
  return error ? 0 : static_cast<std::size_t>(std::distance(found, {}));
}

[[nodiscard]] std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

}  // namespace rtpx::test

/// Skips the test where there are no captures. With RTPX_REQUIRE_CAPTURES set (CI) that is a failure.
#define RTPX_NEEDS_CAPTURE(variable, relative)                                             \
  if (!::rtpx::test::captures()) {                                                         \
    if (std::getenv("RTPX_REQUIRE_CAPTURES")) FAIL() << "RTPX_CAPTURES is not set";        \
    GTEST_SKIP() << "set RTPX_CAPTURES to run";                                            \
  }                                                                                        \
  const std::filesystem::path variable = *::rtpx::test::captures() / (relative);           \
  ASSERT_TRUE(std::filesystem::exists(variable)) << variable
