#include "rtp/packet.hpp"

#include <gtest/gtest.h>

#include "support/bytes.hpp"

namespace rtpx {
namespace {

using test::bytes;

// V=2 P=1 X=1 CC=1 | M=1 PT=96 | seq 0x0102 | ts | ssrc | csrc | 0xBEDE, 1 word | payload | 2 bytes of padding
const auto kFull = bytes({0xB1, 0xE0, 0x01, 0x02, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
                          0xBE, 0xDE, 0, 1, 0x31, 0xAA, 0xBB, 0, 7, 8, 0, 2});

TEST(RtpPacket, ReadsEveryFieldOfTheHeader) {
  const auto p = parse_rtp(kFull);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->payload_type, 96);
  EXPECT_TRUE(p->marker);
  EXPECT_EQ(p->sequence_number, 0x0102);
  EXPECT_EQ(p->timestamp, 3U);
  EXPECT_EQ(p->ssrc, 4U);
  EXPECT_EQ(p->csrcs.size(), 4U);
  EXPECT_EQ(p->payload.size(), 2U);
  EXPECT_EQ(p->payload.data(), kFull.data() + 24) << "the payload is a view, not a copy";
  ASSERT_TRUE(find_extension(*p, 3));
  EXPECT_EQ(find_extension(*p, 3)->size(), 2U);
  EXPECT_FALSE(find_extension(*p, 4));
}

TEST(RtpPacket, EveryCutHeaderIsRefused) {
  for (std::size_t n = 0; n < 24; ++n) EXPECT_FALSE(parse_rtp(Bytes(kFull).first(n))) << n;
}

TEST(RtpPacket, APadCountOfZeroIsNoPadding) {
  auto packet = kFull;
  packet.back() = std::byte{0};
  EXPECT_EQ(parse_rtp(packet)->payload.size(), 4U);
}

TEST(RtpPacket, AnImpossiblePadCountIsNoPadding) {
  auto packet = kFull;
  packet.back() = std::byte{200};
  EXPECT_EQ(parse_rtp(packet)->payload.size(), 4U);
}

TEST(RtpPacket, TwoByteExtensionsMayBeEmpty) {
  const auto packet = bytes({0x90, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x10, 0x00, 0, 1, 9, 0, 7, 0});
  const auto p = parse_rtp(packet);
  ASSERT_TRUE(p);
  ASSERT_TRUE(find_extension(*p, 9));
  EXPECT_TRUE(find_extension(*p, 9)->empty());
}

TEST(RtpPacket, RtcpIsToldFromRtpByItsType) {
  EXPECT_TRUE(looks_like_rtcp(bytes({0x80, 200, 0, 1, 0, 0, 0, 1})));
  EXPECT_FALSE(looks_like_rtcp(bytes({0x80, 0xE0, 0, 1, 0, 0, 0, 1})));
}

}  // namespace
}  // namespace rtpx
