// Record files: whatever the bytes, every one of them is in a record or in a damaged stretch, once, in order.
// Input: a byte of options (bit 0: RTCP; bit 1: thorough), then the file.
#include <cstring>

#include "memory_file.hpp"
#include "storage/record_reader.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t options = data[0];
  const fuzz::MemoryFile file(Bytes(reinterpret_cast<const std::byte*>(data) + 1, --size));
  RecordReader::Suspicious suspicious;
  if ((options & 2U) != 0) suspicious = [](const Record&) { return true; };
  const auto content = (options & 1U) != 0 ? RecordReader::Content::rtcp : RecordReader::Content::rtp;
  const auto reader = RecordReader::open({file.path()}, content, suspicious);
  require(reader.has_value() && (*reader)->size() == size);

  std::uint64_t at = 0, in_records = 0;
  for (;;) {
    const auto record = (*reader)->next();
    require(record.has_value());
    if (!*record) break;
    const std::uint64_t bytes = RecordHeader::kBytes + (*record)->header.size;
    require((*record)->offset >= at && (*record)->packet.size() == (*record)->header.size);
    require(std::memcmp((*record)->packet.data(), data + 1 + (*record)->offset + RecordHeader::kBytes,
                        (*record)->packet.size()) == 0 ||
            (*record)->packet.empty());
    const auto again = (*reader)->read_at((*record)->offset);
    require(again.has_value() && again->packet.size() == (*record)->packet.size());
    at = (*record)->offset + bytes;
    in_records += bytes;
  }
  require(at <= size);
  std::uint64_t damaged = 0, end = 0;
  for (const DamagedRange& range : (*reader)->damage()) {
    require(range.offset >= end && range.length > 0);
    damaged += range.length;
    end = range.offset + range.length;
  }
  require(damaged + in_records == size);
  return 0;
}
