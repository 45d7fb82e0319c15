#include "ingest/feedback/receiver_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace rtpx {

ReceiverStatistics::Step ReceiverStatistics::on_packet(std::uint16_t sequence, std::uint32_t timestamp,
                                                       std::uint32_t clock_rate, Time arrival) {
  Step step = Step::normal;
  const auto ahead = static_cast<std::uint16_t>(sequence - highest_);
  if (!started_) {
    start(sequence);
  } else if (ahead < kMaxDropout) {
    if (sequence < highest_) ++cycles_;
    highest_ = sequence;
  } else if (ahead <= 0xFFFF - kMaxMisorder) {
    if (suspect_ != sequence) {
      suspect_ = static_cast<std::uint16_t>(sequence + 1);
      return Step::suspect;
    }
    start(sequence);
    step = Step::restarted;
  }
  suspect_.reset();
  ++received_;
  update_jitter(timestamp, clock_rate, arrival);
  return step;
}

void ReceiverStatistics::start(std::uint16_t sequence) noexcept {
  started_ = true;
  highest_ = base_ = sequence;
  cycles_ = 0;
  received_ = 0;
  expected_before_ = received_before_ = 0;
  last_transit_.reset();
}

// Section A.8. Packets of one picture share a timestamp and are sent in a burst: only the first counts.
void ReceiverStatistics::update_jitter(std::uint32_t timestamp, std::uint32_t clock_rate, Time arrival) {
  if (clock_rate == 0) return;
  if (clock_rate != clock_rate_) last_transit_.reset();
  clock_rate_ = clock_rate;
  if (last_transit_ && timestamp == last_timestamp_) return;
  const auto arrival_units = static_cast<std::uint32_t>(
      static_cast<std::uint64_t>(arrival.time_since_epoch().count() / 1000) * clock_rate / 1'000'000);
  const std::uint32_t transit = arrival_units - timestamp;
  if (last_transit_) {
    const double difference =
        std::abs(static_cast<double>(static_cast<std::int32_t>(transit - *last_transit_)));
    if (difference < 5.0 * clock_rate)
      jitter_ += (difference - jitter_) / 16;  // a jump of the clock is no jitter
  }
  last_transit_ = transit;
  last_timestamp_ = timestamp;
}

void ReceiverStatistics::on_sender_report(std::uint64_t ntp, Time arrival) noexcept {
  last_sr_ = static_cast<std::uint32_t>(ntp >> 16);
  last_sr_at_ = arrival;
}

rtcp::ReportBlock ReceiverStatistics::report(std::uint32_t ssrc, Time now) noexcept {
  rtcp::ReportBlock out;
  out.ssrc = ssrc;
  const auto received = static_cast<std::int64_t>(received_);
  const std::int64_t expected_now = expected() - expected_before_, received_now = received - received_before_;
  expected_before_ = expected();
  received_before_ = received;
  if (expected_now > 0 && received_now < expected_now)
    out.fraction_lost = static_cast<std::uint8_t>(
        std::min<std::int64_t>(255, (expected_now - received_now) * 256 / expected_now));
  out.cumulative_lost =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(expected() - received, -0x800000, 0x7FFFFF));
  out.highest_sequence = extended_highest();
  out.jitter = static_cast<std::uint32_t>(jitter_);
  if (last_sr_ != 0) {
    const auto delay = std::chrono::duration_cast<std::chrono::microseconds>(now - last_sr_at_).count();
    out.last_sr = last_sr_;
    out.delay_since_last_sr = static_cast<std::uint32_t>(delay * 65'536 / 1'000'000);
  }
  return out;
}

double ReceiverStatistics::jitter_ms() const noexcept {
  return clock_rate_ == 0 ? 0 : jitter_ * 1000 / clock_rate_;
}

std::uint64_t ReceiverStatistics::lost() const noexcept {
  const std::int64_t missing = started_ ? expected() - static_cast<std::int64_t>(received_) : 0;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, missing));
}

}  // namespace rtpx
