#pragma once

#include <string_view>
#include <vector>

namespace rtpx::server {

/// A file of web/, built into the program.
struct PageFile {
  std::string_view path;  ///< "/index.html"
  std::string_view content;
};
/// Generated from web/ at build time.
[[nodiscard]] const std::vector<PageFile>& page_files();

}  // namespace rtpx::server
