#include "frames/silence_fill.hpp"

#include "base/ascii.hpp"
#include "packets/limits.hpp"

namespace rtpx {
namespace {

bool is(const Codec& codec, std::string_view mime_type) {
  return equals_ignoring_case(codec.mime_type, mime_type);
}

/// RFC 6716 section 3.1, table 2: length of one frame of this configuration.
std::int64_t opus_frame_ns(std::uint8_t toc) {
  const unsigned config = toc >> 3;
  constexpr std::int64_t kMs = 1'000'000;
  if (config < 12) return (config & 3) == 3 ? 60 * kMs : 10 * kMs << (config & 3);
  if (config < 16) return (config & 1) != 0 ? 20 * kMs : 10 * kMs;
  return 2'500'000LL << (config & 3);
}

/// The byte of which silent packets consist, for codecs without frames.
std::optional<std::byte> silent_byte(const Codec& codec) {
  if (is(codec, "audio/PCMU")) return std::byte{0xFF};
  if (is(codec, "audio/PCMA")) return std::byte{0xD5};
  if (is(codec, "audio/L16")) return std::byte{0};
  if (is(codec, "audio/G722")) return std::byte{0xFF};  // the least step down in both bands: -56 dB of offset
  return std::nullopt;
}

}  // namespace

Result<const PlacedFrame*> SilenceFill::peek() {
  const auto next = source_->peek();
  if (!next || *next == nullptr) return next;
  if (!prepared_) prepare(**next);
  return left_ > 0 ? &filler_ : *next;
}

void SilenceFill::prepare(const PlacedFrame& next) {
  prepared_ = true;
  left_ = 0;
  const std::int64_t gap = next.time_ns - end_ns_;
  if (!started_ || payload_.empty() || filler_.duration_ns <= 0 || gap > kMostFilledNs) return;
  const std::int64_t packets = (gap + filler_.duration_ns / 4) / filler_.duration_ns;
  if (packets <= 0 || !budget_.take(gap)) return;
  left_ = packets;
  filler_.time_ns = end_ns_;
  filler_.config = next.config;
}

void SilenceFill::pop() {
  if (left_ > 0) {
    log_.wrote(filler_);
    --left_;
    filler_.time_ns += filler_.duration_ns;
    return;
  }
  const auto frame = source_->peek();
  if (frame && *frame != nullptr) {
    const PlacedFrame& written = **frame;
    started_ = make_filler(written);
    end_ns_ = written.time_ns + written.duration_ns;
  }
  prepared_ = false;
  source_->pop();
}

Result<std::int64_t> SilenceFill::seek(std::int64_t time_ns) {
  for (const bool look_behind : {true, false}) {
    const auto found = source_->seek(time_ns);
    if (!found) return found;
    budget_.restart();
    started_ = prepared_ = false;
    left_ = 0;
    const auto first = source_->peek();
    if (!first) return std::unexpected(first.error());
    const bool covers = *first == nullptr || (*first)->time_ns + (*first)->duration_ns > time_ns;
    if (covers || !look_behind) return found;
    pop();
    while (true) {
      const auto next = peek();
      if (!next) return std::unexpected(next.error());
      if (*next == nullptr || (*next)->time_ns > time_ns) break;  // nothing covers it: back to the last one
      if (left_ == 0 || (*next)->time_ns + (*next)->duration_ns > time_ns) return (*next)->time_ns;
      pop();
    }
  }
  return time_ns;
}

// Makes the filler that may follow this frame; false when this codec has none.
bool SilenceFill::make_filler(const PlacedFrame& like) {
  if (like.codec == nullptr || like.duration_ns <= 0 || like.frame.data.empty()) return started_;
  std::int64_t duration = like.duration_ns;
  if (is(*like.codec, "audio/opus")) {
    const auto toc = static_cast<std::uint8_t>(like.frame.data[0]);
    duration = opus_frame_ns(toc);
    payload_.assign(1, static_cast<std::byte>(toc & 0xFC));  // code 0: one frame, here of no bytes
  } else if (const auto silence = silent_byte(*like.codec)) {
    payload_.assign(like.frame.data.size(), *silence);
  } else {
    return false;
  }
  filler_ = PlacedFrame{};
  filler_.frame.kind = FrameKind::key;
  filler_.frame.data = payload_;
  filler_.duration_ns = duration;
  filler_.codec = like.codec;
  filler_.filler = true;
  return true;
}

}  // namespace rtpx
