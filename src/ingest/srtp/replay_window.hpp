#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rtpx {

/// Which of the last `Size` packet indices were seen (RFC 3711 section 3.3.2).
template <std::size_t Size>
class ReplayWindow {
  static_assert(Size % 64 == 0);

 public:
  [[nodiscard]] bool started() const noexcept { return started_; }
  [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }
  /// Behind the window: nobody knows whether it was seen.
  [[nodiscard]] bool too_old(std::uint64_t index) const noexcept {
    return started_ && index + Size <= highest_;
  }
  [[nodiscard]] bool seen(std::uint64_t index) const noexcept {
    return started_ && index <= highest_ && (word(index) & bit(index)) != 0;
  }
  /// One that is not too old.
  void add(std::uint64_t index) noexcept {
    if (!started_ || index > highest_) advance(index);
    word(index) |= bit(index);
  }

 private:
  void advance(std::uint64_t index) noexcept {
    if (!started_ || index - highest_ >= Size) {
      seen_.fill(0);
    } else {
      for (std::uint64_t next = highest_ + 1; next <= index;) {
        const bool whole_word = next % 64 == 0 && index - next >= 63;
        word(next) &= whole_word ? 0 : ~bit(next);
        next += whole_word ? 64 : 1;
      }
    }
    started_ = true;
    highest_ = index;
  }
  [[nodiscard]] static std::uint64_t bit(std::uint64_t index) noexcept {
    return std::uint64_t{1} << index % 64;
  }
  [[nodiscard]] std::uint64_t& word(std::uint64_t index) noexcept { return seen_[index / 64 % seen_.size()]; }
  [[nodiscard]] std::uint64_t word(std::uint64_t index) const noexcept {
    return seen_[index / 64 % seen_.size()];
  }

  bool started_ = false;
  std::uint64_t highest_ = 0;
  std::array<std::uint64_t, Size / 64> seen_{};
};

}  // namespace rtpx
