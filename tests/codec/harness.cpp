#include "codec/harness.hpp"

#include <algorithm>

namespace rtpx::test {

Depacketized::Depacketized(const Codec& codec, DepacketizerOptions options) {
  auto made = make_depacketizer(
      codec, options,
      [this](const Frame& frame) {
        KeptFrame kept{frame, std::string(as_text(frame.data)), depacketizer_->config()};
        kept.data = {};
        frames.push_back(std::move(kept));
      },
      [this](const Dropped& drop) { dropped.push_back(drop); });
  if (!made) throw std::runtime_error(made.error().message);
  depacketizer_ = std::move(*made);
}

void Depacketized::packet(std::int64_t timestamp, bool marker, const std::vector<std::byte>& payload,
                          int lost) {
  sequence += lost;
  const MediaPacket packet{
      .sequence = sequence++, .timestamp = timestamp, .marker = marker, .payload = payload};
  push(packet);
}

std::size_t Depacketized::lost_references() const {
  return static_cast<std::size_t>(std::ranges::count(frames, true, &KeptFrame::reference_lost));
}
std::size_t Depacketized::keyframes() const {
  return static_cast<std::size_t>(std::ranges::count(frames, FrameKind::key, &KeptFrame::kind));
}
std::size_t Depacketized::dropped_as(Dropped::Reason reason) const {
  return static_cast<std::size_t>(std::ranges::count(dropped, reason, &Dropped::reason));
}

std::vector<std::string> read_ivf(const std::filesystem::path& file) {
  const std::string b = read_file(file);
  std::vector<std::string> out;
  for (std::size_t at = 32; at + 12 <= b.size();) {
    const std::uint32_t size = __builtin_bswap32(load_be<std::uint32_t>(as_bytes(b).data() + at));
    out.push_back(b.substr(at + 12, size));
    at += 12 + size;
  }
  return out;
}

}  // namespace rtpx::test
