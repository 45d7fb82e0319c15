#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "timeline/timeline.hpp"

namespace rtpx::test {

/// A call whose truth is known: one sender, sound and picture, with pauses that stop the sound's RTP clock,
/// small drops of it, restarts, clocks that drift, a network that loses, reorders, jitters, stalls and gets
/// slower, and sender reports some of which lie.
class ModelCall {
 public:
  struct Options {
    bool reports = true;
    bool delay_steps = true;
    bool wrong_reports = true;
    bool restarts = true;
    bool stalls = true;
    double jitter_ms = 12;  // greatest mean
    int most_parts = 1;     // packets of a picture
    double rtx = 0;         // share of a picture's lost packets that come again, 30 to 400 ms later
    double duplicates = 0;  // share of packets that come twice
    double outages = 0;     // share of calls in which nothing comes for up to two seconds
  };
  /// A span of true time over which the sound's RTP clock stood still.
  struct Pause {
    double at, seconds;
  };
  /// What was sent at one time.
  struct Frame {
    std::size_t segment;
    std::int64_t rtp;
    double sent;
    bool audio, keyframe;
    int packets, arrived;
  };
  /// A packet as it came.
  struct Arrival {
    double receive;  // ms
    std::int64_t rtp, sequence;
    std::size_t segment;
    double sent;
    std::size_t frame;
    int part;
    bool again;  // sent anew, as RFC 4588 has it
  };
  struct Report {
    double receive;  // ms
    std::int64_t rtp, ntp;
    std::size_t segment;
  };
  struct Packet {
    std::size_t segment;
    std::int64_t rtp;
    double sent;  // true time of the media, s
    bool audio;
  };

  ModelCall(unsigned seed, const Options& options) : random_(seed), options_(options) {
    seconds_ = between(25, 90);
    make_network();
    make_pauses();
    Track audio{.audio = true};
    static constexpr std::uint32_t kAudioRates[] = {48000, 8000, 8000};
    audio.rate = kAudioRates[random_() % 3];
    audio.packet = random_() % 4 == 0 ? 0.04 : 0.02;
    Track video{.audio = false};
    video.rate = 90000;
    video.packet = random_() % 2 == 0 ? 1 / 30.0 : 1 / 25.0;
    send(audio);
    send(video);
    for (std::size_t i = 0; i < clocks_.size(); ++i)
      inputs_.push_back({&clocks_[i], rates_[i], audio_[i], options_.reports ? "sender" : "", "stream",
                         audio_[i] ? "audio" : "video"});
  }

  [[nodiscard]] const std::vector<SegmentInput>& inputs() const { return inputs_; }
  /// Those that arrived.
  [[nodiscard]] const std::vector<Packet>& packets() const { return packets_; }
  [[nodiscard]] const std::vector<Pause>& pauses() const { return pauses_; }
  [[nodiscard]] const std::vector<Pause>& stalls() const { return stalls_; }
  [[nodiscard]] const std::vector<std::pair<double, double>>& delay_steps() const { return steps_; }
  [[nodiscard]] bool reported() const { return options_.reports; }
  [[nodiscard]] double seconds() const { return seconds_; }
  /// In the order in which they were sent.
  [[nodiscard]] const std::vector<Frame>& frames() const { return frames_; }
  /// Whether all its packets came.
  [[nodiscard]] bool whole(std::size_t frame) const {
    return frames_[frame].arrived == frames_[frame].packets;
  }
  /// In the order in which they came.
  [[nodiscard]] const std::vector<Arrival>& arrivals(bool audio) const { return arrivals_[audio ? 0 : 1]; }
  [[nodiscard]] const std::vector<Report>& reports(bool audio) const { return reports_[audio ? 0 : 1]; }
  [[nodiscard]] std::uint32_t rate(std::size_t segment) const { return rates_[segment]; }
  [[nodiscard]] bool audio(std::size_t segment) const { return audio_[segment]; }
  [[nodiscard]] double packet_seconds(bool audio) const { return packet_seconds_[audio ? 0 : 1]; }

 private:
  struct Track {
    bool audio;
    std::uint32_t rate = 0;
    double packet = 0;
  };

