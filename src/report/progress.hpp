#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

#include "rtpx/converter.hpp"

namespace rtpx {

/// Tells a caller how far work has come, at most ten times a second, with an estimate of the time left.
class Progress {
 public:
  explicit Progress(std::function<void(const ConvertProgress&)> sink) : sink_(std::move(sink)) {}

  /// `fraction` of the whole, 0..1. It never goes back.
  void tell(double fraction, const char* what) {
    if (!sink_) return;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(100) && fraction < 1) return;
    last_ = now;
    fraction_ = std::clamp(std::max(fraction, fraction_), 0.0, 1.0);
    ConvertProgress progress{fraction_, std::nullopt, what};
    const double spent = std::chrono::duration<double>(now - start_).count();
    if (fraction_ > 0.01) progress.seconds_left = spent / fraction_ * (1 - fraction_);
    sink_(progress);
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::function<void(const ConvertProgress&)> sink_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_ - std::chrono::seconds(1);
  double fraction_ = 0;
};

}  // namespace rtpx
