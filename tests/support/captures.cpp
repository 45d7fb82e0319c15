#include "support/captures.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace rtpx::test {

std::optional<std::filesystem::path> captures() {
  const char* folder = std::getenv("RTPX_CAPTURES");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return std::filesystem::path(folder);
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "rtpx-test-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace rtpx::test
