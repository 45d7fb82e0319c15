#include "frames/layer_outline.hpp"

#include <algorithm>

#include "rtp/keyframe_hint.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostPlaces = 1'024;
constexpr std::int64_t kPlacesApartNs = 1'000'000'000;  // at least; before keyframes
constexpr std::int64_t kFurtherApart = 4;               // so many times as far elsewhere
constexpr std::int64_t kLatestApartNs = 250'000'000;
constexpr std::size_t kMostLatest = 64;
constexpr std::int64_t kOutOfOrderNs = 1'000'000'000;   // that pictures may be sent out of order

}  // namespace

Result<LayerOutline::Target> LayerOutline::find(std::int64_t time_ns) {
  const std::lock_guard lock(mutex_);
  if (auto read = read_until(time_ns); !read) return std::unexpected(read.error());
  Target target;
  const bool video = placed_.track->files.track.kind == MediaKind::video;
  if (video) {
    const auto found = std::find_if(keyframes_.rbegin(), keyframes_.rend(),
                                    [&](const Keyframe& keyframe) { return keyframe.time_ns <= time_ns; });
    if (found == keyframes_.rend()) return target;
    target.number = found->number;
    const auto after = std::ranges::upper_bound(starts_, target.number, {},
                                                [](const Start& start) { return start.place->number; });
    if (after != starts_.begin()) target.place = std::prev(after)->place;
    return target;
  }
  const auto after = std::ranges::upper_bound(starts_, time_ns, {}, &Start::time_ns);
  if (after == starts_.begin()) return target;
  target.place = std::prev(after)->place;
  target.number = target.place->number;
  return target;
}

/// The last one before pictures that are shown by then may begin.
const LayerOutline::Start* LayerOutline::last_start(std::int64_t time_ns) const {
  const std::int64_t before_ns = time_ns - kOutOfOrderNs;
  const Start* found = nullptr;
  for (const auto& start : latest_)
    if (start.time_ns <= before_ns) found = &start;
  const auto after = std::ranges::upper_bound(starts_, before_ns, {}, &Start::time_ns);
  if (after == starts_.begin()) return found;
  const Start& start = *std::prev(after);
  return found == nullptr || start.place->number > found->place->number ? &start : found;
}

Result<std::shared_ptr<const LayerFrames::Place>> LayerOutline::near(std::int64_t time_ns) {
  const std::lock_guard lock(mutex_);
  if (auto read = read_until(time_ns); !read) return std::unexpected(read.error());
  const Start* const start = last_start(time_ns);
  return start == nullptr ? nullptr : start->place;
}

void LayerOutline::go_on_from(const LayerOutline& earlier, std::int64_t settled_ns) {
  const std::scoped_lock lock(mutex_, earlier.mutex_);
  const Start* const start = earlier.last_start(settled_ns);
  if (start == nullptr) return;
  begin_ = start->place;
  read_to_ns_ = start->time_ns - kOutOfOrderNs;
  least_apart_ns_ = earlier.least_apart_ns_;
  for (const Keyframe& keyframe : earlier.keyframes_)
    if (keyframe.number < begin_->number) keyframes_.push_back(keyframe);
  for (const Start& known : earlier.starts_)
    if (known.place->number <= begin_->number) starts_.push_back(known);
  if (!starts_.empty()) last_place_ns_ = starts_.back().time_ns;
  latest_.push_back(*start);
}

Result<std::vector<Keyframe>> LayerOutline::keyframes(std::int64_t until_ns) {
  const std::lock_guard lock(mutex_);
  if (auto read = read_until(until_ns); !read) return std::unexpected(read.error());
  return keyframes_;
}

Result<void> LayerOutline::read_until(std::int64_t time_ns) {
  const std::int64_t until_ns = time_ns < INT64_MAX - kOutOfOrderNs ? time_ns + kOutOfOrderNs : INT64_MAX;
  const bool video = placed_.track->files.track.kind == MediaKind::video;
  while (!ended_ && read_to_ns_ <= until_ns) {
    if (!walker_) {
      auto opened = LayerFrames::open(placed_, spill_, options_, log_);
      if (!opened) return std::unexpected(opened.error());
      walker_ = std::move(*opened);
      if (begin_) walker_->go_to(*begin_);
      walker_->watch([this](const OrderedPacket& packet) { look_at(packet); });
    }
    const auto frame = walker_->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) {
      ended_ = true;
      walker_.reset();  // its file
      break;
    }
    read_to_ns_ = std::max(read_to_ns_, (*frame)->time_ns);
    if (on_frame_) on_frame_(**frame);
    if (video && (*frame)->frame.kind == FrameKind::key && !(*frame)->frame.reference_lost)
      keyframes_.push_back({(*frame)->time_ns, walker_->number()});
    walker_->pop();
  }
  return {};
}

void LayerOutline::look_at(const OrderedPacket& packet) {
  if (packet.timestamp == last_timestamp_) return;
  last_timestamp_ = packet.timestamp;
  const std::int64_t now_ns = walker_->time_of(packet);
  if (follows_ && (latest_.empty() || now_ns - latest_.back().time_ns >= kLatestApartNs)) {
    if (auto place = walker_->place()) latest_.push_back({now_ns, std::move(place)});
    if (latest_.size() > kMostLatest) latest_.pop_front();
  }
  const std::int64_t apart_ns = std::max(kPlacesApartNs, least_apart_ns_);
  const std::int64_t since_ns = starts_.empty() ? INT64_MAX / 2 : now_ns - last_place_ns_;
  if (since_ns < apart_ns) return;
  const HintFormat format =
      walker_->codec() != nullptr ? hint_format(walker_->codec()->mime_type) : HintFormat::none;
  if (format != HintFormat::none && !may_begin_keyframe(format, packet.media.payload) &&
      since_ns / kFurtherApart < apart_ns)
    return;
  keep_place(now_ns);
}

void LayerOutline::keep_place(std::int64_t time_ns) {
  auto place = walker_->place();
  if (!place) return;
  last_place_ns_ = time_ns;
  starts_.push_back({time_ns, std::move(place)});
  if (starts_.size() < kMostPlaces) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < starts_.size(); i += 2) starts_[kept++] = std::move(starts_[i]);
  starts_.resize(kept);
  least_apart_ns_ = 2 * std::max(kPlacesApartNs, least_apart_ns_);
}

}  // namespace rtpx
