#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "repair/repairer.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// Numbers and times that one media SSRC has used so far, thinned out to a few hundred marks, so that a
/// packet that comes again minutes later is still recognised as its own.
class SourceHistory {
 public:
  void add(std::uint16_t sequence_number, std::uint32_t timestamp);
  /// 0: the pair lies on the SSRC's course; else how far it is off, in ticks and numbers mixed (for
  /// comparison).
  [[nodiscard]] std::int64_t distance(std::uint16_t sequence_number, std::uint32_t timestamp) const;

 private:
  struct Mark {
    std::uint16_t number;
    std::uint32_t time;
  };
  std::vector<Mark> marks_;  // in arrival order
  Mark last_{};
  std::uint32_t packets_ = 0;
  std::uint32_t spacing_ = 64;  // packets from mark to mark; doubles when the marks are full
};

/// Turns RTX packets (RFC 4588) back into what they repeat. Which media SSRC an RTX SSRC belongs to is
/// learnt: the one whose numbers and times the packet fits; a lone one is taken as it is.
class RtxUnpacker {
 public:
  /// True: the first packet of a source.
  bool add_media(std::uint32_t ssrc, std::uint16_t sequence_number, std::uint32_t timestamp);
  [[nodiscard]] bool knows(std::uint32_t ssrc) const noexcept;
  /// The original packet, built in `buffer`. nullopt: padding only, a probe without content, or no media SSRC
  /// to give it to (yet).
  [[nodiscard]] std::optional<RtpPacket> unpack(const RtpPacket& rtx, std::uint8_t media_type,
                                                std::vector<std::byte>& buffer);

 private:
  [[nodiscard]] std::optional<std::uint32_t> source_of(std::uint32_t rtx_ssrc, std::uint16_t number,
                                                       std::uint32_t timestamp);

  struct Source {
    std::uint32_t ssrc;
    SourceHistory history;
  };
  std::vector<Source> sources_;                                // the latest last; bounded
  std::unordered_map<std::uint32_t, std::uint32_t> media_of_;  // RTX SSRC to media SSRC
};

}  // namespace rtpx
