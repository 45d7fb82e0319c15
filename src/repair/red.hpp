#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "rtp/packet.hpp"
#include "rtp/unwrap.hpp"

namespace rtpx {

/// One block of a RED payload (RFC 2198 section 3). The last one is the primary, with offset 0.
struct RedBlock {
  std::uint8_t payload_type = 0;
  std::uint16_t timestamp_offset = 0;  ///< before the packet's own time, 14 bits
  Bytes payload;
};

/// Splits a RED payload, oldest block first, into `blocks`. Total; false (and no blocks) when a header or a
/// block is cut, or there is no primary.
[[nodiscard]] bool parse_red(Bytes red_payload, std::vector<RedBlock>& blocks);

/// Tells which packet a redundant audio block is a copy of. RED gives its time only: its sequence number
/// comes from the packets whose time is known around it. Fed each packet's number and time, RED or not. One
/// SSRC; the memory is that of the last few hundred packets.
class RedSequence {
 public:
  void add(std::uint16_t sequence_number, std::uint32_t timestamp);
  /// `from_end`: 1 for the block before the primary, and so on. nullopt when no number fits that time.
  [[nodiscard]] std::optional<std::uint16_t> find(std::uint16_t primary_number,
                                                  std::uint32_t primary_timestamp, const RedBlock& block,
                                                  unsigned from_end) const;

 private:
  struct Known {
    std::int64_t number;
    std::int64_t time;
  };
  void learn_frame(std::size_t at);

  std::deque<Known> known_;  // by number
  SequenceUnwrapper numbers_;
  TimestampUnwrapper times_;
  std::int64_t frame_ = 0;  // ticks from one packet to the next, as last seen; 0: not known
};

}  // namespace rtpx
