#include "codec/telephone_event.hpp"

#include <algorithm>

namespace rtpx {

std::optional<TelephoneEvent> parse_telephone_event(Bytes payload) noexcept {
  ByteReader in(payload);
  TelephoneEvent out;
  out.event = in.u8();
  const std::uint8_t flags = in.u8();
  out.end = (flags & 0x80U) != 0;
  out.volume = flags & 0x3FU;
  out.duration = in.u16();
  if (!in.ok()) return std::nullopt;
  return out;
}

std::optional<char> dtmf_digit(std::uint8_t event) noexcept {
  constexpr std::string_view kDigits = "0123456789*#ABCD";
  if (event >= kDigits.size()) return std::nullopt;
  return kDigits[event];
}

// A sender whose time rises within a press (RFC 4733 section 2.1 has it stand) tells the same key again, no
// shorter than before and before its end.
bool KeyPresses::same_press(const MediaPacket& packet, const TelephoneEvent& event) const {
  if (packet.timestamp == segment_) return !begins_at_same_time(event);
  return event.event == event_ && !packet.marker && packet.timestamp > segment_ &&
         packet.timestamp <= segment_ + segment_duration_ && event.duration >= segment_duration_ &&
         segment_duration_ != 0xFFFF;
}

// Of a sender whose time stands still while keys are pressed: another key, or the same one after its end, or
// shorter than it was.
bool KeyPresses::begins_at_same_time(const TelephoneEvent& event) const {
  if (event.event != event_) return true;
  return !event.end && (!open_ || event.duration < segment_duration_);
}

void KeyPresses::push(const MediaPacket& packet, std::int64_t receive_ms) {
  const auto event = parse_telephone_event(packet.payload);
  if (!event) return;
  if (told_ && same_press(packet, *event)) {
    segment_ = packet.timestamp;
    if (!open_) return;  // its end again
  } else if (open_) {
    const bool next_segment = open_->event == event->event &&
                              packet.timestamp == segment_ + segment_duration_ && segment_duration_ == 0xFFFF;
    if (next_segment)
      open_->duration += segment_duration_;
    else
      flush();
    segment_ = packet.timestamp;
    segment_duration_ = 0;
  }
  if (!open_) {
    open_ = KeyPress{.timestamp = packet.timestamp, .event = event->event, .receive_ms = receive_ms};
    segment_ = packet.timestamp;
    segment_duration_ = 0;
  }
  told_ = true;
  event_ = event->event;
  segment_duration_ = std::max<std::uint32_t>(segment_duration_, event->duration);
  if (!event->end) return;
  open_->ended = true;
  flush();
}

void KeyPresses::flush() {
  if (!open_) return;
  open_->duration += segment_duration_;
  on_key_press_(*open_);
  open_.reset();
}

}  // namespace rtpx