  double between(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  bool chance(double share) { return between(0, 1) < share; }

  void make_network() {
    base_ms_ = between(5, 80);
    jitter_ms_ = between(0, options_.jitter_ms);
    loss_ = chance(0.5) ? 0 : between(0, 0.04);
    reorder_ = chance(0.5) ? 0 : between(0, 0.03);
    if (options_.delay_steps && chance(0.5))
      steps_.push_back({between(8, seconds_ - 8), between(40, options_.reports ? 300 : 120)});
    if (options_.outages > 0 && chance(options_.outages))
      outage_ = {between(2, seconds_ - 4), between(0.1, 2)};
    if (options_.stalls)
      for (int i = static_cast<int>(random_() % 4); i > 0; --i)
        stalls_.push_back({between(2, seconds_ - 4), between(0.15, 2)});
  }

  void make_pauses() {
    for (double at = between(1.5, 12); at < seconds_ - 3;) {
      const double length = chance(0.5) ? between(0.2, 0.7) : between(0.7, 9);
      if (at + length > seconds_ - 1.2) break;
      pauses_.push_back({at, length});
      at += length + (chance(0.3) ? between(1.05, 2) : between(3, 30));
    }
    for (const Pause& pause : pauses_)  // nor can an outage
      if (outage_.at < pause.at + pause.seconds + 1.5 && outage_.at + outage_.seconds > pause.at - 1.5)
        outage_.seconds = 0;
    // A stall and a pause at once cannot be told apart.
    std::erase_if(stalls_, [&](const Pause& stall) {
      return std::ranges::any_of(pauses_, [&](const Pause& pause) {
        return stall.at < pause.at + pause.seconds + 1.5 && stall.at + stall.seconds > pause.at - 1.5;
      });
    });
    std::erase_if(steps_, [&](const auto& step) {
      const auto near = [&](const Pause& p) {
        return step.first > p.at - 2 && step.first < p.at + p.seconds + 2;
      };
      return std::ranges::any_of(pauses_, near) || std::ranges::any_of(stalls_, near);
    });
  }

  double stood_before(double t) const {
    double stood = 0;
    for (const Pause& p : pauses_)
      if (t >= p.at + p.seconds) stood += p.seconds;
    return stood;
  }
  bool silent(double t) const {
    return std::ranges::any_of(pauses_, [&](const Pause& p) { return t >= p.at && t < p.at + p.seconds; });
  }
  bool unreported(double t) const {
    return std::ranges::any_of(pauses_,
                               [&](const Pause& p) { return t >= p.at && t < p.at + p.seconds + 3.5; });
  }

  double delay_ms(double t) {
    double delay =
        base_ms_ + (jitter_ms_ > 0
                        ? std::min(150.0, std::exponential_distribution<double>(1 / jitter_ms_)(random_))
                        : 0);
    for (const auto& [at, ms] : steps_)
      if (t >= at) delay += ms;
    for (const Pause& stall : stalls_)
      if (t >= stall.at && t < stall.at + stall.seconds) delay += (stall.at + stall.seconds - t) * 1e3;
    return delay;
  }

  void send(const Track& track) {
    const double ppm = between(-80, 80);
    const double first = track.audio ? between(0, 0.3) : between(0, 1.5);
    const double period = track.audio ? between(2, 6) : between(0.8, 2);
    double restart = options_.restarts && chance(0.3) ? between(10, seconds_) : 1e9;
    for (const Pause& pause : pauses_)  // too little is said after the pause to tell it
      if (restart > pause.at && restart < pause.at + pause.seconds + 1) restart = 1e9;
    for (const auto& [at, ms] : steps_)  // a track that begins anew cannot show it
      if (std::abs(restart - at) < 2) restart = 1e9;
    if (std::abs(restart - outage_.at) < outage_.seconds + 2) restart = 1e9;
    for (const Pause& stall : stalls_)  // what it cuts off was not paced yet
      if (restart > stall.at - 0.5 && restart < stall.at + stall.seconds + 0.5) restart = 1e9;
    std::int64_t start = static_cast<std::int64_t>(random_()) & 0xFFFFFFFF, sequence = 1000;
    double begun = first, stood_at_begin = 0;
    std::vector<Arrival> arrivals;
    std::vector<Report> reports;
    std::size_t segment = open(track);
    double next_report = first + between(0.2, period);
    const auto rtp = [&](double t) {
      const double stood = track.audio ? stood_before(t) - stood_at_begin : 0;
      return start + std::llround((t - begun - stood) * track.rate * (1 + ppm * 1e-6));
    };
    if (options_.reports && options_.wrong_reports && chance(0.3))
      reports.push_back({first * 1e3 - 200, static_cast<std::int64_t>(random_()), ntp(first), segment});
    for (std::int64_t i = 0;; ++i) {
      const double t = first + static_cast<double>(i) * track.packet;
      if (t > seconds_) break;
      const bool quiet = track.audio && silent(t);
      if (!quiet && t >= restart) {
        segment = open(track);
        start = static_cast<std::int64_t>(random_()) & 0xFFFFFFFF;
        begun = t, stood_at_begin = track.audio ? stood_before(t) : 0, sequence = 1000, restart = 1e9;
      }
      if (!quiet) send_frame(track, arrivals, {segment, rtp(t), t, track.audio, false, 1, 0}, sequence);
      if (!options_.reports || t < next_report || (track.audio && unreported(t))) continue;
      next_report = t + period * between(0.7, 1.3);
      add_report(reports, t, rtp(t), segment);
    }
    deliver(track, arrivals, reports);
    packet_seconds_[track.audio ? 0 : 1] = track.packet;
    arrivals_[track.audio ? 0 : 1] = std::move(arrivals);
    reports_[track.audio ? 0 : 1] = std::move(reports);
  }

  void send_frame(const Track& track, std::vector<Arrival>& arrivals, Frame frame, std::int64_t& sequence) {
    if (!track.audio && options_.most_parts > 1) {
      frame.keyframe = frames_.empty() || frames_.back().segment != frame.segment || chance(0.03);
      frame.packets = 1 + static_cast<int>(random_() % static_cast<unsigned>(options_.most_parts));
    }
    for (int part = 0; part < frame.packets; ++part, ++sequence) {
      Arrival arrival{0, frame.rtp, sequence, frame.segment, frame.sent, frames_.size(), part, false};
      const bool cut = frame.sent >= outage_.at && frame.sent < outage_.at + outage_.seconds;
      if (chance(loss_) || cut) {
        if (track.audio || options_.rtx == 0 || cut || !chance(options_.rtx)) continue;
        arrival.again = true;
        arrival.receive = frame.sent * 1e3 + delay_ms(frame.sent) + between(30, 400);
      } else {
        const double late = chance(reorder_) ? between(20, 70) : 0;
        arrival.receive = frame.sent * 1e3 + delay_ms(frame.sent) + late;
      }
      ++frame.arrived;
      arrivals.push_back(arrival);
      if (options_.duplicates == 0 || !chance(options_.duplicates)) continue;
      arrival.receive += between(0, 200);
      arrivals.push_back(arrival);
    }
    frames_.push_back(frame);
  }

  std::int64_t ntp(double t) const { return static_cast<std::int64_t>(3.9e18 + t * 1e9); }

  void add_report(std::vector<Report>& reports, double t, std::int64_t rtp, std::size_t segment) {
    Report report{t * 1e3 + base_ms_ + 1, rtp, ntp(t + between(-3e-3, 3e-3)), segment};
    for (const auto& [at, ms] : steps_)
      if (t >= at) report.receive += ms;
    if (options_.wrong_reports && chance(0.06)) {
      int kind = static_cast<int>(random_() % 4);
      // A lonely report after a pause cannot be doubted.
      if (kind == 0 && (t < 15 || t > seconds_ - 15 || std::ranges::any_of(pauses_, [&](const Pause& p) {
                          return t > p.at - 15 && t < p.at + p.seconds + 15;
                        })))
        kind = 3;
      if (kind == 0) report.ntp += static_cast<std::int64_t>(between(0.15, 0.9) * 1e9);
      if (kind == 1) report.ntp = static_cast<std::int64_t>(random_()) << 30;
      if (kind == 2) report.rtp += static_cast<std::int64_t>(between(3e5, 2e6)) * (chance(0.5) ? 1 : -1);
      if (kind == 3 && !reports.empty()) report.rtp = reports.back().rtp, report.ntp = reports.back().ntp;
    }
    reports.push_back(report);
  }

  std::size_t open(const Track& track) {
    clocks_.emplace_back(track.rate);
    rates_.push_back(track.rate);
    audio_.push_back(track.audio);
    return clocks_.size() - 1;
  }

  /// In the order of arrival; what comes late fills its place and tells nothing of the clock.
  void deliver(const Track& track, std::vector<Arrival>& arrivals, std::vector<Report>& reports) {
    std::ranges::stable_sort(arrivals, {}, &Arrival::receive);
    std::ranges::stable_sort(reports, {}, &Report::receive);
    std::vector<std::int64_t> highest(clocks_.size(), -1);
    auto report = reports.begin();
    const std::int64_t kZero = 5'000'000;
    for (const Arrival& a : arrivals) {
      if (a.again) continue;
      if (a.sequence > highest[a.segment])
        clocks_[a.segment].add_packet(a.rtp, kZero + std::llround(a.receive),
                                      highest[a.segment] = a.sequence);
      packets_.push_back({a.segment, a.rtp, a.sent, track.audio});
      for (; report != reports.end() && report->receive <= a.receive; ++report) add(*report, kZero);
    }
    for (; report != reports.end(); ++report) add(*report, kZero);
  }
  void add(const Report& r, std::int64_t zero) {
    if (r.rtp == last_rtp_ && r.ntp == last_ntp_) return;  // counted once, as RtcpLog does
    last_rtp_ = r.rtp, last_ntp_ = r.ntp;
    clocks_[r.segment].add_sender_report(r.rtp, r.ntp, zero + std::llround(r.receive));
  }

  std::mt19937 random_;
  Options options_;
  double seconds_ = 0, base_ms_ = 0, jitter_ms_ = 0, loss_ = 0, reorder_ = 0;
  std::vector<std::pair<double, double>> steps_;  // of the network's delay: when, ms
  std::vector<Pause> stalls_, pauses_;
  std::deque<SegmentClock> clocks_;
  std::vector<std::uint32_t> rates_;
  std::vector<bool> audio_;
  std::vector<SegmentInput> inputs_;
  std::vector<Packet> packets_;
  Pause outage_{-1e9, 0};
  std::vector<Frame> frames_;
  std::vector<Arrival> arrivals_[2];  // of sound, of the picture
  std::vector<Report> reports_[2];
  double packet_seconds_[2] = {};
  std::int64_t last_rtp_ = 0, last_ntp_ = 0;
};

}  // namespace rtpx::test
