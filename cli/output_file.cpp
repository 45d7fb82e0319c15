#include "output_file.hpp"

#include <cstdio>

#include "base/file_system.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::cli {

Result<void> write_output(const std::string& output, Bytes content) {
  if (output == "-") {
    const bool whole = std::fwrite(content.data(), 1, content.size(), stdout) == content.size() && std::fflush(stdout) == 0;
    if (!whole) return fail(Errc::io, "standard output took only a part");
    return {};
  }
  if (auto refused = refuse_recording_file(output); !refused) return refused;
  std::error_code failed;
  if (const auto folder = std::filesystem::path(output).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, failed);
  if (failed) return fail(Errc::io, "Cannot make the folder of " + output + ": " + failed.message());
  return write_file_atomically(real_file_system(), output, content);
}

}  // namespace rtpx::cli
