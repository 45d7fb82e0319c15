#pragma once

#include <cstdint>
#include <vector>

#include "compose/call.hpp"

namespace rtpx::film {

/// How loud somebody is, in steps of 50 ms.
struct Levels {
  static constexpr std::int64_t kStepNs = 50'000'000;
  static constexpr std::uint8_t kSilence = 127;  ///< RFC 6464: digital silence
  static constexpr std::uint8_t kNothing = 255;  ///< no packet, and none is missing either
  /// -dBov, 0 the loudest, of the loudest packet in the step (RFC 6464 section 3).
  std::vector<std::uint8_t> steps;
  std::vector<bool> voice;  ///< as the sender's voice detector says; empty: it has none
  bool by_header = false;   ///< as the senders say; else measured

  /// Grows as needed; what is beyond a day is left out.
  void add(std::int64_t time_ns, std::uint8_t level, bool voice_flag);
};

/// Who speaks, who has the floor, and who is muted.
struct Speech {
  std::vector<Spans> speaking, muted;  ///< one for each of the Levels
  std::vector<Turn> turns;
};

/// Pure. Speech is at least 0.3 s of voice with pauses of at most 0.8 s. Who speaks has the floor until he
/// stops, or until another is 6 dB louder for a second; nobody gets it for less than 0.7 s of voice, or loses
/// it within 1.5 s while he speaks. As all of the call is known, a turn begins when its first word does.
/// Muted: a second of digital silence, or two without a packet.
[[nodiscard]] Speech find_speech(const std::vector<Levels>& levels);

}  // namespace rtpx::film
