#pragma once

#include <cstdint>
#include <vector>

#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx {

/// A stretch between two packets with adjoining numbers.
struct QuietSpan {
  ReportGap::Kind kind = ReportGap::Kind::dtx;
  std::size_t segment = 0;
  std::int64_t from_timestamp = 0, to_timestamp = 0;
};

/// Tells why nothing came for a while although no number is missing: DTX, mute or pause.
class QuietSpans {
 public:
  QuietSpans(MediaKind kind, std::vector<QuietSpan>& out) : kind_(kind), out_(out) {}

  /// Two packets that adjoin in number, the first of which was the line's newest.
  struct Step {
    std::size_t segment = 0;
    std::int64_t from_timestamp = 0, to_timestamp = 0;  ///< not falling
    std::uint32_t clock_rate = 0;
    std::int64_t arrival_ms = 0;  ///< between their arrivals
  };
  void look_at(const Step& step) {
    const std::int64_t ticks = step.to_timestamp - step.from_timestamp;
    if (ticks > 0 && (typical_ == 0 || ticks < typical_)) typical_ = ticks;
    if (step.arrival_ms >= kQuietMs || ticks >= step.clock_rate / (1'000 / kLeastMs)) note(step, ticks);
  }

 private:
  static constexpr std::int64_t kQuietMs = 1'000;
  static constexpr std::int64_t kLeastMs = 100;

  void note(const Step& step, std::int64_t ticks);
  [[nodiscard]] bool extends_last(const QuietSpan& span) const;

  MediaKind kind_;
  std::vector<QuietSpan>& out_;
  std::int64_t typical_ = 0;  // shortest step
};

}  // namespace rtpx
