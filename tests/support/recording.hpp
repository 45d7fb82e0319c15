#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "rtp/packet.hpp"
#include "storage/record_format.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// A record of a .rtpx or .rtcpx file, read without the library's RecordReader.
struct RawRecord {
  std::uint8_t rid_index = 0;
  std::int64_t receive_ms = 0;
  std::vector<std::byte> packet;
};

[[nodiscard]] inline std::vector<RawRecord> read_records(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  ByteReader in(as_bytes(text));
  std::vector<RawRecord> records;
  while (in.remaining() >= RecordHeader::kBytes) {
    const RecordHeader header = load_record_header(in.take(RecordHeader::kBytes).data());
    const Bytes packet = in.take(header.size);
    if (!in.ok()) break;
    records.push_back({header.rid_index, header.receive_time_ms, {packet.begin(), packet.end()}});
  }
  return records;
}

}  // namespace rtpx::test
