#include "repair/red.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "repair/repairer.hpp"
#include "support/bytes.hpp"
#include "support/recording.hpp"

namespace rtpx {
namespace {

using test::bytes;

TEST(Red, SplitsAnyNumberOfBlocks) {
  // F=1 PT 111, offset 1920, length 1; F=1 PT 111, offset 960, length 2; F=0 PT 111; data A | BB | CCC.
  const auto payload = bytes({0x80 | 111, 0x1E, 0x00, 0x01, 0x80 | 111, 0x0F, 0x00, 0x02, 111,  //
                              'A', 'B', 'B', 'C', 'C', 'C'});
  std::vector<RedBlock> blocks;
  ASSERT_TRUE(parse_red(payload, blocks));
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0].timestamp_offset, 1920);
  EXPECT_EQ(as_text(blocks[0].payload), "A");
  EXPECT_EQ(blocks[1].timestamp_offset, 960);
  EXPECT_EQ(as_text(blocks[1].payload), "BB");
  EXPECT_EQ(as_text(blocks[2].payload), "CCC");
  const auto primary = primary_of_red(payload);
  ASSERT_TRUE(primary);
  EXPECT_EQ(primary->payload_type, 111);
  EXPECT_EQ(primary->payload.data(), blocks[2].payload.data());
}

TEST(Red, EveryPrefixThatCutsAHeaderOrABlockIsRefused) {
  const auto payload = bytes({0x80 | 111, 0x0F, 0x00, 0x02, 111, 'B', 'B', 'C'});
  std::vector<RedBlock> blocks;
  for (std::size_t n = 0; n < 7; ++n) {
    EXPECT_FALSE(parse_red(std::span(payload).first(n), blocks)) << n;
    EXPECT_TRUE(blocks.empty());
    EXPECT_FALSE(primary_of_red(std::span(payload).first(n))) << n;
  }
  EXPECT_TRUE(parse_red(std::span(payload).first(7), blocks));
}

// Every block that Chromium repeats must be a copy of the primary with the number that is found for it.
TEST(Red, EveryRedundantBlockOfChromiumIsFoundItsPacket) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opusred");
  const PayloadTypes types({{.payload_type = 63, .mime_type = "audio/red", .clock_rate = 48000},
                            {.payload_type = 111, .mime_type = "audio/opus", .clock_rate = 48000}});
  std::map<std::uint16_t, std::pair<std::uint32_t, std::string>> sent;
  const auto records = test::read_records(folder / "audio_0.rtpx");
  for (const auto& record : records) {
    const auto packet = parse_rtp(record.packet);
    if (!packet || types.role(packet->payload_type) != PayloadRole::red) continue;
    const auto primary = primary_of_red(packet->payload);
    ASSERT_TRUE(primary);
    sent[packet->sequence_number] = {packet->timestamp, std::string(as_text(primary->payload))};
  }
  ASSERT_EQ(sent.size(), 1255U);
  // Take out every third packet, and runs: what comes back is what was taken out.
  std::map<std::uint16_t, int> given_back;
  Repairer repairer(types, {}, [&](const Repaired& repaired) {
    ASSERT_EQ(repaired.source, RepairSource::red);
    const auto original = sent.find(repaired.packet.sequence_number);
    ASSERT_NE(original, sent.end());
    EXPECT_EQ(repaired.packet.timestamp, original->second.first);
    EXPECT_EQ(as_text(repaired.packet.payload), original->second.second);
    ++given_back[repaired.packet.sequence_number];
  });
  std::size_t blocks = 0, lost = 0, healed = 0;
  std::vector<std::uint16_t> taken_out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto packet = parse_rtp(records[i].packet);
    if (!packet || types.role(packet->payload_type) != PayloadRole::red) continue;
    if (i % 3 == 2 || (i > 200 && i < 205)) {
      taken_out.push_back(packet->sequence_number);
      continue;
    }
    std::vector<RedBlock> parsed;
    ASSERT_TRUE(parse_red(packet->payload, parsed));
    blocks += parsed.size() - 1;
    repairer.push(*packet);
  }
  std::size_t found = 0;
  for (const auto& [number, times] : given_back) found += static_cast<std::size_t>(times);
  for (const std::uint16_t number : taken_out) {
    ++lost;
    healed += given_back.contains(number) ? 1 : 0;
  }
  EXPECT_GT(lost, 400U);
  EXPECT_GT(blocks, 700U);
  EXPECT_GE(found + 4, blocks);  // the first blocks may be of packets from before the recording
  // Chromium repeats one packet: a lost one comes back when the next one arrived.
  std::size_t expected = 0;
  for (const std::uint16_t number : taken_out)
    if (sent.contains(static_cast<std::uint16_t>(number + 1)) &&
        std::ranges::find(taken_out, static_cast<std::uint16_t>(number + 1)) == taken_out.end())
      ++expected;
  EXPECT_EQ(healed, expected);
}

}  // namespace
}  // namespace rtpx
