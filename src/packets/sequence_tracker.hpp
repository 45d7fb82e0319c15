#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "packets/gap_table.hpp"
#include "packets/number_ranges.hpp"

namespace rtpx {

/// The sequence numbers of one segment, as packets arrive: which packet is the next of the line, which one is
/// late, which one a duplicate, and which one cannot belong here (another segment, or a stray).
/// Lateness reaches back 32,000 numbers, further than 16 bits can tell.
///
/// Packets of the source that are no media (telephone events, unknown payload types) use up numbers, but say
/// nothing of its time: take_other() notes the number, so that it is not taken for a loss, and the line stays
/// where it is.
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
  /// The line begins with this packet. `content` as for take(). `back_ms`: by how much RTP time may step back from one
  /// number to the next, as pictures that are not sent in their order do.
  SequenceTracker(std::uint32_t clock_rate, std::uint16_t sequence, std::uint32_t timestamp,
                  std::int64_t receive_ms, std::uint32_t content = 0, std::int64_t back_ms = 1'000);

  [[nodiscard]] Place fit(std::uint16_t sequence, std::uint32_t timestamp,
                          std::int64_t receive_ms) const noexcept;
  /// Takes a packet that fit() placed ahead or late into the line; answers how many numbers before it are
  /// missing now that were not before. `content` is a hash of what it carries; 0: unknown.
  std::int64_t take(const Place& place, std::int64_t receive_ms, std::uint32_t content = 0);
  /// A packet without media has this number. True: it is newer than all others.
  bool take_other(std::uint16_t sequence);

  /// Whether the packet with this number, which was taken, carried something else.
  [[nodiscard]] bool differs(std::int64_t sequence, std::uint32_t content) const noexcept;
  /// Whether all numbers between the newest and `sequence`, which is ahead, were used by packets without
  /// media.
  [[nodiscard]] bool adjoins(std::int64_t sequence) const noexcept {
    return sequence == highest_ + 1 || others_fill(sequence);
  }

  /// Gives the memory of old numbers back; from now on only packets ahead of the line fit.
  void retire() {
    std::vector<Block>().swap(blocks_);  // an assignment would keep the memory
    std::vector<std::uint32_t>().swap(contents_);
  }

  [[nodiscard]] std::int64_t unwrap(std::uint32_t timestamp) const noexcept {
    return highest_time_ + static_cast<std::int32_t>(timestamp - static_cast<std::uint32_t>(highest_time_));
  }
  [[nodiscard]] std::int64_t first() const noexcept { return first_; }
  [[nodiscard]] std::int64_t highest() const noexcept { return highest_; }
  [[nodiscard]] std::int64_t highest_timestamp() const noexcept { return highest_time_; }
  [[nodiscard]] std::int64_t first_timestamp() const noexcept { return first_time_; }
  [[nodiscard]] std::int64_t last_receive_ms() const noexcept { return last_receive_ms_; }
  [[nodiscard]] const GapTable& gaps() const noexcept { return gaps_; }
  /// Numbers of packets without media.
  [[nodiscard]] const NumberRanges& others() const noexcept { return others_; }

  /// base/archive.hpp; of a line that was retired
  template <class Archive>
  void archive(Archive& with) {
    with(clock_rate_, first_, highest_, first_time_, highest_time_, first_receive_ms_, last_receive_ms_, packets_, gaps_,
         others_);
  }

 private:
  /// RTP times seen in a block of 16 numbers.
  struct Block {
    std::int64_t index = -1;
    std::int64_t earliest = 0, latest = 0;
  };
  static constexpr std::int64_t kBlockNumbers = 16;
  static constexpr std::size_t kBlocks = 2048;
  static constexpr std::size_t kContents = 1 << 15;  // numbers

  [[nodiscard]] bool others_fill(std::int64_t sequence) const noexcept;
  [[nodiscard]] bool time_plausible_ahead(std::int64_t time_step, std::int64_t receive_ms) const noexcept;
  [[nodiscard]] bool loss_plausible(std::int64_t step, std::int64_t time_step,
                                    std::int64_t receive_ms) const noexcept;
  [[nodiscard]] bool time_fits_behind(std::int64_t sequence, std::int64_t timestamp) const noexcept;
  [[nodiscard]] const Block* block(std::int64_t index) const noexcept;
  void remember(std::int64_t sequence, std::int64_t timestamp) noexcept;
  void remember_content(std::int64_t sequence, std::uint32_t content) noexcept;
  std::int64_t open_gaps(std::int64_t below, std::int64_t timestamp_after);
  /// The newest number that was used, by whatever packet.
  [[nodiscard]] std::int64_t newest() const noexcept {
    return others_.empty() ? highest_ : std::max(highest_, others_.last());
  }

  std::int64_t clock_rate_, back_ms_;
  std::int64_t first_, highest_;
  std::int64_t first_time_, highest_time_;
  std::int64_t first_receive_ms_, last_receive_ms_;
  std::uint64_t packets_ = 1;
  GapTable gaps_;
  NumberRanges others_;
  std::vector<Block> blocks_;            // empty once retired
  std::vector<std::uint32_t> contents_;  // by number; 0: unknown
};

}  // namespace rtpx
