#include "support/places.hpp"

namespace rtpx::test {

std::filesystem::path source_dir() {
  return RTPX_SOURCE_DIR;
}

}  // namespace rtpx::test
