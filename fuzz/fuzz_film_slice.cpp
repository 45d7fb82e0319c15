// A slice of a film, which comes from another machine: whatever is read keeps its order and its bounds, and a slice that
// ends is whole.
#include "compose/slice_file.hpp"
#include "memory_file.hpp"
#include "require.hpp"

using namespace rtpx;
using namespace rtpx::film;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(std::as_bytes(std::span(data, size)));
  auto reader = SliceReader::open(file.path(), "film", 1, 2);
  if (!reader) return 0;
  std::int64_t last = 0;
  std::size_t bytes = 0;
  for (;;) {
    const auto sample = (*reader)->next();
    if (!sample) return 0;
    if (*sample == nullptr) break;
    require((*sample)->time_ns >= last && (*sample)->duration_ns >= 0 && (*sample)->discard_ns >= 0);
    last = (*sample)->time_ns;
    bytes += (*sample)->data.size();
    require(bytes <= size);
  }
  require((*reader)->next().value() == nullptr);
  return 0;
}
