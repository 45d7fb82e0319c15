#include <gtest/gtest.h>

#include "call.hpp"
#include "timeline/samples.hpp"

namespace rtpx {
namespace {

using test::CallTrack;
using test::error_ms;
using test::video_track;

/// The greatest difference between how time goes on from packet to packet and how RTP time does, ms.
double greatest_step_ms(const SegmentMap& map, const CallTrack& track) {
  double greatest = 0;
  const std::int64_t ticks = std::llround(track.packet_seconds * track.clock_rate);
  const std::int64_t end = track.rtp(track.to);
  for (std::int64_t rtp = track.rtp(track.from); rtp + ticks <= end; rtp += ticks) {
    const double step = static_cast<double>(map.time_ns(rtp + ticks) - map.time_ns(rtp)) / 1e6;
    greatest = std::max(greatest, std::abs(step - 1e3 * static_cast<double>(ticks) / track.clock_rate));
  }
  return greatest;
}

TEST(PlaceSegments, ThreeHoursWithClocks200PpmApartStayInSyncWithoutAStep) {
  CallTrack audio, video = video_track();
  audio.ppm = 120;
  video.ppm = -80;
  audio.to = video.to = 3 * 3600;
  audio.report_noise_ms = 2;
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {0.0, 1800.0, 3600.0, 5400.0, 9000.0, 10799.0})
    EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 5) << t;
  EXPECT_LT(greatest_step_ms(timeline.maps[0], audio), 5);
  EXPECT_LT(greatest_step_ms(timeline.maps[1], video), 5);
  EXPECT_NEAR(timeline.maps[0].drift_ppm, -120, 5);
  EXPECT_NEAR(timeline.maps[1].drift_ppm, 80, 5);
  EXPECT_NEAR(timeline.maps[0].residual_ms, 2, 1);
}

TEST(PlaceSegments, ThreeHoursWithoutReportsStayInSyncByArrivals) {
  CallTrack audio, video = video_track();
  audio.ppm = 120;
  video.ppm = -80;
  audio.to = video.to = 3 * 3600;
  audio.report_seconds = video.report_seconds = 0;
  audio.cname = video.cname = "";
  const auto jitter = [](double, std::mt19937& random) {
    return 20 + std::min(200.0, std::exponential_distribution<double>(1 / 15.0)(random));
  };
  audio.delay_ms = video.delay_ms = jitter;
  for (const bool in_order : {true, false}) {
    audio.in_file_order = video.in_file_order = in_order;
    const SegmentClock a = audio.clock(1), v = video.clock(2);
    const Timeline timeline = place_segments({audio.input(a), video.input(v)});
    for (const double t : {0.0, 5400.0, 10799.0})
      EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 20) << t << " in file order " << in_order;
    EXPECT_LT(greatest_step_ms(timeline.maps[0], audio), 5);
    EXPECT_EQ(timeline.maps[0].source, ClockSource::arrival);
  }
}

