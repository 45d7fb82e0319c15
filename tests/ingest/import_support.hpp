#pragma once

#include <gtest/gtest.h>

#include "ingest/capture/import.hpp"
#include "ingest/capture/payload_types.hpp"
#include "ingest/capture_builder.hpp"
#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

struct Recorded {
  std::uint8_t rid_index;
  std::int64_t time_ms;
  std::string bytes;
  bool operator==(const Recorded&) const = default;
};

inline std::vector<Recorded> read_records(const std::filesystem::path& folder, const std::string& location,
                                          bool rtcp = false) {
  std::vector<Recorded> out;
  const auto path = resolve_location(location, folder);
  EXPECT_TRUE(path);
  auto reader = RecordReader::open({*path}, rtcp ? RecordReader::Content::rtcp : RecordReader::Content::rtp);
  EXPECT_TRUE(reader);
  for (auto next = (*reader)->next(); next && *next; next = (*reader)->next())
    out.push_back(
        {(*next)->header.rid_index, (*next)->header.receive_time_ms, std::string(as_text((*next)->packet))});
  return out;
}

/// Imports captures made byte by byte into a folder of its own.
class ImportFixture : public testing::Test {
 protected:
  Result<capture::ImportSummary> try_import(const std::string& bytes, const std::string& sdp = {},
                                            const std::vector<std::string>& maps = {},
                                            const std::string& key_log = {}) {
    write_file(folder_ / "capture", bytes);
    capture::ImportOptions options{.capture = folder_ / "capture", .folder = folder_ / "recording"};
    if (!sdp.empty()) {
      write_file(folder_ / "offer.sdp", sdp);
      options.sdp = folder_ / "offer.sdp";
    }
    if (!key_log.empty()) {
      write_file(folder_ / "keys.log", key_log);
      options.key_log = folder_ / "keys.log";
    }
    for (const auto& map : maps) options.mappings.push_back(*capture::parse_mapping(map));
    return capture::import_capture(options);
  }
  capture::ImportSummary import(const std::string& bytes, const std::string& sdp = {},
                                const std::vector<std::string>& maps = {}, const std::string& key_log = {}) {
    auto summary = try_import(bytes, sdp, maps, key_log);
    EXPECT_TRUE(summary) << (summary ? "" : summary.error().message);
    return summary.value_or(capture::ImportSummary{});
  }
  Manifest manifest() { return read_manifest(folder_ / "recording").value_or(Manifest{}); }
  std::vector<Recorded> records(const std::string& id) {
    return read_records(folder_ / "recording", manifest().at(id).location);
  }

  TempDir folder_;
};

inline std::string frame(const std::string& payload, unsigned source = 5000, unsigned destination = 6000,
                         std::uint32_t address = 0x0A000001, std::uint32_t to = 0x0A000002) {
  return ipv4(udp(payload, source, destination), 0, 1, 17, address, to);
}

inline const std::string kSdpHead = "v=0\no=- 1 1 IN IP4 h\ns=-\nt=0 0\n";

}  // namespace rtpx::test
