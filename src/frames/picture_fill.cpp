#include "frames/picture_fill.hpp"

#include <algorithm>

#include "packets/limits.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kLeastStepNs = 8'000'000, kMostStepNs = 1'000'000'000;

}  // namespace

Result<const PlacedFrame*> PictureFill::peek() {
  const auto next = source_->peek();
  if (!next) return next;
  if (!prepared_) prepare(*next);
  return left_ > 0 ? &filler_ : *next;
}

// `next`: nullptr at the end.
void PictureFill::prepare(const PlacedFrame* next) {
  prepared_ = true;
  left_ = 0;
  if (!hold_) return;
  const bool wanted = options_.every_gap || next == nullptr || (options_.after_loss && next->after_loss);
  const std::int64_t step = usual_step();
  const std::int64_t gap = (next != nullptr ? next->time_ns : options_.end_ns + step) - last_ns_;
  const std::int64_t pictures = (gap + step / 4) / step;
  if (!wanted || pictures < 2 || gap > kMostFilledNs) return;
  filler_.frame.data = hold_->frame();
  if (filler_.frame.data.empty() || !budget_.take(gap)) return;
  left_ = pictures - 1;
  each_ns_ = gap / pictures;
  filler_.time_ns = last_ns_ + each_ns_;
}

void PictureFill::pop() {
  if (left_ > 0) {
    log_.wrote(filler_);
    --left_;
    filler_.time_ns += each_ns_;
    return;
  }
  const auto frame = source_->peek();
  if (frame && *frame != nullptr) follow(**frame);
  prepared_ = false;
  source_->pop();
}

// The frames between depend on the last steps from picture to picture: reading begins so far before.
Result<std::int64_t> PictureFill::seek(std::int64_t time_ns) {
  const auto found = source_->seek(time_ns);
  if (!found) return found;
  std::int64_t from_ns = *found;
  for (bool enough = false; !enough;) {
    const auto earlier = from_ns > INT64_MIN ? source_->seek(from_ns - 1) : Result<std::int64_t>(from_ns);
    if (!earlier) return earlier;
    enough = *earlier >= from_ns;  // there is none
    from_ns = std::min(from_ns, *earlier);
    std::size_t frames = 0;
    for (; !enough && frames <= kSteps; ++frames) {
      const auto frame = source_->peek();
      if (!frame) return std::unexpected(frame.error());
      if (*frame == nullptr || (*frame)->time_ns >= *found) break;
      source_->pop();
    }
    enough = enough || frames > kSteps;
  }
  if (auto begun = source_->seek(from_ns); !begun) return begun;
  budget_.restart();
  mime_type_.clear();
  hold_.reset();
  steps_seen_ = 0;
  last_ns_ = left_ = 0;
  prepared_ = false;
  while (true) {
    const auto frame = peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) return time_ns;
    if (left_ == 0 && (*frame)->time_ns >= *found && (*frame)->frame.kind == FrameKind::key)
      return (*frame)->time_ns;
    pop();
  }
}

void PictureFill::follow(const PlacedFrame& written) {
  if (written.codec != nullptr && written.codec->mime_type != mime_type_) {
    mime_type_ = written.codec->mime_type;
    hold_ = make_hold_frame(mime_type_);
    steps_seen_ = 0;
  } else if (const std::int64_t step = written.time_ns - last_ns_; step > 0) {
    steps_[steps_seen_++ % kSteps] = step;
  }
  last_ns_ = written.time_ns;
  if (!hold_) return;
  hold_->follow(written.frame.data);
  filler_ = PlacedFrame{};
  filler_.codec = written.codec;
  filler_.config = written.config;
  filler_.orientation = written.orientation;
  filler_.filler = true;
}

// The median of the last steps; 30 pictures a second until there is one.
std::int64_t PictureFill::usual_step() const {
  if (steps_seen_ == 0) return 33'333'333;
  auto steps = steps_;
  const auto end = steps.begin() + static_cast<std::ptrdiff_t>(std::min(steps_seen_, kSteps));
  const auto middle = steps.begin() + (end - steps.begin()) / 2;
  std::nth_element(steps.begin(), middle, end);
  return std::clamp(*middle, kLeastStepNs, kMostStepNs);
}

}  // namespace rtpx
