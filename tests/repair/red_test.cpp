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

/// What a sender of 20 ms packets with one byte each repeats: the packets `distances` before.
std::vector<std::byte> red_packet(std::uint16_t number, std::uint32_t timestamp,
                                  std::initializer_list<int> distances) {
  std::vector<std::byte> out(12);
  out[0] = std::byte{0x80};
  out[1] = std::byte{63};
  store_be(out.data() + 2, number);
  store_be(out.data() + 4, timestamp);
  for (const int distance : distances) {
    out.push_back(std::byte{0x80 | 111});
    const auto field = static_cast<std::uint32_t>(distance * 960) << 10 | 1U;
    for (const int shift : {16, 8, 0}) out.push_back(static_cast<std::byte>(field >> shift));
  }
  out.push_back(std::byte{111});
  for (const int distance : distances) out.push_back(static_cast<std::byte>(number - distance));
  out.push_back(static_cast<std::byte>(number));
  return out;
}

// Sequence numbers and times wrap on the way, and every run of losses as long as the redundancy reaches comes
// back.
TEST(Red, BurstsComeBackAsFarAsTheBlocksReach) {
  const PayloadTypes types({{.payload_type = 63, .mime_type = "audio/red", .clock_rate = 48000},
                            {.payload_type = 111, .mime_type = "audio/opus", .clock_rate = 48000}});
  struct Case {
    std::initializer_list<int> distances;
    int burst;
  };
  for (const Case& c :
       {Case{{1}, 1}, Case{{2, 1}, 2}, Case{{4, 3, 2, 1}, 4}, Case{{2}, 2}, Case{{4, 2}, 2}}) {
    std::map<std::uint16_t, std::uint32_t> given;
    Repairer repairer(types, {}, [&](const Repaired& r) {
      ASSERT_EQ(r.packet.payload.size(), 1U);
      EXPECT_EQ(static_cast<std::uint8_t>(r.packet.payload[0]), r.packet.sequence_number & 0xFF);
      EXPECT_EQ(r.packet.payload_type, 111);
      given[r.packet.sequence_number] = r.packet.timestamp;
    });
    const auto time_of = [](std::uint16_t number) {
      return 0xFFFF0000U + static_cast<std::uint32_t>(static_cast<std::uint16_t>(number - 65400)) * 960U;
    };
    std::vector<std::uint16_t> lost;
    for (int i = 0; i < 300; ++i) {
      const auto number = static_cast<std::uint16_t>(65400 + i);
      if (i > 20 && i % 20 < c.burst)
        lost.push_back(number);
      else
        repairer.push(*parse_rtp(red_packet(number, time_of(number), c.distances)));
    }
    for (const std::uint16_t number : lost) {
      ASSERT_TRUE(given.contains(number)) << number << " burst of " << c.burst;
      EXPECT_EQ(given[number], time_of(number));
    }
  }
}

// After a silence (DTX) the block's time lies far back, its packet is the last one sent.
TEST(Red, AfterASilenceABlockIsStillTheLastPacketSent) {
  RedSequence sequence;
  for (std::uint16_t i = 0; i < 10; ++i) sequence.add(static_cast<std::uint16_t>(100 + i), 48000U + i * 960U);
  // 110 was lost at 57600, then 200 ms of silence, then 111 repeats 110.
  const RedBlock block{.payload_type = 111, .timestamp_offset = 9600};
  EXPECT_EQ(sequence.find(111, 57600 + 9600, block, 1), 110);
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
  std::map<std::uint16_t, int> recovered;
  Repairer repairer(types, {}, [&](const Repaired& repaired) {
    ASSERT_EQ(repaired.source, RepairSource::red);
    const auto original = sent.find(repaired.packet.sequence_number);
    ASSERT_NE(original, sent.end());
    EXPECT_EQ(repaired.packet.timestamp, original->second.first);
    EXPECT_EQ(as_text(repaired.packet.payload), original->second.second);
    ++recovered[repaired.packet.sequence_number];
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
  for (const auto& [number, times] : recovered) found += static_cast<std::size_t>(times);
  for (const std::uint16_t number : taken_out) {
    ++lost;
    healed += recovered.contains(number) ? 1 : 0;
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
