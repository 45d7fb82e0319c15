#include "e2ee/track_decryptor.hpp"

#include <algorithm>
#include <array>

#include "e2ee/frame_trailer.hpp"

namespace rtpx {
namespace {

/// What LiveKit's server sends in the place of a participant's media (silence, a black picture), in clear and
/// with a trailer behind it that tells it from the participant's own.
constexpr std::array<std::uint8_t, 31> kInjectedVp8{
    0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x08, 0x00, 0x08, 0x00, 0x00, 0x47, 0x08, 0x85, 0x85, 0x88,
    0x85, 0x84, 0x88, 0x02, 0x02, 0x00, 0x0C, 0x0D, 0x60, 0x00, 0xFE, 0xFF, 0xAB, 0x50, 0x80};
constexpr std::array<std::uint8_t, 10> kInjectedH264Idr{0x65, 0x88, 0x84, 0x0A, 0xF2,
                                                        0x62, 0x80, 0x00, 0xA7, 0xBE};
constexpr std::size_t kInjectedOpus = 80;  // F8 FF FE and zeros
constexpr std::size_t kMostInjectedTrailer = 64;

bool begins_with(Bytes frame, std::span<const std::uint8_t> known) noexcept {
  return frame.size() >= known.size() && std::ranges::equal(frame.first(known.size()), std::as_bytes(known));
}

bool is_injected_opus(Bytes frame) noexcept {
  static constexpr std::array<std::uint8_t, 3> kSilence{0xF8, 0xFF, 0xFE};
  return frame.size() >= kInjectedOpus && begins_with(frame, kSilence) &&
         std::ranges::all_of(frame.subspan(3, kInjectedOpus - 3),
                             [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TrackDecryptor::TrackDecryptor(std::shared_ptr<const E2eeKeys> keys) : keys_(std::move(keys)) {
  const E2eeKeys::Material& material = keys_->material();
  for (const E2eeFormat format : {E2eeFormat::livekit, E2eeFormat::jitsi})
    decryptors_.push_back(make_trailer_decryptor(material, format));
  if (material.may_be(E2eeFormat::sframe)) decryptors_.push_back(make_sframe_decryptor(material));
  if (material.may_be(E2eeFormat::medooze)) decryptors_.push_back(make_medooze_decryptor(material));
}

TrackDecryptor::Opened TrackDecryptor::open(const SealedFrame& frame) {
  using Outcome = OpenedFrame::Outcome;
  Opened out;
  if (frame.data.empty()) return out;
  if (const auto size = injected_size(frame)) {
    out.data.emplace(frame.data.begin(), frame.data.begin() + static_cast<std::ptrdiff_t>(*size));
    return out;
  }
  OpenedFrame best;  // of those that did not open it, the one that knows most
  for (std::size_t i = 0; i < decryptors_.size(); ++i) {
    OpenedFrame opened = decryptors_[i]->open(frame);
    if (opened.outcome == Outcome::decrypted) {
      std::swap(decryptors_[0], decryptors_[i]);
      return {State::decrypted, opened.format,     opened.key_index,
              opened.key,       opened.generation, std::move(opened.data)};
    }
    const bool meant = opened.outcome == best.outcome && opened.format == frame.known;
    if (i == 0 || opened.outcome > best.outcome || meant) best = std::move(opened);
  }
  out.format = frame.known.value_or(best.format);
  out.key_index = best.key_index;
  // SFrame has nothing in a frame alone that proves it: only what is known of the stretch does.
  const bool sframe = frame.known == E2eeFormat::sframe || frame.known == E2eeFormat::medooze;
  if (best.outcome == Outcome::other_format && sframe)
    best.outcome = has_key(*frame.known, best.key_index) ? Outcome::wrong_key : Outcome::no_key;
  if (best.outcome == Outcome::wrong_key) out.state = State::wrong_key;
  if (best.outcome == Outcome::no_key) out.state = State::no_key;
  if (out.state != State::plain) return out;
  if (const Bytes bare = without_frame_metadata(frame.data); bare.size() < frame.data.size())
    out.data.emplace(bare.begin(), bare.end());
  return out;
}

bool TrackDecryptor::has_key(E2eeFormat format, std::uint64_t index) const {
  return std::ranges::any_of(keys_->material().keys, [&](const auto& key) {
    return key->format.value_or(format) == format && key->index.value_or(index) == index;
  });
}

/// The bytes of a frame that a LiveKit server put in, without its trailer.
std::optional<std::size_t> TrackDecryptor::injected_size(const SealedFrame& frame) const {
  const Bytes trailer = keys_->material().injected_trailer;
  if (!keys_->material().may_be(E2eeFormat::livekit)) return std::nullopt;
  std::size_t size = 0;
  if (frame.codec == HintFormat::vp8 && begins_with(frame.data, kInjectedVp8)) size = kInjectedVp8.size();
  if (frame.codec == HintFormat::none && is_injected_opus(frame.data)) size = kInjectedOpus;
  if (frame.codec == HintFormat::h264) {
    const auto idr = std::ranges::search(frame.data, std::as_bytes(std::span(kInjectedH264Idr)));
    if (!idr.empty()) size = static_cast<std::size_t>(idr.end() - frame.data.begin());
  }
  if (size == 0 || frame.data.size() - size > kMostInjectedTrailer) return std::nullopt;
  if (!trailer.empty() && !std::ranges::equal(frame.data.subspan(size), trailer)) return std::nullopt;
  return size;
}

}  // namespace rtpx
