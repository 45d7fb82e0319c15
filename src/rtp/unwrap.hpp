#pragma once

#include <cstdint>
#include <type_traits>

namespace rtpx {

/// Unwraps a 16- or 32-bit counter to 64 bits (RFC 3550 section A.1 does it for sequence numbers): each value is
/// taken as the one nearest to the last. The first value keeps its own number plus one whole turn, so that
/// packets from before the first one stay positive.
template <typename Counter>
class Unwrapper {
  static_assert(std::is_unsigned_v<Counter> && sizeof(Counter) < 8);

 public:
  std::int64_t operator()(Counter value) noexcept {
    last_ = peek(value);
    started_ = true;
    return last_;
  }
  /// What operator() would answer, without moving.
  [[nodiscard]] std::int64_t peek(Counter value) const noexcept {
    if (!started_) return static_cast<std::int64_t>(value) + kTurn;
    const auto delta = static_cast<std::make_signed_t<Counter>>(static_cast<Counter>(value - static_cast<Counter>(last_)));
    return last_ + delta;
  }
  void reset() noexcept { started_ = false; }

 private:
  static constexpr std::int64_t kTurn = std::int64_t{1} << (8 * sizeof(Counter));
  std::int64_t last_ = 0;
  bool started_ = false;
};

using SequenceUnwrapper = Unwrapper<std::uint16_t>;
using TimestampUnwrapper = Unwrapper<std::uint32_t>;

}  // namespace rtpx
