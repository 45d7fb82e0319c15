// Where a sender's clock stood still or ran at another rate: families of cases with random parameters.
#include <gtest/gtest.h>

#include <random>

#include "call.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kZeroMs = 5'000'000;

double ms_at(const Timeline& timeline, std::int64_t rtp, std::size_t map = 0) {
  return static_cast<double>(timeline.maps[map].time_ns(rtp)) / 1e6;
}

SegmentInput alone(const SegmentClock& clock, std::uint32_t rate, bool audio = true) {
  return {&clock, rate, audio, "", "stream", audio ? "audio" : "video"};
}

/// A phone call without reports: `packet_ms` of sound in each packet, RTP time stands in its holds.
struct Phone {
  struct Hold {
    double after_s;  ///< of talk since the hold before
    double length_s;
  };
  std::uint32_t rate = 8000;
  int packet_ms = 20;
  std::vector<Hold> holds;
  double last_talk_s = 5;
  double jitter_ms = 0;

  std::vector<std::pair<std::int64_t, double>> sent;  ///< RTP time, true time in ms

  SegmentClock clock(std::mt19937& random) {
    SegmentClock out(rate);
    std::int64_t rtp = 777, number = 1;
    double t = 0;
    const auto talk = [&](double seconds) {
      for (int i = 0; i < static_cast<int>(seconds * 1000) / packet_ms; ++i) {
        const double late = jitter_ms > 0 ? std::uniform_real_distribution<double>(0, jitter_ms)(random) : 0;
        out.add_packet(rtp, kZeroMs + std::llround(t + late), number++);
        sent.push_back({rtp, t});
        rtp += static_cast<std::int64_t>(rate) * packet_ms / 1000;
        t += packet_ms;
      }
    };
    for (const Hold& hold : holds) {
      talk(hold.after_s);
      t += hold.length_s * 1000;
    }
    talk(last_talk_s);
    return out;
  }
};

TEST(Breaks, EachHoldIsCutWhateverFollows) {
  std::mt19937 random(17);
  const auto between = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  for (int round = 0; round < 300; ++round) {
    Phone phone;
    constexpr std::uint32_t kRates[] = {8000, 48000, 16000};
    constexpr int kPackets[] = {20, 10, 30, 40};
    phone.rate = kRates[random() % 3];
    phone.packet_ms = kPackets[random() % 4];
    phone.jitter_ms = round % 2 == 0 ? 0 : between(0, 25);
    for (unsigned i = random() % 8 + 1; i > 0; --i)
      phone.holds.push_back({between(1, 12), random() % 2 == 0 ? between(0.2, 0.6) : between(0.6, 70)});
    phone.last_talk_s = between(1, 6);
    const SegmentClock clock = phone.clock(random);
    const Timeline timeline = place_segments({alone(clock, phone.rate)});
    double worst = 0;
    for (const auto& [rtp, ms] : phone.sent) worst = std::max(worst, std::abs(ms_at(timeline, rtp) - ms));
    EXPECT_LT(worst, 20) << "round " << round;
    ASSERT_EQ(timeline.maps[0].steps.size(), phone.holds.size()) << "round " << round;
    for (std::size_t i = 0; i < phone.holds.size(); ++i)
      EXPECT_NEAR(static_cast<double>(timeline.maps[0].steps[i].duration_ns) / 1e9, phone.holds[i].length_s,
                  0.02)
          << "round " << round;
  }
}

TEST(Breaks, APauseEveryFourSecondsForTwoHoursIsNoDrift) {
  std::mt19937 random(3);
  Phone phone;
  for (int i = 0; i < 900; ++i) phone.holds.push_back({4, 0.24});
  const SegmentClock clock = phone.clock(random);
  const Timeline timeline = place_segments({alone(clock, 8000)});
  for (std::size_t i = 0; i < phone.sent.size(); i += 97)
    ASSERT_NEAR(ms_at(timeline, phone.sent[i].first), phone.sent[i].second, 20) << i;
}

