#include "packets/digit_spans.hpp"

#include <gtest/gtest.h>

#include <array>

namespace rtpx {
namespace {

/// RFC 4733 section 2.3: event | E R volume | duration.
std::array<std::byte, 4> event(std::uint8_t digit, bool end, std::uint16_t duration) {
  std::array<std::byte, 4> payload{std::byte{digit}, end ? std::byte{0x8A} : std::byte{0x0A}};
  store_be(payload.data() + 2, duration);
  return payload;
}

TEST(DigitSpans, APressIsOneHoweverOftenItIsToldAndHoweverLong) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  spans.push(0, 1'000, event(5, false, 400));
  spans.push(0, 1'000, event(5, false, 0xFFFF));
  spans.push(0, 1'000 + 0xFFFF, event(5, false, 300));  // section 2.5.1.3: goes on as a segment
  for (int i = 0; i < 3; ++i) spans.push(0, 1'000 + 0xFFFF, event(5, true, 800));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].press.event, 5);
  EXPECT_EQ(out[0].press.timestamp, 1'000);
  EXPECT_EQ(out[0].press.duration, 0xFFFFU + 800);
}

TEST(DigitSpans, ALatePacketOfAnEarlierPressMakesNoOther) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  spans.push(0, 1'000, event(1, true, 800));
  spans.push(0, 5'000, event(2, false, 400));
  spans.push(0, 1'000, event(1, true, 800));
  spans.push(0, 5'000, event(2, true, 800));
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[1].press.event, 2);
  EXPECT_EQ(out[1].press.duration, 800U);
}

TEST(DigitSpans, APressWhoseEndIsMissingStandsInItsSegment) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  spans.push(0, 9'000, event(11, false, 640));
  spans.push(1, 500, event(3, false, 160));
  spans.finish();
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].segment, 0U);
  EXPECT_EQ(out[0].press.duration, 640U);
  EXPECT_EQ(out[1].segment, 1U);
}

}  // namespace
}  // namespace rtpx