// Sound that is taken at another rate than is told: with reports soon, by arrivals where they have drifted enough.
TEST(PlaceSegments, AClockFarFromItsRateIsFollowed) {
  const auto jitter = [](double, std::mt19937& r) { return 30 + std::exponential_distribution<double>(1 / 8.0)(r); };
  for (const double ppm : {2'000.0, 5'000.0, 10'000.0, 50'000.0, -5'000.0, -20'000.0, -50'000.0})
    for (const double seconds : {20.0, 60.0, 600.0})
      for (const bool reports : {true, false}) {
        if (!reports && std::abs(ppm) * 1e-6 * seconds < 0.25) continue;
        CallTrack audio, video = video_track();
        audio.ppm = ppm;
        audio.to = video.to = seconds;
        if (!reports) audio.report_seconds = 0;
        audio.delay_ms = video.delay_ms = jitter;
        const SegmentClock a = audio.clock(1), v = video.clock(2);
        const Timeline timeline = place_segments({audio.input(a), video.input(v)});
        for (double t = 0; t < seconds; t += 0.5)
          ASSERT_NEAR(error_ms(timeline, audio, video, t), 0, reports ? 20 : 40)
              << ppm << " ppm, " << t << " of " << seconds << " s, reports " << reports;
      }
}

// A clock that warms up: its drift goes from 60 ppm to 0 over half an hour.
TEST(PlaceSegments, AClockThatBendsIsFollowed) {
  CallTrack video = video_track();
  video.to = 3600;
  const SegmentClock v = video.clock();
  SegmentClock a(48000);
  const auto rtp = [](double t) {
    return std::llround(48000 * (t + 60e-6 * 600 * (1 - std::exp(-t / 600))));
  };
  for (int i = 0; i < 3600 * 50; ++i) {
    const double t = i * 0.02;
    a.add_packet(rtp(t), std::llround(t * 1e3) + 5'000'030, i);
    if (i % 250 == 100)
      a.add_sender_report(rtp(t), static_cast<std::int64_t>(test::kNtpZero + t * 1e9),
                          std::llround(t * 1e3) + 5'000'010);
  }
  const Timeline timeline = place_segments({{&a, 48000, true, "sender", "stream", "audio"}, video.input(v)});
  for (const double t : {1.0, 300.0, 900.0, 2000.0, 3599.0}) {
    const double off =
        static_cast<double>(timeline.maps[0].time_ns(rtp(t)) - timeline.maps[1].time_ns(video.rtp(t))) / 1e6;
    EXPECT_NEAR(off, 0, 20) << t;
  }
}

// Within 20 ms sound keeps its own sample count: a file's packets are exactly 20 ms apart.
TEST(PlaceSegments, ALittleDriftLeavesSoundAsItIs) {
  CallTrack audio, video = video_track();
  audio.ppm = 40;
  audio.to = video.to = 400;  // 16 ms
  audio.report_noise_ms = 2;
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  EXPECT_LT(greatest_step_ms(timeline.maps[0], audio), 1e-5);
  for (const double t : {0.0, 200.0, 400.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 15) << t;
}

// ingest.md: replaceTrack(null) freezes audio's RTP time; the next report comes seconds after it goes on.
TEST(PlaceSegments, APauseThatFreezesTheSoundsClockIsCutWhereItWas) {
  for (const double seconds : {0.3, 1.0, 5.0, 60.0}) {
    CallTrack audio, video = video_track();
    audio.to = video.to = 120;
    audio.pause_at = 41.5;
    audio.pause_seconds = seconds;
    audio.report_noise_ms = 2;
    const SegmentClock a = audio.clock(), v = video.clock();
    const Timeline timeline = place_segments({audio.input(a), video.input(v)});
    EXPECT_EQ(timeline.maps[0].source, ClockSource::sender_reports);
    for (const double t : {1.0, 41.4, 41.52 + seconds, 42.0 + seconds, 50.0 + seconds, 119.0})
      EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 20) << seconds << " at " << t;
  }
}

TEST(PlaceSegments, APauseIsFoundUnderHeavyJitter) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    CallTrack audio, video = video_track();
    audio.to = video.to = 120;
    audio.pause_at = 41.5, audio.pause_seconds = 5;
    audio.delay_ms = [](double, std::mt19937& r) {
      return std::uniform_real_distribution<double>(0, 300)(r);
    };
    video.delay_ms = [](double, std::mt19937& r) {
      return 3000 + std::uniform_real_distribution<double>(0, 300)(r);
    };
    const SegmentClock a = audio.clock(seed), v = video.clock(seed + 100);
    const Timeline timeline = place_segments({audio.input(a), video.input(v)});
    for (const double t : {1.0, 41.2, 46.9, 50.0, 119.0})
      EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 20) << seed << " at " << t;
  }
}

TEST(PlaceSegments, APauseIsCutByArrivalsToo) {
  CallTrack audio, video = video_track();
  audio.to = video.to = 120;
  audio.pause_at = 41.5;
  audio.pause_seconds = 5;
  audio.report_seconds = video.report_seconds = 0;
  const auto jitter = [](double, std::mt19937& random) {
    return std::min(200.0, std::exponential_distribution<double>(1 / 15.0)(random));
  };
  audio.delay_ms = video.delay_ms = jitter;
  const SegmentClock a = audio.clock(1), v = video.clock(2);
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {1.0, 41.4, 47.0, 119.0})
    EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 20) << t;
}

