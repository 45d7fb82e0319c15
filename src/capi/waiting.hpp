#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "rtpx/converter.hpp"
#include "rtpx/rtpx.h"

struct rtpx_stop {
  std::stop_source source;
};

namespace rtpx::capi {

[[nodiscard]] inline std::stop_token token_of(const rtpx_stop* stop) noexcept {
  return stop != nullptr ? stop->source.get_token() : std::stop_token();
}

/// What ends a call that waits: the caller's stop, or what its progress callback answers.
class Waiting {
 public:
  Waiting(const rtpx_stop* stop, rtpx_progress_callback told, void* user)
      : progress_(told), user_(user), pass_on_(token_of(stop), [this] { cancel_.request_stop(); }) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  [[nodiscard]] std::stop_token token() const noexcept { return cancel_.get_token(); }
  void tell(double fraction, std::optional<double> seconds_left, const std::string& what) {
    if (progress_(user_, fraction, seconds_left.value_or(-1), what.c_str()) != 0) cancel_.request_stop();
  }
  /// Empty where the caller does not want to be told. Must not outlive this.
  [[nodiscard]] std::function<void(const ConvertProgress&)> progress() {
    if (progress_ == nullptr) return {};
    return [this](const ConvertProgress& now) { tell(now.fraction, now.seconds_left, now.what); };
  }

 private:
  const rtpx_progress_callback progress_;
  void* const user_;
  std::stop_source cancel_;
  const std::stop_callback<std::function<void()>> pass_on_;
};

}  // namespace rtpx::capi
