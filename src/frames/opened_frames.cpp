#include "frames/opened_frames.hpp"

#include <algorithm>
#include <utility>

namespace rtpx {
namespace {

const char* name_of_state(TrackDecryptor::State state) noexcept {
  switch (state) {
    case TrackDecryptor::State::plain:
      return "plain";
    case TrackDecryptor::State::decrypted:
      return "decrypted";
    case TrackDecryptor::State::no_key:
      return "no_key";
    case TrackDecryptor::State::wrong_key:
      return "wrong_key";
  }
  return "plain";
}

}  // namespace

const EncryptedSpan* find_span(const std::vector<EncryptedSpan>& spans, std::size_t segment,
                               std::int64_t timestamp) noexcept {
  const auto after = std::ranges::upper_bound(
      spans, std::pair(segment, timestamp), {},
      [](const EncryptedSpan& span) { return std::pair(span.segment, span.from_timestamp); });
  if (after == spans.begin()) return nullptr;
  const EncryptedSpan& span = *std::prev(after);
  return span.segment == segment && timestamp <= span.to_timestamp ? &span : nullptr;
}

OpenedFrames::OpenedFrames(std::shared_ptr<const E2eeKeys> keys, const PlacedLayer& placed, FrameLog& log)
    : placed_(placed), log_(log), decryptor_(std::move(keys)) {}

void OpenedFrames::expect(std::size_t segment, HintFormat codec) noexcept {
  segment_ = segment;
  codec_ = codec;
}

FrameTransform::Outcome OpenedFrames::transform(std::int64_t timestamp, std::vector<std::byte>& frame) {
  using State = TrackDecryptor::State;
  SealedFrame sealed{.data = frame,
                     .codec = codec_,
                     .ssrc = placed_.layer->segments[segment_]->ssrc,
                     .timestamp = static_cast<std::uint32_t>(timestamp)};
  if (const EncryptedSpan* span = find_span(placed_.layer->encrypted, segment_, timestamp))
    sealed.known = span->format;
  TrackDecryptor::Opened opened = decryptor_.open(sealed);
  ReportEncryption what;
  what.state = name_of_state(opened.state);
  if (opened.state != State::plain) {
    what.format = to_string(opened.format);
    what.key_indexes = {opened.key_index};
  }
  if (opened.key != nullptr) what.key = opened.key->name;
  what.ratchets = opened.generation;
  last_encrypted_ = opened.state != State::plain;
  log_.encryption(to_ms(timestamp), std::move(what));
  const bool unwanted = opened.state == State::plain && !decryptor_.keeps_plain();
  if (unwanted || opened.state == State::no_key || opened.state == State::wrong_key) return Outcome::refused;
  if (!opened.data) return Outcome::unchanged;
  frame = std::move(*opened.data);
  return Outcome::changed;
}

void OpenedFrames::incomplete(std::int64_t timestamp) {
  const EncryptedSpan* span = find_span(placed_.layer->encrypted, segment_, timestamp);
  if (span == nullptr && !last_encrypted_) return;
  ReportEncryption what;
  what.state = "incomplete";
  if (span != nullptr) what.format = to_string(span->format);
  log_.encryption(to_ms(timestamp), std::move(what));
}

double OpenedFrames::to_ms(std::int64_t timestamp) const {
  return static_cast<double>(placed_.maps[segment_].time_ns(timestamp)) / 1e6;
}

}  // namespace rtpx
