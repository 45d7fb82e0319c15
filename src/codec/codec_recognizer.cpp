#include <algorithm>

#include "base/ascii.hpp"
#include "codec/codec_evidence.hpp"

namespace rtpx {

struct CodecRecognizer::State {
  std::vector<std::unique_ptr<CodecEvidence>> candidates;
  std::optional<MediaPacket> last;  // without its payload
};

CodecRecognizer::CodecRecognizer(MediaKind kind)
    : state_(std::make_unique<State>(
          State{kind == MediaKind::video ? make_video_evidence() : make_audio_evidence(), std::nullopt})) {}

CodecRecognizer::~CodecRecognizer() = default;

void CodecRecognizer::push(const MediaPacket& packet) {
  const auto& last = state_->last;
  const bool first =
      last && packet.sequence == last->sequence + 1 && (last->marker || packet.timestamp != last->timestamp);
  if (!packet.payload.empty())
    for (const auto& candidate : state_->candidates) candidate->push(packet, first);
  // Padding between two packets of a unit neither begins nor ends one.
  const bool ended = packet.payload.empty() && last && last->marker;
  state_->last = packet;
  state_->last->payload = {};
  state_->last->marker = packet.marker || ended;
}

bool CodecRecognizer::goes_with(const std::string& mime_type) const {
  return std::ranges::any_of(state_->candidates, [&](const auto& candidate) {
    return equals_ignoring_case(candidate->mime_type(), mime_type) && candidate->plausible();
  });
}

std::optional<std::string> CodecRecognizer::answer() const {
  const CodecEvidence* found = nullptr;
  for (const auto& candidate : state_->candidates) {
    if (!candidate->convincing()) continue;
    if (found != nullptr) return std::nullopt;
    found = candidate.get();
  }
  if (found == nullptr) return std::nullopt;
  return found->mime_type();
}

}  // namespace rtpx
