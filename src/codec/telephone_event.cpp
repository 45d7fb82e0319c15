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

void KeyPresses::push(const MediaPacket& packet) {
  const auto event = parse_telephone_event(packet.payload);
  if (!event || reported_ == packet.timestamp) return;
  if (open_ && packet.timestamp != segment_) {
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
    open_ = KeyPress{.timestamp = packet.timestamp, .event = event->event};
    segment_ = packet.timestamp;
    segment_duration_ = 0;
  }
  segment_duration_ = std::max<std::uint32_t>(segment_duration_, event->duration);
  if (!event->end) return;
  open_->ended = true;
  flush();
}

void KeyPresses::flush() {
  if (!open_) return;
  open_->duration += segment_duration_;
  reported_ = segment_;
  on_key_press_(*open_);
  open_.reset();
}

}  // namespace rtpx
