#include "repair/rtx.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/bytes.hpp"
#include "support/recording.hpp"

namespace rtpx {
namespace {

using test::bytes;

const PayloadTypes kRtxTypes(
    {{.payload_type = 96, .mime_type = "video/VP8", .clock_rate = 90000},
     {.payload_type = 97, .mime_type = "video/rtx", .clock_rate = 90000, .sdp_fmtp_line = "97 apt=96"}});

std::vector<std::byte> packet_bytes(std::uint8_t type, std::uint16_t number, std::uint32_t timestamp,
                                    std::uint32_t ssrc, std::initializer_list<int> payload) {
  std::vector<std::byte> out(12);
  out[0] = std::byte{0x80};
  out[1] = static_cast<std::byte>(type);
  store_be(out.data() + 2, number);
  store_be(out.data() + 4, timestamp);
  store_be(out.data() + 8, ssrc);
  for (const auto b : bytes(payload)) out.push_back(b);
  return out;
}

struct Given {
  std::uint32_t ssrc, timestamp;
  std::uint16_t number;
  std::uint8_t type;
  std::string payload;
  bool operator==(const Given&) const = default;
};

struct RtxReceiver {
  std::vector<Given> given;
  Repairer repairer{kRtxTypes, {}, [this](const Repaired& r) {
                      given.push_back({r.packet.ssrc, r.packet.timestamp, r.packet.sequence_number,
                                       r.packet.payload_type, std::string(as_text(r.packet.payload))});
                    }};
  void push(const std::vector<std::byte>& packet) { repairer.push(*parse_rtp(packet)); }
};

TEST(Rtx, GivesTheOriginalPacketBack) {
  RtxReceiver run;
  run.push(packet_bytes(96, 10, 9000, 7, {1}));
  run.push(packet_bytes(97, 500, 9000, 8, {0, 11, 'a', 'b'}));
  EXPECT_EQ(run.given, (std::vector<Given>{{7, 9000, 11, 96, "ab"}}));
}

// Padding is stripped before the original sequence number is read: here only it would look like one.
TEST(Rtx, ProbesAndPaddingOnlyPacketsAreIgnored) {
  RtxReceiver run;
  run.push(packet_bytes(96, 10, 9000, 7, {1}));
  auto padded = packet_bytes(97, 500, 9000, 8, {0, 0, 0, 4});
  padded[0] = std::byte{0xA0};
  run.push(padded);
  auto number_only = packet_bytes(97, 501, 9000, 8, {0, 11, 0, 2});
  number_only[0] = std::byte{0xA0};
  run.push(number_only);
  run.push(packet_bytes(97, 502, 9000, 8, {}));
  EXPECT_TRUE(run.given.empty());
}

TEST(Rtx, AfterARestartEachRtxStreamFindsItsOwnMedia) {
  RtxReceiver run;
  for (int i = 0; i < 2000; ++i)
    run.push(packet_bytes(96, static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i) * 3000, 1, {1}));
  for (int i = 0; i < 2000; ++i)
    run.push(packet_bytes(96, static_cast<std::uint16_t>(30000 + i),
                          3'000'000'000U + static_cast<std::uint32_t>(i) * 3000, 2, {1}));
  // Late for the old one, by a whole segment; and the new one's. Neither RTX SSRC was seen before.
  run.push(packet_bytes(97, 1, 300 * 3000, 11, {1, 44, 'x'}));
  run.push(packet_bytes(97, 1, 3'000'000'000U + 1990 * 3000, 12, {0x7C, 0xF6, 'y'}));
  ASSERT_EQ(run.given.size(), 2U);
  EXPECT_EQ(run.given[0], (Given{1, 300 * 3000, 300, 96, "x"}));
  EXPECT_EQ(run.given[1], (Given{2, 3'000'000'000U + 1990 * 3000, 31990, 96, "y"}));
}

// The counts of an independent program over the same recording.
TEST(Rtx, HealsEveryLossOfALossyRecording) {
  struct Case {
    const char* folder;
    std::size_t lost;
  };
  for (const Case& c :
       {Case{"browser/vp8_opus_lossy_audionack", 64}, Case{"browser/vp8_flexfec_lossy", 93}}) {
    RTPX_NEEDS_CAPTURE(folder, c.folder);
    std::set<std::uint16_t> arrived, healed;
    Repairer repairer(kRtxTypes, {}, [&](const Repaired& r) {
      ASSERT_EQ(r.packet.payload_type, 96);
      healed.insert(r.packet.sequence_number);
    });
    for (const auto& record : test::read_records(folder / "video_1.rtpx")) {
      const auto packet = parse_rtp(record.packet);
      ASSERT_TRUE(packet);
      if (packet->payload_type == 96) arrived.insert(packet->sequence_number);
      repairer.push(*packet);
    }
    std::size_t lost = 0, unhealed = 0;
    for (std::uint16_t n = *arrived.begin(); n != *arrived.rbegin(); ++n) {
      if (arrived.contains(n)) continue;
      ++lost;
      unhealed += healed.contains(n) ? 0 : 1;
    }
    EXPECT_EQ(lost, c.lost) << c.folder;
    EXPECT_EQ(unhealed, 0U) << c.folder;
  }
}

}  // namespace
}  // namespace rtpx
