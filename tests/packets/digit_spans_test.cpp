#include "packets/digit_spans.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace rtpx {
namespace {

/// RFC 4733 section 2.3: event | E R volume | duration.
std::array<std::byte, 4> event(std::uint8_t digit, bool end, std::uint16_t duration) {
  std::array<std::byte, 4> payload{std::byte{digit}, end ? std::byte{0x8A} : std::byte{0x0A}};
  store_be(payload.data() + 2, duration);
  return payload;
}

/// An event of the media's source, at a place of its line.
void tell(DigitSpans& spans, std::size_t segment, std::int64_t timestamp, Bytes payload) {
  spans.push({.ssrc = 1,
              .timestamp = static_cast<std::uint32_t>(timestamp),
              .clock_rate = 8'000,
              .place = DigitSpan::Place{segment, timestamp},
              .payload = payload});
}

TEST(DigitSpans, APressIsOneHoweverOftenItIsToldAndHoweverLong) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  tell(spans, 0, 1'000, event(5, false, 400));
  tell(spans, 0, 1'000, event(5, false, 0xFFFF));
  tell(spans, 0, 1'000 + 0xFFFF, event(5, false, 300));  // section 2.5.1.3: goes on as a segment
  for (int i = 0; i < 3; ++i) tell(spans, 0, 1'000 + 0xFFFF, event(5, true, 800));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].press.event, 5);
  EXPECT_EQ(out[0].press.timestamp, 1'000);
  EXPECT_EQ(out[0].press.duration, 0xFFFFU + 800);
}

TEST(DigitSpans, ALatePacketOfAnEarlierPressMakesNoOther) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  tell(spans, 0, 1'000, event(1, true, 800));
  tell(spans, 0, 5'000, event(2, false, 400));
  tell(spans, 0, 1'000, event(1, true, 800));
  tell(spans, 0, 5'000, event(2, true, 800));
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[1].press.event, 2);
  EXPECT_EQ(out[1].press.duration, 800U);
}

TEST(DigitSpans, APressWhoseEndIsMissingStandsInItsSegment) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  tell(spans, 0, 9'000, event(11, false, 640));
  tell(spans, 1, 500, event(3, false, 160));
  spans.finish();
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].place->segment, 0U);
  EXPECT_EQ(out[0].press.duration, 640U);
  EXPECT_EQ(out[1].place->segment, 1U);
}

// Nothing but arrival tells when: of each source's own first packet, whatever its clock says.
TEST(DigitSpans, EventsOfASourceOfTheirOwnHaveTheirArrival) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  for (int digit = 0; digit < 3; ++digit)
    for (int k = 0; k < 10; ++k)
      spans.push({.ssrc = 7,
                  .timestamp = 0xFFFFF000U + 16'000U * static_cast<unsigned>(digit),
                  .clock_rate = 8'000,
                  .marker = k == 0,
                  .receive_ms = 2'000 * digit + 20 * k,
                  .payload = event(static_cast<std::uint8_t>(digit), k >= 7,
                                   static_cast<std::uint16_t>(160 * std::min(k + 1, 8)))});
  spans.finish();
  ASSERT_EQ(out.size(), 3U);
  for (int digit = 0; digit < 3; ++digit) {
    const DigitSpan& span = out[static_cast<std::size_t>(digit)];
    EXPECT_FALSE(span.place);
    EXPECT_EQ(span.receive_ms, 2'000 * digit);
    EXPECT_EQ(span.press.event, digit);
    EXPECT_EQ(span.press.duration, 1'280U);
  }
}

TEST(DigitSpans, ASenderWhoseTimeRisesWithinAPressTellsOne) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  for (const std::int64_t begin : {1'000, 4'000})  // the same key twice
    for (int k = 0; k < 10; ++k)
      spans.push({.ssrc = 7,
                  .timestamp = static_cast<std::uint32_t>(begin + 160 * k),
                  .clock_rate = 8'000,
                  .receive_ms = begin / 8 + 20 * k,
                  .payload = event(9, k >= 7, static_cast<std::uint16_t>(160 * std::min(k + 1, 8)))});
  spans.finish();
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].receive_ms, 125);
  EXPECT_EQ(out[1].receive_ms, 500);
  EXPECT_EQ(out[1].press.duration, 1'280U);
}

// What came late of the press before makes no other one; its own packets, in order, do.
TEST(DigitSpans, PressesOfASenderWhoseTimeStandsAreToldApart) {
  std::vector<DigitSpan> out;
  DigitSpans spans(out);
  std::uint16_t number = 65'530;
  for (int press = 0; press < 4; ++press)
    for (int k = 0; k < 10; ++k) {
      DigitSpans::Packet packet{.ssrc = 1,
                                .timestamp = 1'000,
                                .clock_rate = 8'000,
                                .sequence = number++,
                                .receive_ms = 200 * press + 20 * k,
                                .place = DigitSpan::Place{0, 1'000}};
      const auto payload =
          event(press < 2 ? 5 : 7, k >= 7, static_cast<std::uint16_t>(160 * std::min(k + 1, 8)));
      packet.payload = payload;
      spans.push(packet);
      if (k == 2 && press > 0) {  // from before the end that came already
        packet.sequence = static_cast<std::uint16_t>(packet.sequence - 7);
        spans.push(packet);
      }
    }
  spans.finish();
  ASSERT_EQ(out.size(), 4U);
  for (int press = 0; press < 4; ++press) {
    EXPECT_EQ(out[static_cast<std::size_t>(press)].press.event, press < 2 ? 5 : 7);
    EXPECT_EQ(out[static_cast<std::size_t>(press)].press.duration, 1'280U);
    EXPECT_EQ(out[static_cast<std::size_t>(press)].receive_ms, 200 * press);
  }
}

}  // namespace
}  // namespace rtpx
