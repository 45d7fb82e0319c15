#include "compose/live_frames.hpp"

namespace rtpx::film {

Result<void> LiveFrames::fetch(std::int64_t until_ns, const std::function<void(std::int64_t)>& on_frame) {
  while (!ended_ && bytes_ < most_kept_ && (kept_.empty() || kept_.back().placed.time_ns < until_ns)) {
    MediaFrame frame;
    const auto next = reader_.next(frame);
    if (!next) return std::unexpected(next.error());
    ended_ = *next == Next::end;
    if (*next != Next::frame) return {};
    if (frame.new_config || !format_) {
      auto format = std::make_shared<Format>();
      format->codec.mime_type = frame.mime_type;
      format->config.width = frame.width;
      format->config.height = frame.height;
      format->config.codec_private.assign(frame.codec_private.begin(), frame.codec_private.end());
      format->config.sample_rate = frame.sample_rate;
      format->config.channels = frame.channels;
      format_ = std::move(format);
    }
    sequence_ += frame.after_loss ? 2 : 1;
    Kept& kept = kept_.emplace_back();
    kept.format = format_;
    kept.data.assign(frame.data.begin(), frame.data.end());
    PlacedFrame& placed = kept.placed;
    placed.frame.data = kept.data;
    placed.frame.kind = frame.keyframe ? FrameKind::key : FrameKind::delta;
    placed.frame.reference_lost = frame.damaged;
    placed.frame.first_sequence = placed.frame.last_sequence = sequence_;
    placed.time_ns = frame.time_ns;
    placed.duration_ns = frame.duration_ns;
    placed.codec = &format_->codec;
    placed.config = &format_->config;
    placed.orientation = {frame.rotation, frame.mirrored};
    placed.after_loss = frame.after_loss;
    placed.filler = frame.filler;
    bytes_ += kept.data.size();
    on_frame(frame.time_ns);
  }
  return {};
}

Result<const PlacedFrame*> LiveFrames::peek() {
  return kept_.empty() ? nullptr : &kept_.front().placed;
}

void LiveFrames::pop() {
  bytes_ -= kept_.front().data.size();
  before_ = std::move(kept_.front().format);
  kept_.pop_front();
}

Result<std::int64_t> LiveFrames::seek(std::int64_t) {
  return fail(Errc::unsupported, "a call that goes on is read forwards only");
}

}  // namespace rtpx::film
