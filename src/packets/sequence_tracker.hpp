#pragma once

#include <cstdint>
#include <vector>

#include "packets/gap_table.hpp"

namespace rtpx {

/// The sequence numbers of one segment, as packets arrive: which packet is the next of the line, which one is
/// late, which one a duplicate, and which one cannot belong here (another segment, or a stray).
/// Lateness reaches back 32,000 numbers, further than 16 bits can tell.
class SequenceTracker {
 public:
  enum class Fit : std::uint8_t {
    ahead,      ///< beyond every number so far; numbers between are missing for now
    late,       ///< its number was missing
    duplicate,  ///< its number has been here
    foreign,    ///< number or time contradict the line
  };
  struct Place {
    Fit fit = Fit::foreign;
    std::int64_t sequence = 0;   ///< unwrapped
    std::int64_t timestamp = 0;  ///< unwrapped
  };

  /// What a line counts its first packet's number and time as: a whole turn up, so that nothing gets
  /// negative.
  [[nodiscard]] static std::int64_t initial(std::uint16_t sequence) noexcept {
    return sequence + std::int64_t{0x10000};
  }
  [[nodiscard]] static std::int64_t initial(std::uint32_t timestamp) noexcept {
    return timestamp + (std::int64_t{1} << 32);
  }
  /// The line begins with this packet.
  SequenceTracker(std::uint32_t clock_rate, std::uint16_t sequence, std::uint32_t timestamp,
                  std::int64_t receive_ms);

  [[nodiscard]] Place fit(std::uint16_t sequence, std::uint32_t timestamp,
                          std::int64_t receive_ms) const noexcept;
  /// Takes a packet that fit() placed ahead or late into the line.
  void take(const Place& place, std::int64_t receive_ms);

  /// Gives the memory of old numbers back; from now on only packets ahead of the line fit.
  void retire() { blocks_ = {}; }

  [[nodiscard]] std::int64_t unwrap(std::uint32_t timestamp) const noexcept {
    return highest_time_ + static_cast<std::int32_t>(timestamp - static_cast<std::uint32_t>(highest_time_));
  }
  [[nodiscard]] std::int64_t first() const noexcept { return first_; }
  [[nodiscard]] std::int64_t highest() const noexcept { return highest_; }
  [[nodiscard]] std::int64_t highest_timestamp() const noexcept { return highest_time_; }
  [[nodiscard]] std::int64_t first_timestamp() const noexcept { return first_time_; }
  [[nodiscard]] std::int64_t last_receive_ms() const noexcept { return last_receive_ms_; }
  [[nodiscard]] const GapTable& gaps() const noexcept { return gaps_; }

 private:
  /// RTP times seen in a block of 16 numbers.
  struct Block {
    std::int64_t index = -1;
    std::int64_t earliest = 0, latest = 0;
  };
  static constexpr std::int64_t kBlockNumbers = 16;
  static constexpr std::size_t kBlocks = 2048;

  [[nodiscard]] bool time_plausible_ahead(std::int64_t time_step, std::int64_t receive_ms) const noexcept;
  [[nodiscard]] bool loss_plausible(std::int64_t step, std::int64_t time_step,
                                    std::int64_t receive_ms) const noexcept;
  [[nodiscard]] bool time_fits_behind(std::int64_t sequence, std::int64_t timestamp) const noexcept;
  [[nodiscard]] const Block* block(std::int64_t index) const noexcept;
  void remember(std::int64_t sequence, std::int64_t timestamp) noexcept;

  std::int64_t clock_rate_;
  std::int64_t first_, highest_;
  std::int64_t first_time_, highest_time_;
  std::int64_t first_receive_ms_, last_receive_ms_;
  std::uint64_t packets_ = 1;
  GapTable gaps_;
  std::vector<Block> blocks_;  // empty once retired
};

}  // namespace rtpx