// Two pauses within one interval of reports: none tells of the time between them.
TEST(PlaceSegments, TwoPausesBetweenTwoReportsAreBothCut) {
  SegmentClock a(48000);
  CallTrack video = video_track();
  video.to = 120;
  const SegmentClock v = video.clock();
  const auto media = [](double t) { return t < 30 ? t : t < 32 ? 30 : t < 33 ? t - 2 : t < 36 ? 31 : t - 5; };
  const auto paused = [](double t) { return (t >= 30 && t < 32) || (t >= 33 && t < 36); };
  for (int i = 0; i < 120 * 50; ++i) {
    const double t = i * 0.02;
    const auto rtp = std::llround(48000 * media(t));
    if (!paused(t)) a.add_packet(rtp, std::llround(t * 1e3) + 5'000'030, i);
    if (i % 500 == 450 && t != 29)
      a.add_sender_report(rtp, static_cast<std::int64_t>(test::kNtpZero + t * 1e9),
                          std::llround(t * 1e3) + 5'000'010);
  }
  const Timeline timeline = place_segments({{&a, 48000, true, "sender", "stream", "audio"}, video.input(v)});
  for (const double t : {1.0, 29.9, 32.5, 36.5, 60.0, 119.0}) {
    const double off = static_cast<double>(timeline.maps[0].time_ns(std::llround(48000 * media(t))) -
                                           timeline.maps[1].time_ns(video.rtp(t))) /
                       1e6;
    EXPECT_NEAR(off, 0, 20) << t;
  }
}

// A stall of the network looks like a pause at first: what follows catches up.
TEST(PlaceSegments, AStallOfTheNetworkMovesNothing) {
  CallTrack audio, video = video_track();
  audio.report_seconds = video.report_seconds = 0;
  audio.to = video.to = 60;
  audio.delay_ms = [](double t, std::mt19937&) { return t >= 20 && t < 24 ? 30 + (24 - t) * 1000 : 30; };
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {1.0, 19.9, 22.0, 24.1, 59.0})
    EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 5) << t;
  EXPECT_EQ(timeline.maps[0].pieces.size(), 1U);
}

// Without reports a step of 60 ms slides; near the ends of a segment as well, half of it is the greatest error.
TEST(PlaceSegments, AStepThatSlidesNearAnEndIsNeverOffByMoreThanHalfOfIt) {
  for (const double at : {1.5, 20.0, 58.5}) {
    SCOPED_TRACE(at);
    CallTrack audio, video = video_track();
    audio.to = video.to = 60;
    audio.report_seconds = video.report_seconds = 0;
    audio.pause_at = at;
    audio.pause_seconds = 0.06;
    const SegmentClock sound = audio.clock(), picture = video.clock();
    const Timeline timeline = place_segments({audio.input(sound), video.input(picture)});
    ASSERT_EQ(timeline.maps[0].steps.size(), 1U);
    ASSERT_TRUE(timeline.maps[0].steps[0].slides);
    EXPECT_NEAR(static_cast<double>(timeline.maps[0].steps[0].duration_ns), 60e6, 2e6);
    double worst = 0;
    for (double t = 0; t < 60; t += 0.1)
      if (!audio.paused(t)) worst = std::max(worst, std::abs(error_ms(timeline, audio, video, t)));
    EXPECT_LT(worst, 33);
    EXPECT_GT(worst, 25) << "it slides";
  }
}

// The sound's clock fell behind by 30 ms at once. It slides there, no step.
TEST(PlaceSegments, ASmallJumpSlides) {
  CallTrack audio, video = video_track();
  audio.to = video.to = 60;
  audio.pause_at = 30;
  audio.pause_seconds = 0.030;
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {1.0, 29.0, 31.0, 59.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 16) << t;
  EXPECT_LT(greatest_step_ms(timeline.maps[0], audio), 5);
  ASSERT_EQ(timeline.maps[0].steps.size(), 1U);
  EXPECT_TRUE(timeline.maps[0].steps[0].slides);
}

// Firefox: by 43 ms, which is too much to slide within 20 ms. It is cut where the sender was silent.
TEST(PlaceSegments, AJumpOf43MsIsCutWhereTheSenderWasSilent) {
  CallTrack audio, video = video_track();
  audio.to = video.to = 60;
  audio.pause_at = 30;
  audio.pause_seconds = 0.043;
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {1.0, 29.9, 30.1, 59.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 5) << t;
  ASSERT_EQ(timeline.maps[0].steps.size(), 1U);
  const SegmentMap::Step& step = timeline.maps[0].steps[0];
  EXPECT_EQ(step.source, StepSource::sender_reports);
  EXPECT_NEAR(static_cast<double>(step.duration_ns) / 1e6, 43, 3);
}

