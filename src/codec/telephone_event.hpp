#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "codec/depacketizer.hpp"

namespace rtpx {

/// The payload of audio/telephone-event, RFC 4733 section 2.3.
struct TelephoneEvent {
  std::uint8_t event = 0;      ///< 0..9, 10 *, 11 #, 12..15 A..D, 16 flash; others are tones
  bool end = false;            ///< E: the key was let go
  std::uint8_t volume = 0;     ///< -dBm0, 0..63
  std::uint16_t duration = 0;  ///< RTP ticks since the event's timestamp
};
/// nullopt: shorter than its four bytes. More bytes are ignored.
[[nodiscard]] std::optional<TelephoneEvent> parse_telephone_event(Bytes payload) noexcept;

/// '0'..'9' '*' '#' 'A'..'D'; nullopt for events that are no digit.
[[nodiscard]] std::optional<char> dtmf_digit(std::uint8_t event) noexcept;

/// A key press, put together from the packets that report it (all of one timestamp, but of senders whose time
/// rises with them; the last is sent three times).
struct KeyPress {
  std::int64_t timestamp = 0;  ///< when it began, unwrapped RTP time
  std::uint32_t duration = 0;  ///< RTP ticks, as far as was received
  std::uint8_t event = 0;
  bool ended = false;           ///< the end was received; else it may have lasted longer
  std::int64_t receive_ms = 0;  ///< of the first packet that told of it
};

/// Lists the key presses of a stream. Events longer than 0xFFFF ticks come as segments (section 2.5.1.3),
/// which are joined.
class KeyPresses {
 public:
  using OnKeyPress = std::function<void(const KeyPress&)>;
  explicit KeyPresses(OnKeyPress on_key_press) : on_key_press_(std::move(on_key_press)) {}
  /// In sequence order. A press is handed out once: at its end, when another begins, or by flush().
  void push(const MediaPacket& packet, std::int64_t receive_ms = 0);
  void flush();

 private:
  [[nodiscard]] bool same_press(const MediaPacket& packet, const TelephoneEvent& event) const;
  [[nodiscard]] bool begins_at_same_time(const TelephoneEvent& event) const;

  OnKeyPress on_key_press_;
  std::optional<KeyPress> open_;
  bool told_ = false;  // the following are of the last packet, and of the press that it told of
  std::uint8_t event_ = 0;
  std::int64_t segment_ = 0;  // timestamp of the press's current segment
  std::uint32_t segment_duration_ = 0;
};

}  // namespace rtpx
