#pragma once

#include <random>

#include "recorder/support.hpp"
#include "rtpx/recorder.hpp"
#include "rtpx/sealed.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// A call of two tracks with RTCP, recorded by a Recorder in many flushes.
inline void record_call(const std::filesystem::path& folder, std::vector<Recipient> recipients, unsigned seed,
                        int packets = 240) {
  Recorder::Options options;
  options.folder = folder;
  options.name = "a name that nobody should see";
  options.key = "a key that nobody should see";
  options.recipients = std::move(recipients);
  options.flush_interval = std::chrono::milliseconds(2);
  options.clock = ClockAnchor{1000, UtcTime{std::chrono::microseconds(1'700'000'000'000'000)}};
  auto recorder = Recorder::start(options);
  if (!recorder) throw std::runtime_error(recorder.error().message);
  if (!(*recorder)->add_participant("Alice", "alice")) throw std::runtime_error("add_participant");
  const std::vector tracks{video("camera"), video("screen")};
  if (!(*recorder)->add_tracks(tracks)) throw std::runtime_error("add_tracks");
  std::mt19937 random(seed);
  for (int i = 0; i < packets; ++i) {
    PacketInfo info;
    info.arrival = ReceiveClock::time_point(std::chrono::milliseconds(1000 + i * 20));
    for (const char* id : {"camera", "screen"}) {
      const auto packet = vp8_picture(static_cast<std::uint32_t>(i), 100 + random() % 1000);
      if ((*recorder)->record(id, std::nullopt, packet, info) != Outcome::accepted) throw std::runtime_error("record");
    }
    (void)(*recorder)->record_rtcp("camera", rtp(static_cast<std::uint32_t>(i), 28), info.arrival);
    if (i % 12 == 0 && !(*recorder)->flush()) throw std::runtime_error("flush");
  }
  const std::vector<std::string> ids{"camera", "screen"};
  if (!(*recorder)->end_tracks(ids)) throw std::runtime_error("end_tracks");
}

}  // namespace rtpx::test