// Without reports a slower network and a jumped clock look alike. Both are followed, and then both tracks are
// in sync again: the network is slower for both.
TEST(PlaceSegments, ALastingChangeOfArrivalsIsFollowed) {
  CallTrack audio, video = video_track();
  audio.report_seconds = video.report_seconds = 0;
  audio.to = video.to = 120;
  const auto slower = [](double t, std::mt19937& random) {
    return (t > 70 ? 90 : 30) + std::min(200.0, std::exponential_distribution<double>(1 / 15.0)(random));
  };
  audio.delay_ms = video.delay_ms = slower;
  audio.pause_at = 30, audio.pause_seconds = 0.045;
  const SegmentClock a = audio.clock(1), v = video.clock(2);
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {1.0, 20.0, 40.0, 60.0, 80.0, 119.0})
    EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 20) << t;
  EXPECT_LT(greatest_step_ms(timeline.maps[0], audio), 5);
}

TEST(PlaceSegments, AReportWithoutANameIsOfTheStreamsSender) {
  CallTrack audio, video = video_track();
  audio.cname = "";
  video.delay_ms = [](double, std::mt19937&) { return 700.0; };
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {0.0, 59.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 5) << t;
}

TEST(PlaceSegments, GarbageReportsAreLeftOut) {
  CallTrack audio, video = video_track();
  audio.to = video.to = 120;
  SegmentClock a = audio.clock();
  const SegmentClock v = video.clock();
  SegmentClock spoilt(48000);
  std::mt19937_64 random(5);
  // The same packets, with every third report random, zero, or an hour off.
  for (std::int64_t i = 0; i < 120 * 50; ++i) {
    const double t = static_cast<double>(i) * 0.02;
    spoilt.add_packet(audio.rtp(t), std::llround(t * 1e3) + 5'000'030, i);
    if (i % 150 != 75) continue;
    std::int64_t ntp = static_cast<std::int64_t>(test::kNtpZero + t * 1e9);
    std::int64_t rtp = audio.rtp(t);
    if (i % 450 == 75) {
      const int kind = static_cast<int>(random() % 3);
      if (kind == 0) ntp = static_cast<std::int64_t>(random() >> 2);
      if (kind == 1) ntp = 0;
      if (kind == 2) rtp += 48000 * 3600;
    }
    spoilt.add_sender_report(rtp, ntp, std::llround(t * 1e3) + 5'000'010);
  }
  const Timeline timeline = place_segments({audio.input(spoilt), video.input(v)});
  EXPECT_EQ(timeline.maps[0].source, ClockSource::sender_reports);
  for (const double t : {0.0, 60.0, 119.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 5) << t;
}

TEST(PlaceSegments, ReportsOfNoSenseLeaveItToArrivals) {
  CallTrack audio, video = video_track();
  audio.report_seconds = 0;
  audio.to = video.to = 30;
  SegmentClock a = audio.clock();
  std::mt19937_64 random(6);
  for (int i = 0; i < 6; ++i)
    a.add_sender_report(audio.rtp(i), static_cast<std::int64_t>(random() >> 2), 5'000'000 + i * 5000);
  const SegmentClock v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  EXPECT_EQ(timeline.maps[0].source, ClockSource::arrival);
  for (const double t : {0.0, 29.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 40) << t;
}

// Somebody sets the sender's clock by two seconds during the call: both tracks' reports jump, media does not.
TEST(PlaceSegments, ASetClockOfTheSenderMovesNothing) {
  CallTrack audio, video = video_track();
  audio.to = video.to = 120;
  const auto stepped = [](const CallTrack& track) {
    SegmentClock out(track.clock_rate);
    std::int64_t n = 0;
    double next = 0;
    for (double t = 0; t < track.to; t += track.packet_seconds) {
      out.add_packet(track.rtp(t), std::llround(t * 1e3) + 5'000'030, n++);
      if (t < next) continue;
      next = t + track.report_seconds;
      out.add_sender_report(track.rtp(t),
                            static_cast<std::int64_t>(test::kNtpZero + (t + (t > 50 ? 2 : 0)) * 1e9),
                            std::llround(t * 1e3) + 5'000'010);
    }
    return out;
  };
  const SegmentClock a = stepped(audio), v = stepped(video);
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {1.0, 49.0, 51.0, 119.0}) {
    EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 10) << t;
    EXPECT_NEAR(static_cast<double>(timeline.maps[0].time_ns(audio.rtp(t))) / 1e9, t, 0.05) << t;
  }
}