// The last words before the pause and the first after it change places on the way.
TEST(Breaks, ReorderingAtTheUnmuteLeavesEachPacketOnItsSide) {
  SegmentClock clock(48000);
  std::vector<std::pair<std::int64_t, double>> sent;
  const auto add = [&](std::int64_t number, double ms, bool ahead) {
    if (ahead) clock.add_packet(number * 960, kZeroMs + std::llround(ms), number);
  };
  for (std::int64_t i = 0; i < 500; ++i) add(i, static_cast<double>(i) * 20, true);
  for (std::int64_t i = 500; i < 700; ++i) {
    sent.push_back({i * 960, static_cast<double>(i) * 20 + 3000});
    if (i >= 502) add(i, static_cast<double>(i) * 20 + 3000, true);  // 500 and 501 come behind it
  }
  const Timeline timeline = place_segments({alone(clock, 48000)});
  for (const auto& [rtp, ms] : sent) EXPECT_NEAR(ms_at(timeline, rtp), ms, 20) << rtp;
  EXPECT_NEAR(ms_at(timeline, 499 * 960), 499 * 20, 1);
}

// RTP time does not go on by what an event lasts: 100 to 400 ms, at any distance.
TEST(Breaks, EventsTellWhereRtpTimeStood) {
  std::mt19937 random(8);
  for (int round = 0; round < 50; ++round) {
    SegmentClock clock(8000);
    std::vector<std::pair<std::int64_t, double>> sent;
    std::int64_t rtp = 0, number = 0;
    double t = 0;
    for (int press = 0; press < 12; ++press) {
      for (int i = static_cast<int>(random() % 60) + 2; i > 0; --i) {
        clock.add_packet(rtp, kZeroMs + std::llround(t), number++);
        sent.push_back({rtp, t});
        rtp += 160;
        t += 20;
      }
      const int packets = static_cast<int>(random() % 16) + 5;
      for (int i = 1; i <= packets; ++i) clock.add_event(rtp, 160 * i), ++number;
      t += 20 * packets;
    }
    for (int i = 0; i < 60; ++i) {
      clock.add_packet(rtp, kZeroMs + std::llround(t), number++);
      sent.push_back({rtp, t});
      rtp += 160;
      t += 20;
    }
    const Timeline timeline = place_segments({alone(clock, 8000)});
    for (const auto& [at, ms] : sent) ASSERT_NEAR(ms_at(timeline, at), ms, 20) << "round " << round;
    for (const auto& step : timeline.maps[0].steps) EXPECT_EQ(step.source, StepSource::event_duration);
  }
}

// Opus that steps 160, 320, 480 or 1920 a packet, PCMU at 4 and 16 kHz, with holds; video that counts
// milliseconds or microseconds.
TEST(Breaks, ClocksOfAnotherRateAreFound) {
  struct Case {
    std::uint32_t negotiated, real;
    std::int64_t duration_ms;  // 0: not known, video
  };
  for (const Case& c :
       {Case{48000, 8000, 20}, Case{48000, 16000, 20}, Case{48000, 24000, 20}, Case{48000, 8000, 60},
        Case{8000, 16000, 20}, Case{8000, 48000, 10}, Case{90000, 1000, 0}, Case{90000, 48000, 0},
        Case{48000, 96000, 20}, Case{8000, 4000, 20}, Case{90000, 1'000'000, 0}, Case{48000, 44100, 20},
        Case{44100, 48000, 20}})
    for (const double hold : {0.0, 6.0}) {
      SegmentClock clock(c.negotiated);
      const std::int64_t step_ms = c.duration_ms > 0 ? c.duration_ms : 40;
      std::vector<std::pair<std::int64_t, double>> sent;
      for (std::int64_t i = 0; i < 1000; ++i) {
        const double t = static_cast<double>(i * step_ms) + (i >= 200 ? hold * 1000 : 0);
        const std::int64_t rtp = 5 + i * step_ms * c.real / 1000;
        clock.add_packet(rtp, kZeroMs + std::llround(t), i, c.duration_ms * 1'000'000);
        sent.push_back({rtp, t});
      }
      const Timeline timeline = place_segments({alone(clock, c.negotiated, c.duration_ms > 0)});
      EXPECT_EQ(timeline.maps[0].clock_rate, c.real);
      for (const auto& [rtp, ms] : sent)
        ASSERT_NEAR(ms_at(timeline, rtp), ms, 20) << c.negotiated << " as " << c.real << " hold " << hold;
    }
}

