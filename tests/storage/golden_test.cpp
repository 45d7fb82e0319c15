// Files of the real ex_webrtc_recorder (captures/golden): read whole, and written byte for byte.
#include <gtest/gtest.h>

#include <algorithm>

#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;

fs::path only_folder(const fs::path& parent) {
  return fs::directory_iterator(parent)->path();
}

/// One packet of a *.rtpin file: what the real Recorder was fed (README.txt of captures/golden).
struct InputPacket {
  std::uint8_t track = 0;
  std::uint8_t rid = 0;  // 0xFF: nil
  std::string packet;
};

std::vector<InputPacket> read_input(const fs::path& path) {
  const std::string bytes = test::read_file(path);
  std::vector<InputPacket> packets;
  for (std::size_t at = 0; at + 8 <= bytes.size();) {
    const auto size = load_be<std::uint16_t>(reinterpret_cast<const std::byte*>(bytes.data()) + at + 6);
    packets.push_back({static_cast<std::uint8_t>(bytes[at]), static_cast<std::uint8_t>(bytes[at + 1]),
                       bytes.substr(at + 8, size)});
    at += 8 + size;
  }
  return packets;
}

TEST(Golden, TheManifestOfHeadIsWrittenBackByteForByte) {
  for (const char* name : {"golden/small_head", "golden/edge_head"}) {
    RTPX_NEEDS_CAPTURE(parent, name);
    const std::string text = test::read_file(only_folder(parent) / "manifest.json");
    const auto manifest = parse_manifest(text);
    ASSERT_TRUE(manifest) << manifest.error().message;
    EXPECT_EQ(serialize_manifest(*manifest), text);
  }
}

TEST(Golden, ManifestsWithoutCodecAreReadAndGetOne) {
  for (const char* name : {"golden/small_021", "golden/small_030"}) {
    RTPX_NEEDS_CAPTURE(parent, name);
    std::string text = test::read_file(only_folder(parent) / "manifest.json");
    const auto manifest = parse_manifest(text);
    ASSERT_TRUE(manifest) << manifest.error().message;
    ASSERT_EQ(manifest->size(), 3U);
    for (const auto& [id, track] : *manifest) EXPECT_FALSE(track.codec);
    const std::string kind = R"("kind":)";
    for (std::size_t at = 0; (at = text.find(kind, at)) != std::string::npos; at += 20)
      text.insert(at, R"("codec":null,)");
    EXPECT_EQ(serialize_manifest(*manifest), text);
  }
}

TEST(Golden, AllThreeFlavoursHoldWhatTheRecorderWasFed) {
  RTPX_NEEDS_CAPTURE(input_file, "golden/small_input.rtpin");
  const auto input = read_input(input_file);
  ASSERT_EQ(input.size(), 1028U);
  for (const char* name : {"golden/small_head", "golden/small_030", "golden/small_021"}) {
    RTPX_NEEDS_CAPTURE(parent, name);
    const fs::path folder = only_folder(parent);
    const auto manifest = read_manifest(folder);
    ASSERT_TRUE(manifest) << manifest.error().message;
    std::size_t compared = 0;
    for (const auto& [id, track] : *manifest) {
      const bool simulcast = track.rid_map.size() == 3;
      const std::uint8_t number = track.kind == MediaKind::audio ? 0 : simulcast ? 2 : 1;
      EXPECT_EQ(simulcast, track.rid_map.contains("q") && track.rid_map.at("q") == 0);
      const auto reader = RecordReader::open({resolve_location(track.location, folder).value()});
      ASSERT_TRUE(reader) << reader.error().message;
      for (const InputPacket& packet : input) {
        if (packet.track != number) continue;
        const auto record = (*reader)->next();
        ASSERT_TRUE(record && *record) << compared;
        EXPECT_EQ(as_text((*record)->packet), packet.packet);
        EXPECT_EQ((*record)->header.rid_index, packet.rid == 0xFF ? 0 : packet.rid);
        EXPECT_LT((*record)->header.receive_time_ms, 0);
        ++compared;
      }
      EXPECT_FALSE((*reader)->next().value());
      EXPECT_TRUE((*reader)->damage().empty());
    }
    EXPECT_EQ(compared, input.size());
  }
}

TEST(Golden, TheRealRecordersBytesAreWrittenByOurs) {
  RTPX_NEEDS_CAPTURE(golden, "golden");
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(golden)) {
    if (entry.path().extension() != ".rtpx") continue;
    const auto reader = RecordReader::open({entry.path()});
    ASSERT_TRUE(reader);
    std::vector<std::byte> written;
    while (const auto record = (*reader)->next().value())
      append_record(written, record->header, record->packet);
    EXPECT_EQ(as_text(written), test::read_file(entry.path())) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 10U);
}

}  // namespace
}  // namespace rtpx