TEST(PlaceSegments, OneReportIsEnoughAndMayComeBeforeTheFirstPacket) {
  CallTrack audio, video = video_track();
  audio.report_seconds = 0;
  video.delay_ms = [](double, std::mt19937&) { return 3000.0; };
  SegmentClock a(48000);
  // A turn off, as a caller's unwrapper may have it before the first packet.
  a.add_sender_report(audio.rtp(-1) + (std::int64_t{1} << 32),
                      static_cast<std::int64_t>(test::kNtpZero - 1e9), 4'999'000);
  for (std::int64_t i = 0; i < 3000; ++i)
    a.add_packet(audio.rtp(static_cast<double>(i) * 0.02), 5'000'030 + i * 20, i);
  const SegmentClock v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  EXPECT_EQ(timeline.maps[0].source, ClockSource::sender_reports);
  for (const double t : {0.0, 59.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 10) << t;
}

TEST(PlaceSegments, CaptureTimesPlaceWhatHasNoReports) {
  CallTrack audio, video = video_track();
  audio.report_seconds = video.report_seconds = 0;
  video.delay_ms = [](double, std::mt19937&) { return 800.0; };
  SegmentClock a = audio.clock(), v = video.clock();
  for (double t = 0; t < 60; t += 1) {
    a.add_capture_time(audio.rtp(t), static_cast<std::int64_t>(test::kNtpZero + t * 1e9));
    v.add_capture_time(video.rtp(t), static_cast<std::int64_t>(test::kNtpZero + t * 1e9));
  }
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  EXPECT_EQ(timeline.maps[0].source, ClockSource::capture_time);
  for (const double t : {0.0, 59.0}) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 5) << t;
}

// Two people: their NTP clocks are years apart, only arrivals join them.
TEST(PlaceSegments, SendersWithClocksOfTheirOwnAreJoinedByArrivals) {
  CallTrack one, other;
  other.cname = "other";
  other.track = "other";
  other.ppm = 50;
  one.to = other.to = 600;
  const SegmentClock a = one.clock();
  SegmentClock b(48000);
  for (std::int64_t i = 0; i < 600 * 50; ++i) {
    const double t = static_cast<double>(i) * 0.02;
    b.add_packet(other.rtp(t), std::llround(t * 1e3) + 5'000'030, i);
    if (i % 250 == 0)
      b.add_sender_report(other.rtp(t), static_cast<std::int64_t>(t * 1.0001e9) + 1'000'000'000'000,
                          std::llround(t * 1e3) + 5'000'010);
  }
  const Timeline timeline = place_segments({one.input(a), other.input(b)});
  for (const double t : {0.0, 300.0, 599.0}) EXPECT_NEAR(error_ms(timeline, one, other, t), 0, 20) << t;
}

TEST(PlaceSegments, ALateJoinerStartsLate) {
  CallTrack video = video_track(), audio;
  audio.from = 15;
  const SegmentClock v = video.clock(), a = audio.clock();
  const Timeline timeline = place_segments({video.input(v), audio.input(a)});
  EXPECT_NEAR(static_cast<double>(timeline.maps[0].time_ns(video.rtp(0))) / 1e6, 0, 1);
  EXPECT_NEAR(static_cast<double>(timeline.maps[1].time_ns(audio.rtp(15))) / 1e6, 15000, 10);
  EXPECT_NEAR(timeline.zero_receive_ms, 5'000'030, 30);
}