// A camera that stamps 25 pictures a second, whatever it makes, beside sound: IP cameras, capture cards.
TEST(Breaks, APictureClockFarFromItsRateIsFollowed) {
  for (const bool reports : {true, false})
    for (const double distance_ms : {20.0, 33.3, 35.0, 38.0, 39.0, 40.4, 41.0, 42.0, 44.0, 48.0, 66.7}) {
      std::mt19937 random(5);
      std::exponential_distribution<double> late(1 / 3.0);
      SegmentClock picture(90'000);
      test::CallTrack audio;
      const double seconds = std::abs(distance_ms - 40) > 2.5 ? 12 : 40;  // the further off, the sooner it is sure
      audio.to = seconds;
      audio.report_seconds = reports ? 5 : 0;
      std::vector<std::pair<std::int64_t, double>> sent;
      for (std::int64_t i = 0; static_cast<double>(i) * distance_ms < seconds * 1000; ++i) {
        const double t = static_cast<double>(i) * distance_ms;
        picture.add_packet(77 + 3'600 * i, kZeroMs + std::llround(t + 30 + late(random)), i);
        if (reports && i % 125 == 60)
          picture.add_sender_report(77 + 3'600 * i, static_cast<std::int64_t>(test::kNtpZero + t * 1e6),
                                    kZeroMs + std::llround(t) + 30);
        sent.emplace_back(77 + 3'600 * i, t);
      }
      const SegmentClock sound = audio.clock();
      const Timeline timeline = place_segments(
          {audio.input(sound), {&picture, 90'000, false, reports ? "sender" : "", "stream", "video"}});
      for (const auto& [rtp, ms] : sent) {
        const double apart = static_cast<double>(timeline.maps[1].time_ns(rtp) - timeline.maps[0].time_ns(audio.rtp(0))) / 1e6;
        ASSERT_NEAR(apart, ms, reports ? 20 : 40) << distance_ms << " ms apart, reports " << reports;
      }
      EXPECT_NEAR(timeline.maps[1].clock_rate, 90 * 40 * 1000 / distance_ms, 90 * 40 * 5 / distance_ms);
    }
}

// Five seconds of the past at once, then live: no clock is fast.
TEST(Breaks, ABurstAtTheStartIsNoOtherRate) {
  SegmentClock video(90000), audio(8000);
  for (std::int64_t i = 0; i < 375; ++i)
    video.add_packet(i * 3600, kZeroMs + (i < 125 ? 4960 + i / 8 : 40 * i), i);
  for (std::int64_t i = 0; i < 750; ++i)
    audio.add_packet(i * 160, kZeroMs + (i < 250 ? 4980 + i / 16 : 20 * i), i, 20'000'000);
  const Timeline timeline = place_segments({alone(audio, 8000), alone(video, 90000, false)});
  for (const std::int64_t s : {0, 3, 7, 14}) {
    EXPECT_NEAR(ms_at(timeline, s * 8000), 1e3 * static_cast<double>(s), 20);
    EXPECT_NEAR(ms_at(timeline, s * 90000, 1), 1e3 * static_cast<double>(s), 20);
  }
  EXPECT_EQ(timeline.maps[0].clock_rate, 0U);
  EXPECT_EQ(timeline.maps[1].clock_rate, 0U);
}

// A capture without arrival times: RTP time alone, and a second segment after the first.
TEST(Breaks, WithoutArrivalTimesRtpTimePlaces) {
  SegmentClock first(8000), second(8000);
  for (std::int64_t i = 0; i < 500; ++i) {
    first.add_packet(i * 160, kZeroMs, i, 20'000'000);
    second.add_packet(99 + i * 160, kZeroMs, i, 20'000'000);
  }
  const Timeline timeline = place_segments({alone(first, 8000), alone(second, 8000)});
  for (const std::int64_t i : {0, 250, 499}) {
    EXPECT_NEAR(ms_at(timeline, i * 160), 20 * static_cast<double>(i), 0.01);
    EXPECT_NEAR(ms_at(timeline, 99 + i * 160, 1), 10'000 + 20 * static_cast<double>(i), 0.01);
  }
}

// Drops of 20 to 50 ms, whose moment arrivals show, without reports.
TEST(Breaks, SmallDropsOfAClockAreFollowed) {
  std::mt19937 random(5);
  for (int round = 0; round < 100; ++round) {
    test::CallTrack audio, video = test::video_track();
    audio.report_seconds = video.report_seconds = 0;
    audio.to = video.to = 40;
    audio.pause_at = std::uniform_real_distribution<double>(5, 35)(random);
    audio.pause_seconds = std::uniform_real_distribution<double>(0.02, 0.05)(random);
    const double mean = round % 2 == 0 ? 0.1 : 5;
    audio.delay_ms = video.delay_ms = [mean](double, std::mt19937& r) {
      return 30 + std::min(100.0, std::exponential_distribution<double>(1 / mean)(r));
    };
    const SegmentClock a = audio.clock(static_cast<unsigned>(round)), v = video.clock(1);
    const Timeline timeline = place_segments({audio.input(a), video.input(v)});
    for (double t = 1; t < 40; t += 0.5)
      ASSERT_NEAR(test::error_ms(timeline, audio, video, t), 0, 40) << round << " at " << t;
  }
}

// RTP time goes ahead at once while numbers and arrivals go on (a transfer, an encoder that restarts its clock): what
// follows keeps its time.
TEST(Breaks, LeapsOfAClockMoveNothing) {
  for (const bool reports : {false, true})
    for (const double leap : {0.1, 0.3, 1.0, 3.0, 7.0, 9.5}) {
      SegmentClock clock(8000);
      std::vector<std::pair<std::int64_t, double>> sent;
      for (std::int64_t i = 0; i < 1000; ++i) {
        const double t = static_cast<double>(i) * 20;
        const std::int64_t rtp = 5 + 160 * i + (i >= 500 ? std::llround(leap * 8000) : 0);
        clock.add_packet(rtp, kZeroMs + std::llround(t), i, 20'000'000);
        if (reports && i % 250 == 100)
          clock.add_sender_report(rtp, static_cast<std::int64_t>(test::kNtpZero + t * 1e6), kZeroMs + std::llround(t) + 1);
        sent.push_back({rtp, t});
      }
      const Timeline timeline = place_segments({alone(clock, 8000, true)});
      for (const auto& [rtp, ms] : sent)
        ASSERT_NEAR(ms_at(timeline, rtp), ms, 20) << "by " << leap << " s, reports " << reports;
    }
}

// An encoder changes how many B pictures there are. RTP time is when a picture is shown, packets come as they were
// encoded: each picture keeps its time against the first.
TEST(Breaks, BPicturesThatComeAndGoMoveNothing) {
  const auto pictures = [](std::vector<int>& order, int from, int to, int b) {  // in the order of encoding
    for (int i = from; i < to; i += b + 1) {
      const int last = std::min(i + b, to - 1);
      order.push_back(last);
      for (int k = i; k < last; ++k) order.push_back(k);
    }
  };
  for (const auto& parts : {std::vector<int>{3, 0}, {0, 3}, {3, 0, 3}, {2}, {7, 1}}) {
    std::vector<int> order{0};
    int from = 1;
    for (const int b : parts) pictures(order, from, from + 150, b), from += 150;
    SegmentClock clock(90'000, true);
    for (std::size_t i = 0; i < order.size(); ++i)
      clock.add_packet(1'000 + std::int64_t{3'600} * order[i], kZeroMs + static_cast<std::int64_t>(i) * 40, static_cast<std::int64_t>(i));
    const Timeline timeline = place_segments({alone(clock, 90'000, false)});
    for (int picture = 0; picture < from; ++picture)
      ASSERT_NEAR(ms_at(timeline, 1'000 + 3'600LL * picture), 40.0 * picture, 5) << picture << ", parts " << parts.size() << " " << parts[0];
  }
}

struct LyingReports : testing::Test {
  test::CallTrack audio, video = test::video_track();
  LyingReports() {
    audio.report_seconds = 0;
    audio.to = video.to = 40;
  }
  /// A report of the sound at the true time `t` that is `off_ms` wrong.
  void report(SegmentClock& clock, double t, double off_ms) const {
    clock.add_sender_report(audio.rtp(t), static_cast<std::int64_t>(test::kNtpZero + t * 1e9 + off_ms * 1e6),
                            kZeroMs + std::llround(t * 1e3 + 30));
  }
  void expect_in_sync(const SegmentClock& a, double within) const {
    const SegmentClock v = video.clock();
    const Timeline timeline = place_segments({audio.input(a), video.input(v)});
    for (double t = 0; t < 40; t += 0.5)
      if (!audio.paused(t) && !audio.paused(t - 0.1)) {
        ASSERT_NEAR(test::error_ms(timeline, audio, video, t), 0, within) << "at " << t;
      }
  }
};

// Some agree by chance; packets were steady.
TEST_F(LyingReports, ThoseThatScatterByHundredsOfMsDoNotWin) {
  std::mt19937 random(2);
  const auto jitter = [](double, std::mt19937& r) { return 30 + std::exponential_distribution<double>(1 / 8.0)(r); };
  audio.delay_ms = video.delay_ms = jitter;
  for (const double most_ms : {150.0, 200.0, 300.0, 500.0})
    for (const double each : {1.3, 2.0, 3.5})
      for (const double pause : {0.0, 3.0})
        for (unsigned round = 0; round < 20; ++round) {
          audio.pause_at = 15, audio.pause_seconds = pause;
          SegmentClock a = audio.clock(round);
          for (double t = 1; t < 40; t += each)
            if (!audio.silent(t)) report(a, t, std::uniform_real_distribution<double>(-most_ms, most_ms)(random));
          SCOPED_TRACE(testing::Message() << "by " << most_ms << " ms each " << each << " s, pause " << pause << ", " << round);
          expect_in_sync(a, 40);
        }
}

TEST_F(LyingReports, OneBeforeTheFirstPacketWithAnUnrelatedRtpTimeIsNone) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 50; ++round) {
    SegmentClock a(48000);
    a.add_sender_report(static_cast<std::int64_t>(random() & 0xFFFFFFFF),
                        static_cast<std::int64_t>(test::kNtpZero - 3e8), kZeroMs - 250);
    for (std::int64_t i = 0; i < 2000; ++i)
      a.add_packet(audio.rtp(static_cast<double>(i) * 0.02), kZeroMs + 30 + i * 20, i);
    if (round % 2 == 0) report(a, 12, 0);
    expect_in_sync(a, 20);
  }
}

TEST_F(LyingReports, OneAfterALastingDelayIsBelieved) {
  for (const double later : {80.0, 300.0}) {
    audio.pause_at = 10, audio.pause_seconds = 5;
    const auto slower = [later](double t, std::mt19937&) { return t > 20 ? 30 + later : 30.0; };
    audio.delay_ms = video.delay_ms = slower;
    SegmentClock a = audio.clock();
    report(a, 4, 0);
    report(a, 25, 0);
    expect_in_sync(a, 20);
  }
}

}  // namespace
}  // namespace rtpx
