// Capture files of every format: whatever the bytes are, reading ends and gives nothing that was not there.
#include "ingest/capture/capture.hpp"
#include "require.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto reader = capture::Reader::over(Bytes(reinterpret_cast<const std::byte*>(data), size));
  if (!reader) {
    require(!reader.error().message.empty());
    return 0;
  }
  std::uint64_t datagrams = 0, bytes = 0;
  while (true) {
    const auto next = (*reader)->next();
    require(next.has_value());  // memory has no I/O errors
    if (!*next) break;
    ++datagrams;
    bytes += (*next)->payload.size();
    for (const std::byte byte : (*next)->payload)
      bytes += static_cast<std::uint8_t>(byte) == 0 ? 0 : 0;  // touch them
  }
  const auto& counts = (*reader)->counts();
  require(datagrams == counts.datagrams && counts.datagrams <= counts.records);
  require(counts.cut + counts.not_udp + counts.datagrams <= counts.records);
  require(bytes <= size);
  return 0;
}