// A new SSRC after 20 s, and a third that has no report of its own: each lies where it was sent.
TEST(PlaceSegments, SegmentsOfATrackFollowEachOther) {
  CallTrack first = video_track(), second = video_track(), third = video_track(), audio;
  first.to = 20;
  second.from = 20.5, second.to = 40, second.rtp_start = 5;
  third.from = 40.2, third.rtp_start = 3'000'000'000, third.report_seconds = 0, third.cname = "";
  for (CallTrack* track : {&first, &second, &third})
    track->delay_ms = [](double, std::mt19937&) { return 900.0; };
  const SegmentClock one = first.clock(), two = second.clock(), three = third.clock(), sound = audio.clock();
  const Timeline timeline =
      place_segments({audio.input(sound), first.input(one), second.input(two), third.input(three)});
  const auto at = [&](std::size_t i, std::int64_t rtp) {
    return static_cast<double>(timeline.maps[i].time_ns(rtp)) / 1e6;
  };
  for (const double t : {0.0, 19.0}) EXPECT_NEAR(at(1, first.rtp(t)) - at(0, audio.rtp(t)), 0, 10);
  for (const double t : {20.5, 39.0}) EXPECT_NEAR(at(2, second.rtp(t)) - at(0, audio.rtp(t)), 0, 10);
  for (const double t : {40.2, 59.0}) EXPECT_NEAR(at(3, third.rtp(t)) - at(0, audio.rtp(t)), 0, 10);
}

TEST(PlaceSegments, ASegmentThatWouldBeginInsideTheOneBeforeCatchesUp) {
  CallTrack first, second;
  first.to = 20;
  second.from = 19.9, second.rtp_start = 5;
  const SegmentClock one = first.clock(), two = second.clock();
  const Timeline timeline = place_segments({first.input(one), second.input(two)});
  const std::int64_t end = timeline.maps[0].time_ns(first.rtp(20));
  EXPECT_GT(timeline.maps[1].time_ns(second.rtp(19.9)), end);
  EXPECT_LT(greatest_step_ms(timeline.maps[1], second), 5);
  EXPECT_NEAR(error_ms(timeline, first, second, 30), 0, 10);
}

TEST(PlaceSegments, AnswersForNothingAtAll) {
  EXPECT_TRUE(place_segments({}).maps.empty());
  const SegmentClock empty(0);
  const Timeline timeline = place_segments({{&empty, 0, true, "", "", ""}});
  ASSERT_EQ(timeline.maps.size(), 1U);
  EXPECT_EQ(timeline.maps[0].pieces.size(), 1U);
}

// RTP time of 32 bits wraps every 13 hours; unwrapped it just goes on, and memory does not.
TEST(SegmentClock, FortyHoursStaySmallAndInSync) {
  CallTrack audio, video = video_track();
  audio.packet_seconds = 0.5, video.packet_seconds = 0.5;  // fewer, to be quick
  audio.to = video.to = 40 * 3600;
  audio.ppm = 30;
  const SegmentClock a = audio.clock(), v = video.clock();
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (const double t : {0.0, 72000.0, 143999.0})
    EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 10) << t;
  const auto& s = v.samples();
  EXPECT_LE(s.earliest.size() * sizeof s.earliest[0] + s.reports.size() * sizeof s.reports[0] +
                s.breaks.size() * sizeof s.breaks[0],
            130'000U);
}

// Jitter of 100 ms makes candidates of breaks all the time; none of them may stay or cut the seconds short.
TEST(SegmentClock, HoursOfHeavyJitterStaySmallAndInSync) {
  CallTrack audio, video = video_track();
  audio.to = video.to = 4 * 3600;
  audio.report_seconds = video.report_seconds = 0;
  audio.ppm = 40;
  audio.delay_ms = video.delay_ms = [](double, std::mt19937& r) {
    return std::uniform_real_distribution<double>(20, 120)(r);
  };
  const SegmentClock a = audio.clock(1), v = video.clock(2);
  const Timeline timeline = place_segments({audio.input(a), video.input(v)});
  for (double t = 0; t < 4 * 3600; t += 600) EXPECT_NEAR(error_ms(timeline, audio, video, t), 0, 30) << t;
  for (const SegmentClock* clock : {&a, &v}) {
    EXPECT_LE(clock->samples().earliest.size(), 4096U);
    EXPECT_GE(clock->samples().earliest.size(), 2000U);
    EXPECT_LE(clock->samples().breaks.size(), 1024U + 65U);
    EXPECT_LT(clock->samples().bucket_ticks, 60 * 90'000);
  }
}

}  // namespace
}  // namespace rtpx
