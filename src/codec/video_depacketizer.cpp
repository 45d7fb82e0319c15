#include "codec/video_depacketizer.hpp"

#include <algorithm>
#include <utility>

namespace rtpx {

VideoDepacketizer::VideoDepacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped)
    : options_(options), on_frame_(std::move(on_frame)), on_dropped_(std::move(on_dropped)) {}

void VideoDepacketizer::push(const MediaPacket& packet) {
  if (started_) {
    if (packet.sequence <= last_sequence_) return;  // a duplicate: the contract rules it out
    if (packet.sequence != last_sequence_ + 1) note_gap(packet.sequence - last_sequence_ - 1);
  }
  started_ = true;
  last_sequence_ = packet.sequence;
  saw_marker_ = saw_marker_ || packet.marker;
  marked_ = packet.marker;
  if (packet.payload.empty()) {
    if (packet.marker && !options_.markers_within_pictures && state_ != State::none &&
        packet.timestamp == unit_.timestamp) {
      end_unit();
      boundary_ = contiguous_;
    }
    return;
  }
  if (state_ != State::none && packet.timestamp != unit_.timestamp) {
    boundary_ = contiguous_;
    end_unit();
  }
  const Start start = inspect(packet);
  if (state_ != State::none && start == Start::always) {
    boundary_ = contiguous_;
    end_unit();
  }
  if (state_ == State::none) open_unit(packet, start);
  unit_.last_sequence = packet.sequence;
  boundary_ = false;
  contiguous_ = true;
  if (state_ == State::open && (start == Start::malformed || !add(packet))) {
    state_ = State::broken;
    unit_.reason = Dropped::Reason::malformed;
    unit_.detail = buffer_.size() >= options_.max_unit_bytes ? "frame too large" : "malformed payload";
  }
  if (packet.marker && !options_.markers_within_pictures) {
    end_unit();
    boundary_ = true;
  }
}

void VideoDepacketizer::flush() {
  if (state_ != State::none) {
    if (state_ == State::open && saw_marker_ && !(options_.markers_within_pictures && marked_)) {
      state_ = State::broken;
      unit_.reason = Dropped::Reason::incomplete;
      unit_.detail = "the recording ends inside this frame";
    }
    end_unit();
  }
  started_ = contiguous_ = boundary_ = saw_marker_ = false;
  restart();
}

void VideoDepacketizer::note_gap(std::int64_t missing) {
  contiguous_ = boundary_ = false;
  if (state_ == State::open) {
    state_ = State::broken;
    unit_.reason = Dropped::Reason::incomplete;
    unit_.detail = "packets are missing";
  }
  lost(missing);
}

void VideoDepacketizer::open_unit(const MediaPacket& packet, Start start) {
  const bool whole = start >= Start::yes || (start == Start::unknown && boundary_);
  state_ = whole ? State::open : State::broken;
  unit_ = Dropped{.timestamp = packet.timestamp, .first_sequence = packet.sequence};
  if (start == Start::malformed) unit_.reason = Dropped::Reason::malformed;
  unit_.detail = start == Start::malformed ? "malformed payload" : "the start of the frame is missing";
  buffer_.clear();
  begin();
}

void VideoDepacketizer::end_unit() {
  const bool whole = std::exchange(state_, State::none) == State::open;
  if (whole) {
    finish();
    return;
  }
  on_dropped_(unit_);
  broken();
}

bool VideoDepacketizer::append(Bytes bytes) {
  if (bytes.size() > options_.max_unit_bytes - std::min(buffer_.size(), options_.max_unit_bytes)) {
    buffer_.resize(options_.max_unit_bytes);
    return false;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return true;
}

void VideoDepacketizer::deliver(Frame frame) {
  if (!seen_keyframe_ && frame.kind != FrameKind::key) {
    drop(Dropped::Reason::before_keyframe, "no keyframe has come yet");
    return;
  }
  seen_keyframe_ = true;
  frame.timestamp = unit_.timestamp;
  frame.first_sequence = unit_.first_sequence;
  frame.last_sequence = unit_.last_sequence;
  frame.parameters_changed = std::exchange(changed_, false) && delivered_;
  delivered_ = true;
  if (frame.data.data() == buffer_.data() && frame.data.size() == buffer_.size()) frame.owner = &buffer_;
  on_frame_(frame);
}

void VideoDepacketizer::drop(Dropped::Reason reason, const char* detail) {
  Dropped dropped = unit_;
  dropped.reason = reason;
  dropped.detail = detail;
  on_dropped_(dropped);
}

FrameTransform::Outcome VideoDepacketizer::transform(std::vector<std::byte>& frame) {
  if (options_.transform == nullptr) return FrameTransform::Outcome::unchanged;
  const auto outcome = options_.transform->transform(unit_.timestamp, frame);
  if (outcome == FrameTransform::Outcome::refused) drop(Dropped::Reason::encrypted, "");
  return outcome;
}

void VideoDepacketizer::set_config(const StreamConfig& config) {
  if (config == config_) return;
  config_ = config;
  changed_ = true;
}

}  // namespace rtpx
