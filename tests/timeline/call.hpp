#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "timeline/timeline.hpp"

namespace rtpx::test {

constexpr double kNtpZero = 3.9e18;  // ns since 1900: some day in 2023

/// One synthetic sender's track whose truth is known: media of the true time `t` (s) has RTP time rtp(t).
struct CallTrack {
  std::uint32_t clock_rate = 48000;
  bool audio = true;
  double ppm = 0;  ///< error of the sampling clock
  double packet_seconds = 0.02;
  double report_seconds = 5;  ///< 0: no sender reports
  double report_noise_ms = 0;
  std::function<double(double t, std::mt19937&)> delay_ms = [](double, std::mt19937&) { return 30.0; };
  std::int64_t rtp_start = 123456789;
  double from = 0, to = 60;
  std::string cname = "sender";
  std::string track = "audio";
  bool in_file_order = true;               ///< false: as they were sent, with receive times that go back
  double pause_at = 0, pause_seconds = 0;  ///< no packets then, and RTP time stands still

  [[nodiscard]] double media_time(double t) const {
    if (pause_seconds == 0 || t < pause_at) return t;
    return std::max(pause_at, t - pause_seconds);
  }
  [[nodiscard]] std::int64_t rtp(double t) const {
    return rtp_start + std::llround(media_time(t) * clock_rate * (1 + ppm * 1e-6));
  }
  [[nodiscard]] bool paused(double t) const { return t >= pause_at && t < pause_at + pause_seconds; }

  /// No reports either, and the first one 3.5 s after the pause, as Chromium does.
  [[nodiscard]] bool silent(double t) const {
    return pause_seconds > 0 && t >= pause_at && t < pause_at + pause_seconds + 3.5;
  }

  [[nodiscard]] SegmentClock clock(unsigned seed = 1) const {
    std::mt19937 random(seed);
    std::normal_distribution<double> noise(0, 1);
    struct Arrival {
      std::int64_t receive_ms, rtp, sequence;
    };
    std::vector<Arrival> arrivals;
    SegmentClock out(clock_rate);
    std::int64_t sequence = 70000;
    double next_report = from + report_seconds * 0.3;
    for (std::int64_t i = 0;; ++i) {
      const double t = from + static_cast<double>(i) * packet_seconds;
      if (t > to) return out;
      if (!paused(t))
        out.add_packet(rtp(t), std::llround(t * 1e3 + delay_ms(t, random)) + 5'000'000, sequence++);
      if (report_seconds == 0 || t < next_report || silent(t)) continue;
      out.add_sender_report(
          rtp(t), static_cast<std::int64_t>(kNtpZero + t * 1e9 + noise(random) * report_noise_ms * 1e6),
          std::llround(t * 1e3 + 10) + 5'000'000);
      next_report = t + report_seconds;
    }
    if (in_file_order) std::ranges::sort(arrivals, {}, &Arrival::receive_ms);
    for (const Arrival& a : arrivals) out.add_packet(a.rtp, a.receive_ms, a.sequence);
    return out;
  }
  [[nodiscard]] SegmentInput input(const SegmentClock& segment) const {
    return {&segment, clock_rate, audio, cname, "stream", track};
  }
};

[[nodiscard]] inline CallTrack video_track() {
  CallTrack track;
  track.clock_rate = 90000;
  track.audio = false;
  track.packet_seconds = 1 / 30.0;
  track.report_seconds = 1;
  track.track = "video";
  track.rtp_start = 987654321;
  return track;
}

/// How far apart the two put media of the true time `t`, ms.
[[nodiscard]] inline double error_ms(const Timeline& timeline, const CallTrack& a, const CallTrack& b,
                                     double t) {
  return static_cast<double>(timeline.maps[0].time_ns(a.rtp(t)) - timeline.maps[1].time_ns(b.rtp(t))) / 1e6;
}

}  // namespace rtpx::test
