#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/feedback/ccfb.hpp"
#include "ingest/feedback/nack_generator.hpp"
#include "ingest/feedback/rate.hpp"
#include "ingest/feedback/receiver_statistics.hpp"
#include "ingest/feedback/rtcp_feedback.hpp"
#include "ingest/feedback/transport_cc.hpp"
#include "ingest/net/arrival_clock.hpp"
#include "rtp/keyframe_hint.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Time = ReceiveClock::time_point;

constexpr Time kStart{1000s};

TEST(NackGenerator, AsksForEachGapOnceAndAgainAfterARoundTrip) {
  NackGenerator nack;
  nack.on_packet(65534, kStart);
  nack.on_packet(1, kStart);
  EXPECT_THAT(nack.due(kStart, 100ms), IsEmpty()) << "reordering is given a moment";
  EXPECT_THAT(nack.due(kStart + 6ms, 100ms), ElementsAre(65535, 0));
  EXPECT_THAT(nack.due(kStart + 60ms, 100ms), IsEmpty()) << "the sender would ignore it";
  EXPECT_THAT(nack.due(kStart + 140ms, 100ms), ElementsAre(65535, 0));
}

TEST(NackGenerator, ALatePacketAndARetransmissionCloseTheGapAndTellTheRoundTrip) {
  NackGenerator nack;
  nack.on_packet(1, kStart);
  nack.on_packet(4, kStart);
  (void)nack.due(kStart + 6ms, 50ms);
  EXPECT_EQ(nack.on_packet(2, kStart + 10ms), NackGenerator::Arrival::recovered);
  EXPECT_EQ(nack.on_packet(2, kStart + 11ms), NackGenerator::Arrival::old);
  EXPECT_TRUE(nack.on_retransmission(3, kStart + 36ms));
  EXPECT_EQ(nack.take_round_trip(), NackGenerator::Duration(30ms));
  EXPECT_FALSE(nack.take_round_trip());
  EXPECT_FALSE(nack.on_retransmission(500, kStart)) << "a probe of what never was missing";
  EXPECT_EQ(nack.missing(), 0U);
  EXPECT_EQ(nack.recovered(), 2U);
}

TEST(NackGenerator, WishesForAKeyframeWhenLateAndGivesUpInTheEnd) {
  NackGenerator nack;
  nack.on_packet(1, kStart);
  nack.on_packet(3, kStart);
  Time now = kStart;
  std::size_t asked = 0;
  bool wished = false;
  for (; now < kStart + 5s; now += 10ms) {
    asked += nack.due(now, 20ms).size();
    if (!wished && nack.take_keyframe_wish()) {
      wished = true;
      EXPECT_LT(now - kStart, 500ms);
    }
  }
  EXPECT_TRUE(wished);
  EXPECT_LE(asked, static_cast<std::size_t>(NackGenerator::kMaxRequests));
  EXPECT_GE(asked, 3U);
  EXPECT_EQ(nack.given_up(), 1U);
  EXPECT_EQ(nack.missing(), 0U);
}

TEST(NackGenerator, ASenderThatNeverAnswersIsAskedNowAndThenOnly) {
  NackGenerator nack({.requests = 10, .time = 500ms});
  std::size_t asked = 0, late = 0;
  Time now = kStart;
  for (std::uint16_t i = 0; i < 3000; ++i, now += 10ms) {  // 30 s, every tenth is lost
    if (i % 10 != 3) nack.on_packet(i, now);
    const std::size_t count = nack.due(now, 20ms).size();
    asked += count;
    if (now - kStart > 10s) late += count;
  }
  EXPECT_GE(asked, 10U);
  EXPECT_LE(asked, 60U);
  EXPECT_GE(late, 3U) << "it is tried again";
  EXPECT_LE(late, 5U);
  nack.on_packet(3001, now + 6s);
  EXPECT_THAT(nack.due(now + 6010ms, 20ms), ElementsAre(3000));
  ASSERT_TRUE(nack.on_retransmission(3000, now + 6030ms));
  nack.on_packet(3003, now + 6030ms);
  EXPECT_THAT(nack.due(now + 6040ms, 20ms), ElementsAre(3002)) << "an answer: all is well again";
}

