#include "frames/cut_frames.hpp"

#include "rtp/keyframe_hint.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostAhead = 16;  // pictures, H.264 section A.3.1 and H.265 section A.4.2
constexpr std::int64_t kMostAheadNs = 1'000'000'000;

bool may_come_out_of_order(const PlacedFrame& frame) {
  if (frame.codec == nullptr) return false;
  const HintFormat format = hint_format(frame.codec->mime_type);
  return format == HintFormat::h264 || format == HintFormat::h265;
}

}  // namespace

Result<const PlacedFrame*> CutFrames::peek() {
  if (!kept_.empty()) return &kept_.front().frame;
  if (ended_) return nullptr;
  const auto next = source_.peek();
  if (!next || *next == nullptr) return next;
  const PlacedFrame& frame = **next;
  if (frame.time_ns < to_ns_) {
    const std::int64_t beyond_ns = frame.time_ns + frame.duration_ns - frame.discard_ns - to_ns_;
    if (!trim_sound_ || frame.duration_ns == 0 || beyond_ns <= 0) return next;
    trimmed_ = frame;
    trimmed_.discard_ns += beyond_ns;
    return &trimmed_;
  }
  const bool any = may_come_out_of_order(frame);
  const auto more = any ? more_behind() : Result<bool>(false);
  if (!more) return std::unexpected(more.error());
  if (*more) return &kept_.front().frame;
  kept_.clear();
  ended_ = true;
  return nullptr;
}

// Whether one that is shown before the end is sent behind these.
Result<bool> CutFrames::more_behind() {
  while (kept_.size() < kMostAhead) {
    const auto next = source_.peek();
    if (!next) return std::unexpected(next.error());
    if (*next == nullptr || (*next)->time_ns >= to_ns_ + kMostAheadNs) return false;
    if (!kept_.empty() && (*next)->frame.kind == FrameKind::key) return false;
    const bool before = (*next)->time_ns < to_ns_;
    if (before) return true;
    Kept& kept = kept_.emplace_back(**next, std::vector<std::byte>());
    kept.data.assign(kept.frame.frame.data.begin(), kept.frame.frame.data.end());
    kept.frame.frame.data = kept.data;
    kept.frame.frame.owner = &kept.data;
    source_.pop();
  }
  return false;
}

void CutFrames::pop() {
  if (kept_.empty())
    source_.pop();
  else
    kept_.pop_front();
}

Result<std::int64_t> CutFrames::seek(std::int64_t time_ns) {
  kept_.clear();
  ended_ = false;
  return source_.seek(time_ns);
}

}  // namespace rtpx
