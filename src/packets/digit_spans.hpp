#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "codec/telephone_event.hpp"
#include "rtp/unwrap.hpp"

namespace rtpx {

/// A telephone event as its packets told it.
struct DigitSpan {
  /// The place of its beginning on the media's line; nullopt: the event has a source or a clock of its own,
  /// and what tells its time is its arrival.
  struct Place {
    std::size_t segment = 0;
    std::int64_t timestamp = 0;  ///< unwrapped
  };
  std::optional<Place> place;
  std::int64_t receive_ms = 0;   ///< of its first packet
  std::uint32_t clock_rate = 0;  ///< of its duration
  KeyPress press;                ///< its timestamp is in the time of its own source
};

/// The telephone events of a layer, from its packets as they come.
class DigitSpans {
 public:
  explicit DigitSpans(std::vector<DigitSpan>& out) : out_(out) {}

  struct Packet {
    std::uint32_t ssrc = 0, timestamp = 0, clock_rate = 0;
    std::uint16_t sequence = 0;
    bool marker = false;
    std::int64_t receive_ms = 0;
    std::optional<DigitSpan::Place> place;
    Bytes payload;
  };
  void push(const Packet& packet);
  void finish();

 private:
  /// Events of one source.
  struct Source {
    explicit Source(KeyPresses::OnKeyPress on_key_press) : presses(std::move(on_key_press)) {}
    KeyPresses presses;
    TimestampUnwrapper times;
    std::int64_t newest = INT64_MIN;  // what comes later of an older event is passed over
    std::optional<std::uint16_t> newest_sequence;
    std::optional<std::size_t> segment;
    std::uint32_t clock_rate = 0;
  };
  void note(Source& source, const KeyPress& press);

  std::vector<DigitSpan>& out_;
  std::map<std::uint32_t, Source> sources_;  // by SSRC; bounded
};

}  // namespace rtpx