TEST(NackGenerator, NumbersBeforeTheFirstAreWantedUntilAFrameBegins) {
  NackGenerator nack;
  nack.on_packet(5, kStart);
  nack.want_before(5, kStart);
  const auto first = nack.due(kStart + 6ms, 100ms);
  EXPECT_EQ(first.size(), NackGenerator::kBeforeAtOnce);
  EXPECT_EQ(first.front(), 65525) << "in the order of the numbers";
  EXPECT_EQ(first.back(), 4);
  EXPECT_EQ(nack.missing(), 0U) << "they may never have been sent";
  EXPECT_TRUE(nack.on_retransmission(2, kStart + 50ms));
  nack.begin_at(2);
  EXPECT_THAT(nack.due(kStart + 400ms, 100ms), ElementsAre(3, 4));
  EXPECT_TRUE(nack.on_retransmission(3, kStart + 450ms));
  EXPECT_TRUE(nack.on_retransmission(4, kStart + 450ms));
  EXPECT_FALSE(nack.wants_before());
  EXPECT_EQ(nack.recovered(), 3U);
  EXPECT_EQ(nack.given_up(), 0U);
  EXPECT_FALSE(nack.take_keyframe_wish());
}

TEST(KeyframeHint, SaysWhetherAFrameMayBeginInAPayload) {
  const auto begins = [](HintFormat format, std::initializer_list<int> bytes) {
    std::vector<std::byte> payload;
    for (const int one : bytes) payload.push_back(static_cast<std::byte>(one));
    return may_begin_frame(format, payload);
  };
  EXPECT_TRUE(begins(HintFormat::vp8, {0x10, 0}));
  EXPECT_FALSE(begins(HintFormat::vp8, {0x00, 0}));
  EXPECT_FALSE(begins(HintFormat::vp8, {0x11, 0})) << "another partition";
  EXPECT_TRUE(begins(HintFormat::vp9, {0x08}));
  EXPECT_FALSE(begins(HintFormat::vp9, {0x04}));
  EXPECT_FALSE(begins(HintFormat::av1, {0x80}));
  EXPECT_TRUE(begins(HintFormat::h264, {0x67, 1}));
  EXPECT_TRUE(begins(HintFormat::h264, {0x65, 0x88}));
  EXPECT_FALSE(begins(HintFormat::h264, {0x41, 0x20})) << "a later slice";
  EXPECT_TRUE(begins(HintFormat::h264, {0x7C, 0x85, 0x88}));
  EXPECT_FALSE(begins(HintFormat::h264, {0x7C, 0x05, 0x88})) << "a later fragment";
  EXPECT_TRUE(begins(HintFormat::h265, {0x26, 0x01, 0x80}));
  EXPECT_FALSE(begins(HintFormat::h265, {0x02, 0x01, 0x00}));
  EXPECT_TRUE(begins(HintFormat::none, {1}));
}

