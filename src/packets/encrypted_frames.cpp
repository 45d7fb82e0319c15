#include "packets/encrypted_frames.hpp"

#include <algorithm>
#include <array>

#include "packets/limits.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kIv = 12, kTrailer = kIv + 2;
constexpr std::size_t kMostEscaped = kTrailer + kTrailer / 2;  // a byte of escape for two at most

/// The last kTrailer bytes with emulation prevention bytes (H.264 section 7.4.1) taken out; false: there are
/// fewer.
bool unescaped_tail(Bytes payload, std::array<std::byte, kTrailer>& out) {
  const Bytes tail = payload.last(std::min(payload.size(), kMostEscaped + 2));
  std::array<std::byte, kMostEscaped + 2> plain{};
  std::size_t size = 0;
  int zeros = 0;
  for (const std::byte byte : tail) {
    if (zeros >= 2 && byte == std::byte{3}) {
      zeros = 0;
      continue;
    }
    zeros = byte == std::byte{0} ? zeros + 1 : 0;
    plain[size++] = byte;
  }
  if (size < kTrailer) return false;
  std::copy_n(plain.begin() + static_cast<std::ptrdiff_t>(size - kTrailer), kTrailer, out.begin());
  return true;
}

}  // namespace

bool ends_encrypted(const RtpPacket& packet) noexcept {
  if (packet.payload.size() < kTrailer) return false;
  const std::byte* at = packet.payload.data() + packet.payload.size() - kTrailer;
  return at[kIv] == std::byte{kIv} && load_be<std::uint32_t>(at) == packet.ssrc &&
         load_be<std::uint32_t>(at + 4) == packet.timestamp;
}

std::optional<EncryptedFrames::Trailer> EncryptedFrames::trailer_of(const RtpPacket& packet, bool escaped) {
  if (packet.payload.size() < kTrailer) return std::nullopt;
  const auto read = [&](const std::byte* at) -> std::optional<Trailer> {
    if (at[kIv] != std::byte{kIv} || load_be<std::uint32_t>(at) != packet.ssrc ||
        load_be<std::uint32_t>(at + 4) != packet.timestamp)
      return std::nullopt;
    return Trailer{load_be<std::uint32_t>(at + 8), u8(at[kIv + 1])};
  };
  if (const auto found = read(packet.payload.data() + packet.payload.size() - kTrailer)) return found;
  std::array<std::byte, kTrailer> tail{};
  return escaped && unescaped_tail(packet.payload, tail) ? read(tail.data()) : std::nullopt;
}

void EncryptedFrames::push(std::size_t segment, std::int64_t timestamp, const RtpPacket& packet, bool escaped,
                           bool whole) {
  const auto trailer = trailer_of(packet, escaped);
  if (!trailer) {
    // Plain, or the middle of a frame. Only a whole plain frame behind the span ends it.
    if (whole && open_ && !packet.payload.empty() &&
        (segment != out_.back().segment || timestamp > out_.back().to_timestamp))
      open_ = false;
    return;
  }
  if (!open_ || out_.back().segment != segment) {
    if (out_.size() == kMaxListed) return;
    out_.push_back({segment, timestamp, timestamp, 0, {}, false});
    open_ = true;
    last_word_.reset();
  }
  EncryptedSpan& span = out_.back();
  if (span.frames == 0 || timestamp != last_timestamp_) ++span.frames;
  if (last_word_ && timestamp > last_timestamp_ && trailer->third_word == *last_word_ + 1) span.jitsi = true;
  last_word_ = trailer->third_word;
  last_timestamp_ = timestamp;
  span.from_timestamp = std::min(span.from_timestamp, timestamp);
  span.to_timestamp = std::max(span.to_timestamp, timestamp);
  span.key_indexes.set(trailer->key_index);
}

}  // namespace rtpx