TEST(NackGenerator, MemoryIsBoundedWhateverTheNumbersSay) {
  NackGenerator nack;
  std::uint16_t sequence = 0;
  for (int i = 0; i < 1000; ++i) {
    nack.on_packet(sequence = static_cast<std::uint16_t>(sequence + 900), kStart);
    EXPECT_LE(nack.missing(), NackGenerator::kMaxMissing);
  }
  nack.on_packet(static_cast<std::uint16_t>(sequence + 20'000), kStart);
  EXPECT_EQ(nack.missing(), 0U);
  EXPECT_TRUE(nack.take_keyframe_wish());
}

TEST(ReceiverStatistics, LossAndHighestSequenceAreThoseOfTheRfc) {
  ReceiverStatistics statistics;
  for (std::uint32_t i = 0; i < 100; ++i)
    if (i % 4 != 1)
      statistics.on_packet(static_cast<std::uint16_t>(65500 + i), i * 3000, 90000, kStart + i * 33ms);
  const rtcp::ReportBlock block = statistics.report(7, kStart + 4s);
  EXPECT_EQ(block.highest_sequence, (1U << 16) + 63);
  EXPECT_EQ(block.cumulative_lost, 25);
  EXPECT_EQ(block.fraction_lost, 64);
  EXPECT_EQ(statistics.report(7, kStart + 5s).fraction_lost, 0) << "nothing came since the last report";
}

TEST(ReceiverStatistics, JitterIsZeroForAnEvenSenderAndGrowsForAnUnevenOne) {
  ReceiverStatistics even, uneven;
  for (std::uint32_t i = 0; i < 500; ++i) {
    even.on_packet(static_cast<std::uint16_t>(i), i * 960, 48000, kStart + i * 20ms);
    uneven.on_packet(static_cast<std::uint16_t>(i), i * 960, 48000, kStart + i * 20ms + (i % 2) * 10ms);
  }
  EXPECT_LT(even.jitter_ms(), 0.1);
  EXPECT_NEAR(uneven.jitter_ms(), 10, 0.5);
}

TEST(ReceiverStatistics, TheDelaySinceTheLastSenderReportIsIn65536thsOfASecond) {
  ReceiverStatistics statistics;
  statistics.on_packet(1, 1, 48000, kStart);
  EXPECT_EQ(statistics.report(7, kStart).last_sr, 0U);
  statistics.on_sender_report(0x1122334455667788, kStart);
  const auto block = statistics.report(7, kStart + 500ms);
  EXPECT_EQ(block.last_sr, 0x33445566U);
  EXPECT_EQ(block.delay_since_last_sr, 32768U);
}

TEST(ReceiverStatistics, OneStrayPacketChangesNothingButTwoInSequenceRestart) {
  using Step = ReceiverStatistics::Step;
  ReceiverStatistics statistics;
  statistics.on_packet(100, 1, 90000, kStart);
  EXPECT_EQ(statistics.on_packet(30000, 1, 90000, kStart), Step::suspect);
  EXPECT_EQ(statistics.on_packet(101, 1, 90000, kStart), Step::normal);
  EXPECT_EQ(statistics.lost(), 0U);
  EXPECT_EQ(statistics.on_packet(40000, 1, 90000, kStart), Step::suspect);
  EXPECT_EQ(statistics.on_packet(40001, 1, 90000, kStart), Step::restarted);
  EXPECT_EQ(statistics.lost(), 0U);
}

std::vector<TransportCcReport> reports(const rtcp::Buffer& bytes) {
  std::vector<TransportCcReport> out;
  for (const rtcp::Block& block : rtcp::split(bytes))
    if (auto report = read_transport_cc(block)) out.push_back(*std::move(report));
  return out;
}

TEST(TransportCc, SaysOfEveryPacketWhetherAndWhenItArrived) {
  TransportCc feedback;
  std::map<std::uint16_t, Time> sent;
  Time now = kStart;
  for (std::uint32_t i = 0; i < 300; ++i) {
    now += i == 200 ? 90ms : 1ms;  // one large delta
    if (i % 7 == 3 || (i > 100 && i < 130)) continue;
    sent[static_cast<std::uint16_t>(65400 + i)] = now;
    feedback.on_packet(static_cast<std::uint16_t>(65400 + i), now);
  }
  rtcp::Buffer out;
  feedback.write(out, 1, 2);
  EXPECT_FALSE(feedback.pending());
  std::size_t seen = 0;
  for (const auto& report : reports(out)) {
    EXPECT_EQ(report.media, 2U);
    for (const auto& status : report.statuses) {
      const auto known = sent.find(status.sequence);
      ASSERT_EQ(status.received, known != sent.end()) << status.sequence;
      ++seen;
      if (status.received) {
        const std::int64_t us =
            std::chrono::duration_cast<std::chrono::microseconds>(known->second.time_since_epoch()).count();
        EXPECT_NEAR(static_cast<double>(status.arrival_us), static_cast<double>(us), 250) << status.sequence;
      }
    }
  }
  EXPECT_EQ(seen, 300U);
}

TEST(TransportCc, APacketThatComesLateIsReportedAgain) {
  TransportCc feedback;
  feedback.on_packet(10, kStart);
  feedback.on_packet(12, kStart + 1ms);
  rtcp::Buffer out;
  feedback.write(out, 1, 2);
  feedback.on_packet(11, kStart + 5ms);
  out.clear();
  feedback.write(out, 1, 2);
  const auto got = reports(out);
  ASSERT_EQ(got.size(), 1U);
  ASSERT_EQ(got[0].statuses.size(), 2U);
  EXPECT_EQ(got[0].statuses[0].sequence, 11);
  EXPECT_TRUE(got[0].statuses[0].received);
  EXPECT_EQ(got[0].count, 1) << "feedback packets are counted";
}

TEST(TransportCc, HostileJumpsCostBoundedMemoryAndPackets) {
  TransportCc feedback;
  for (std::uint32_t i = 0; i < 5000; ++i)
    feedback.on_packet(static_cast<std::uint16_t>(i * 12345), kStart + i * 1s);
  rtcp::Buffer out;
  feedback.write(out, 1, 2);
  for (const rtcp::Block& block : rtcp::split(out)) EXPECT_LE(block.body.size(), 1300U);
}

TEST(CongestionFeedback, SaysOfEachPacketOfEachSsrcWhetherAndWhenItArrived) {
  CongestionFeedback feedback;
  for (std::uint32_t i = 0; i < 500; ++i)
    if (i % 7 != 3) feedback.on_packet(7, static_cast<std::uint16_t>(65400 + i), kStart + i * 1ms);
  feedback.on_packet(8, 1, kStart + 499ms);
  ASSERT_TRUE(feedback.pending());
  std::map<std::uint32_t, std::vector<std::optional<std::uint16_t>>> seen;
  for (const rtcp::Buffer& packet : feedback.write(1, kStart + 500ms)) {
    EXPECT_LE(packet.size(), 1200U);
    for (const rtcp::Block& block : rtcp::split(packet))
      for (const CongestionReport& report : read_ccfb(block)) {
        if (seen[report.ssrc].empty()) {
          EXPECT_EQ(report.first, report.ssrc == 7 ? 65400 : 1);
        }
        std::ranges::copy(report.packets, std::back_inserter(seen[report.ssrc]));
      }
  }
  EXPECT_FALSE(feedback.pending());
  ASSERT_EQ(seen[7].size(), 500U);
  EXPECT_EQ(seen[8].size(), 1U);
  for (std::uint32_t i = 0; i < 500; ++i) {
    ASSERT_EQ(seen[7][i].has_value(), i % 7 != 3) << i;
    if (seen[7][i]) {
      EXPECT_NEAR(*seen[7][i], (500 - i) * 1.024, 1.1) << i;
    }
  }
}

TEST(CongestionFeedback, HostileJumpsCostBoundedMemoryAndPackets) {
  CongestionFeedback feedback;
  for (std::uint32_t i = 0; i < 5000; ++i)
    feedback.on_packet(7, static_cast<std::uint16_t>(i * 12345), kStart + i * 1s);
  EXPECT_LE(feedback.write(1, kStart + 5000s).size(), 6U);
}

TEST(Nack, SequencesArePackedWithTheirBitmaskAndReadBack) {
  rtcp::Buffer out;
  const std::vector<std::uint16_t> asked = {65530, 65531, 3, 10, 11, 100};
  rtcp::write_nack(out, 1, 2, asked);
  EXPECT_EQ(out.size(), 12U + 3 * 4) << "65530 with the 16 after it; 11; 100";
  const auto blocks = rtcp::split(out);
  ASSERT_EQ(blocks.size(), 1U);
  const auto request = rtcp::read_nack(blocks[0]);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->media, 2U);
  EXPECT_EQ(request->sequences, asked);
}

TEST(Remb, MantissaAndExponentHoldTheRate) {
  rtcp::Buffer out;
  const std::uint32_t media[] = {5};
  rtcp::write_remb(out, 1, 2'500'000, media);
  const auto word = load_be<std::uint32_t>(out.data() + 16);
  EXPECT_EQ(word >> 24, 1U);
  EXPECT_NEAR(static_cast<double>((word & 0x3FFFFU) << (word >> 18 & 63U)), 2.5e6, 20);
}

TEST(RoundTrip, IsReadFromTheAnswerToAReferenceTime) {
  rtcp::Buffer out;
  rtcp::write_reference_time(out, 9, rtcp::to_ntp(10s));
  const auto middle = static_cast<std::uint32_t>(load_be<std::uint64_t>(out.data() + 12) >> 16);
  rtcp::Buffer answer(24);
  answer[0] = std::byte{0x80};
  answer[1] = std::byte{207};
  answer[3] = std::byte{5};
  store_be<std::uint32_t>(answer.data() + 8, 5U << 24 | 3U);
  store_be<std::uint32_t>(answer.data() + 12, 9);
  store_be<std::uint32_t>(answer.data() + 16, middle);
  store_be<std::uint32_t>(answer.data() + 20, 65536 / 2);  // the sender waited half a second
  const auto later = static_cast<std::uint32_t>(rtcp::to_ntp(10s + 580ms) >> 16);
  const auto measured = rtcp::read_round_trip(rtcp::split(answer)[0], 9, later);
  ASSERT_TRUE(measured);
  EXPECT_NEAR(static_cast<double>(measured->count()), 80'000, 50);
  EXPECT_FALSE(rtcp::read_round_trip(rtcp::split(answer)[0], 8, later)) << "somebody else's";
}

TEST(ArrivalClock, AStepOfTheWallClockDoesNotMoveArrivals) {
  ArrivalClock clock;
  const std::chrono::nanoseconds wall = 1'800'000'000s;
  clock.sample(wall, kStart);
  EXPECT_EQ(clock.arrival(wall - 3ms), kStart - 3ms);
  // The wall clock jumps ahead by an hour between the arrival and the read: both stamps are told apart.
  clock.sample(wall + 1h + 10ms, kStart + 10ms);
  EXPECT_EQ(clock.arrival(wall + 4ms), kStart + 4ms);
  EXPECT_EQ(clock.arrival(wall + 1h + 8ms), kStart + 8ms);
  // And back by two.
  clock.sample(wall - 1h + 20ms, kStart + 20ms);
  EXPECT_EQ(clock.arrival(wall + 1h + 15ms), kStart + 15ms);
  EXPECT_EQ(clock.arrival(wall - 1h + 19ms), kStart + 19ms);
  EXPECT_EQ(clock.arrival(std::nullopt), kStart + 20ms);
  EXPECT_LE(clock.arrival(wall + 5h), kStart + 20ms) << "never in the future";
}

TEST(RateLimit, LetsTheMeanRateThroughAndBurstsOfASecond) {
  RateLimit limit(80'000);
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += limit.allows(1000, kStart) ? 1 : 0;
  EXPECT_EQ(passed, 10);
  EXPECT_FALSE(limit.allows(1000, kStart + 50ms));
  EXPECT_TRUE(limit.allows(1000, kStart + 150ms));
  EXPECT_TRUE(RateLimit(0).allows(1U << 30, kStart));
}

TEST(LossBasedEstimate, FallsWithLossAndRisesOnlyWhileUsed) {
  LossBasedEstimate estimate;
  const auto start = estimate.update(0, 0);
  EXPECT_LT(estimate.update(0.3, start), start);
  std::uint64_t value = 0;
  for (int i = 0; i < 100; ++i) value = estimate.update(0, 50'000'000);
  EXPECT_EQ(value, 20'000'000U);
  for (int i = 0; i < 100; ++i) value = estimate.update(0.9, 0);
  EXPECT_EQ(value, 100'000U);
}

}  // namespace
}  // namespace rtpx
