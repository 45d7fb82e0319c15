#include "frames/layer_frames.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "codec/h265_payload.hpp"
#include "codec/nal.hpp"
#include "frames/layer_outline.hpp"

namespace rtpx {
namespace {

constexpr const char* kOrientation = "urn:3gpp:video-orientation";
constexpr const char* kDependencyDescriptor =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
constexpr const char* kPaused = "pause";
constexpr std::int64_t kReorderNs = 1'000'000'000;
constexpr std::int64_t kStepNs = 1'000'000;
constexpr std::size_t kConfigsKept = 16;
constexpr std::size_t kMostPlaceBytes = 64U << 10;

std::string size_of(const StreamConfig& config) {
  return std::to_string(config.width) + "x" + std::to_string(config.height);
}

std::string in_words(const Orientation& orientation) {
  return std::to_string(orientation.clockwise_degrees) + (orientation.mirrored ? " mirrored" : "");
}

const char* name_of(Dropped::Reason reason) {
  switch (reason) {
    case Dropped::Reason::incomplete:
      return "incomplete";
    case Dropped::Reason::malformed:
      return "malformed";
    case Dropped::Reason::before_keyframe:
      return "before_keyframe";
    case Dropped::Reason::layer:
      return "layer";
    case Dropped::Reason::encrypted:
      return "encrypted";
  }
  return "incomplete";
}

// Units a second of Frame::duration: Opus plays at 48 kHz whatever clock was negotiated (RFC 7587
// section 4.1).
std::uint32_t duration_rate(const Codec& codec, std::uint32_t clock_rate) {
  const bool opus = equals_ignoring_case(codec.mime_type, "audio/opus") ||
                    equals_ignoring_case(codec.mime_type, "audio/multiopus");
  return opus ? 48'000 : clock_rate;
}

// Whether packets of both go through one depacketizer.
bool same_format(const Codec& a, const Codec& b) {
  if (!equals_ignoring_case(a.mime_type, b.mime_type) || a.clock_rate != b.clock_rate) return false;
  if (a.sdp_fmtp_line == b.sdp_fmtp_line && a.channels == b.channels) return true;
  const HintFormat format = hint_format(a.mime_type);
  if (format == HintFormat::h264 || format == HintFormat::h265)
    return sprop_parameter_sets(a) == sprop_parameter_sets(b) && h265_has_donl(a) == h265_has_donl(b);
  return format != HintFormat::none;
}

}  // namespace

Result<std::unique_ptr<LayerFrames>> LayerFrames::open(const PlacedLayer& placed, const SpillFile& spill,
                                                       const LayerFrameOptions& options, FrameLog& log) {
  auto cursor = PacketCursor::open(*placed.track, *placed.layer, spill);
  if (!cursor) return std::unexpected(cursor.error());
  return std::unique_ptr<LayerFrames>(new LayerFrames(placed, spill, std::move(*cursor), options, log));
}

LayerFrames::LayerFrames(const PlacedLayer& placed, const SpillFile& spill,
                         std::unique_ptr<PacketCursor> cursor, const LayerFrameOptions& options,
                         FrameLog& log)
    : placed_(placed), spill_(spill), cursor_(std::move(cursor)), options_(options), log_(log) {
  if (options.e2ee_keys) {
    opened_ = std::make_unique<OpenedFrames>(options.e2ee_keys, placed, log);
    options_.depacketizer.transform = opened_.get();
  }
  options_.depacketizer.markers_within_pictures = placed.layer->markers_within_pictures;
  const ManifestTrack& track = placed.track->files.track;
  video_ = track.kind == MediaKind::video;
  if (video_) {
    orientation_id_ = extension_id(track, kOrientation);
    dependency_id_ = extension_id(track, kDependencyDescriptor);
  }
}

Result<const PlacedFrame*> LayerFrames::peek() {
  if (next_run_ && number() == next_run_->number) go_to(*std::exchange(next_run_, nullptr));
  while (next_ready_ == ready_.size()) {
    number_ += ready_.size();
    ready_.clear();
    copies_used_ = next_ready_ = 0;
    if (ended_) return nullptr;
    if (waiting_ != nullptr) {
      push(*std::exchange(waiting_, nullptr));
      continue;
    }
    const auto packet = cursor_->next();
    if (!packet) return std::unexpected(packet.error());
    if (*packet == nullptr) {
      ended_ = true;
      const auto& pauses = placed_.track->files.track.pauses;
      cut_by_pause_ = !pauses.empty() && pauses.back().from_ms >= placed_.layer->last_receive_ms;
      flush();
      continue;
    }
    if (depacketizer_ && ((*packet)->segment != segment_ || ((*packet)->media.payload_type != payload_type_ && other_format(**packet)))) {
      const bool paused =
          (*packet)->segment != segment_ && placed_.layer->segments[(*packet)->segment]->after_pause;
      cut_by_pause_ = paused;
      flush();  // its frames go out before the packet goes in
      cut_by_pause_ = false;
      resuming_ = resuming_ || (paused && video_);
      waiting_ = *packet;
      continue;
    }
    if (before_packet_ && depacketizer_ && (*packet)->media.role == PayloadRole::media)
      before_packet_(**packet);
    push(**packet);
  }
  return &ready_[next_ready_];
}

void LayerFrames::pop() {
  ++next_ready_;
}

void LayerFrames::flush() {
  if (depacketizer_) depacketizer_->flush();
}

void LayerFrames::push(const OrderedPacket& packet) {
  if (packet.segment != segment_) last_sequence_ = -1;
  segment_ = packet.segment;
  const bool media = packet.media.role == PayloadRole::media;
  if (media && packet.media.payload_type != payload_type_) choose_depacketizer(packet);
  if (media && !depacketizer_) leave_out(packet);
  if (!depacketizer_ || (!placed_.layer->encrypted.empty() && is_encrypted(packet))) return;
  if (orientation_id_ && packet.packet.marker) look_at_orientation(packet);
  MediaPacket in{packet.sequence, packet.timestamp, packet.packet.marker,
                 media ? packet.media.payload : Bytes{}, std::nullopt};
  if (dependency_id_) in.dependency_descriptor = find_extension(packet.packet, *dependency_id_);
  if (opened_ && media) {
    opened_->expect(packet.segment, hint_format(codec_->mime_type));
    if (!video_ && !open_audio(packet, in)) return;
  }
  pushing_ = packet.sequence;
  depacketizer_->push(in);
}

// Frames that nobody here can read go no further: what they seem to say would be noise. For what comes after
// they are missing. With keys each frame is decided by itself.
bool LayerFrames::is_encrypted(const OrderedPacket& packet) {
  const bool never_opened = codec_ != nullptr && hint_format(codec_->mime_type) == HintFormat::av1;
  if (opened_ && !never_opened) return false;
  if (find_span(placed_.layer->encrypted, packet.segment, packet.timestamp) == nullptr) return false;
  if (last_encrypted_ != packet.timestamp) log_.dropped(to_ms(packet.timestamp), "encrypted", "");
  last_encrypted_ = packet.timestamp;
  return true;
}

// An audio packet is a frame. Of RED all of it was encrypted, and the primary block is what it is about.
bool LayerFrames::open_audio(const OrderedPacket& packet, MediaPacket& in) {
  audio_frame_.assign(in.payload.begin(), in.payload.end());
  const auto outcome = opened_->transform(packet.timestamp, audio_frame_);
  if (outcome == FrameTransform::Outcome::refused) {
    log_.dropped(to_ms(packet.timestamp), "encrypted", "");
    return false;
  }
  if (outcome == FrameTransform::Outcome::unchanged) return true;
  in.payload = audio_frame_;
  if (placed_.track->types->role(packet.packet.payload_type) != PayloadRole::red) return true;
  const auto primary = primary_of_red(audio_frame_);
  in.payload = primary ? primary->payload : Bytes{};
  return true;
}

bool LayerFrames::other_format(const OrderedPacket& packet) const {
  if (packet.media.role != PayloadRole::media || packet.media.payload_type == payload_type_) return false;
  const Codec* codec = placed_.track->types->codec(packet.media.payload_type);
  return codec == nullptr || codec_ == nullptr || !same_format(*codec, *codec_);
}

void LayerFrames::leave_out(const OrderedPacket& packet) {
  auto [entry, first] = left_out_.try_emplace(packet.media.payload_type);
  ReportLeftOut& out = entry->second;
  const double now_ms = to_ms(packet.timestamp);
  if (first) {
    out.payload_type = packet.media.payload_type;
    if (codec_ != nullptr) out.codec = codec_->mime_type;
    out.start_ms = now_ms;
  }
  out.end_ms = std::max(out.end_ms, now_ms);
  ++out.packets;
}

// The payload type decides; a switch between negotiated codecs begins a new depacketizer.
void LayerFrames::choose_depacketizer(const OrderedPacket& packet) {
  const Codec* before = depacketizer_ ? codec_ : nullptr;
  if (before != nullptr && !other_format(packet)) {  // another payload type for what it was
    payload_type_ = packet.media.payload_type;
    return;
  }
  payload_type_ = packet.media.payload_type;
  codec_ = placed_.track->types->codec(packet.media.payload_type);
  depacketizer_.reset();
  if (codec_ == nullptr) return;
  auto made = make_depacketizer(*codec_, options_.depacketizer, frame_sink(), drop_sink());
  if (!made) {
    unsupported_.insert(made.error().message);
    return;
  }
  depacketizer_ = std::move(*made);
  const HintFormat format = hint_format(codec_->mime_type);
  may_reorder_ = format == HintFormat::h264 || format == HintFormat::h265;
  if (before != nullptr && before->mime_type != codec_->mime_type)
    log_.changed(to_ms(packet.timestamp), "codec", before->mime_type, codec_->mime_type);
  configs_.emplace_back();
}

Depacketizer::OnFrame LayerFrames::frame_sink() {
  return [this](const Frame& frame) { on_frame(frame); };
}

Depacketizer::OnDropped LayerFrames::drop_sink() {
  return [this](const Dropped& dropped) { on_dropped(dropped); };
}

std::shared_ptr<const LayerFrames::Place> LayerFrames::place() {
  auto cursor = cursor_->place_before_last();
  if (!cursor || !depacketizer_ || depacketizer_->clone_bytes() > kMostPlaceBytes) return nullptr;
  auto place = std::make_shared<Place>(*cursor, depacketizer_->clone({}, {}));
  place->codec_type = codec_->payload_type;
  place->payload_type = payload_type_;
  place->segment = segment_;
  if (!configs_.empty()) place->config = configs_.back();
  place->orientation = orientation_;
  place->last_encrypted = last_encrypted_;
  place->latest_ns = latest_ns_;
  place->latest_segment = latest_segment_;
  place->last_sequence = last_sequence_;
  place->missing = missing_;
  place->may_reorder = may_reorder_;
  place->number = number_ + ready_.size();
  return place;
}

void LayerFrames::go_to(const Place& place) {
  next_run_ = place.next;
  cursor_->go_to(place.cursor);
  codec_ = placed_.track->types->codec(place.codec_type);
  if (place.depacketizer) {
    depacketizer_ = place.depacketizer->clone(frame_sink(), drop_sink());
    depacketizer_->set_transform(options_.depacketizer.transform);
  } else {
    auto made = codec_ == nullptr ? Result<std::unique_ptr<Depacketizer>>(nullptr)
                                  : make_depacketizer(*codec_, options_.depacketizer, frame_sink(), drop_sink());
    depacketizer_ = made ? std::move(*made) : nullptr;
  }
  payload_type_ = place.payload_type;
  segment_ = place.segment;
  if (place.config && (configs_.empty() || configs_.back() != *place.config))
    configs_.push_back(*place.config);
  if (configs_.size() > kConfigsKept) configs_.pop_front();
  orientation_ = place.orientation;
  last_encrypted_ = place.last_encrypted;
  latest_ns_ = place.latest_ns;
  latest_segment_ = place.latest_segment;
  last_sequence_ = place.last_sequence;
  missing_ = place.missing;
  may_reorder_ = place.may_reorder;
  ready_.clear();
  next_ready_ = copies_used_ = 0;
  number_ = place.number;
  waiting_ = nullptr;
  ended_ = false;
}

Result<void> LayerFrames::go_to_start() {
  auto cursor = PacketCursor::open(*placed_.track, *placed_.layer, spill_);
  if (!cursor) return std::unexpected(cursor.error());
  cursor_ = std::move(*cursor);
  depacketizer_.reset();
  next_run_.reset();
  codec_ = nullptr;
  payload_type_ = -1;
  segment_ = 0;
  orientation_ = {};
  last_encrypted_.reset();
  latest_ns_ = INT64_MIN / 2;
  latest_segment_ = 0;
  last_sequence_ = -1;
  missing_ = may_reorder_ = false;
  ready_.clear();
  next_ready_ = copies_used_ = 0;
  number_ = 0;
  waiting_ = nullptr;
  ended_ = false;
  return {};
}

Result<std::int64_t> LayerFrames::seek(std::int64_t time_ns) {
  if (!outline_) outline_ = std::make_shared<LayerOutline>(placed_, spill_, options_);
  const auto target = outline_->find(time_ns);
  if (!target) return std::unexpected(target.error());
  const bool on_the_way = video_ && !ended_ && number() <= target->number &&
                          number() >= (target->place ? target->place->number : 0);
  if (!on_the_way) {
    if (target->place)
      go_to(*target->place);
    else if (auto begun = go_to_start(); !begun)
      return std::unexpected(begun.error());
  }
  return video_ ? go_on_to(target->number, time_ns) : go_on_to_sound(target->place.get(), time_ns);
}

Result<void> LayerFrames::go_near(std::int64_t time_ns) {
  if (!outline_) outline_ = std::make_shared<LayerOutline>(placed_, spill_, options_);
  const auto place = outline_->near(time_ns);
  if (!place) return std::unexpected(place.error());
  if (*place == nullptr) return go_to_start();
  go_to(**place);
  return {};
}

Result<std::int64_t> LayerFrames::go_on_to(std::uint64_t frame_number, std::int64_t time_ns) {
  while (true) {
    const auto frame = peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) return time_ns;
    if (number() >= frame_number) return (*frame)->time_ns;
    pop();
  }
}

// The last frame that has begun by then: known once the one after it is seen.
Result<std::int64_t> LayerFrames::go_on_to_sound(const Place* from, std::int64_t time_ns) {
  std::uint64_t found = number();
  while (true) {
    const auto frame = peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr || (*frame)->time_ns > time_ns) break;
    found = number();
    pop();
  }
  if (number() != found) {
    if (from != nullptr)
      go_to(*from);
    else if (auto begun = go_to_start(); !begun)
      return std::unexpected(begun.error());
  }
  return go_on_to(found, time_ns);
}

// C F R1 R0 in the low bits: camera, flip, rotation in quarter turns.
void LayerFrames::look_at_orientation(const OrderedPacket& packet) {
  const auto value = find_extension(packet.packet, *orientation_id_);
  if (!value || value->empty()) return;
  const auto bits = static_cast<std::uint8_t>((*value)[0]);
  const Orientation now{(bits & 3) * 90, (bits & 4) != 0};
  if (now == orientation_) return;
  if (log_.frames() > 0)
    log_.changed(to_ms(packet.timestamp), "rotation", in_words(orientation_), in_words(now));
  orientation_ = now;
}

void LayerFrames::on_frame(const Frame& frame) {
  PlacedFrame placed{frame};
  placed.time_ns = place(frame.timestamp);
  placed.codec = codec_;
  placed.orientation = orientation_;
  if (frame.duration > 0)
    placed.duration_ns = std::int64_t{frame.duration} * 1'000'000'000 /
                         duration_rate(*codec_, placed_.layer->segments[segment_]->clock_rate);
  note_config(placed);
  resuming_ = resuming_ && frame.reference_lost;
  if (resuming_) return log_.dropped(to_ms(frame.timestamp), kPaused, "");
  const bool numbers_missing = last_sequence_ >= 0 && frame.first_sequence > last_sequence_ + 1;
  if (video_) log_.picture(placed, numbers_missing);
  if (video_ && frame.reference_lost && options_.incomplete != Incomplete::keep) {
    log_.dropped(to_ms(frame.timestamp), "reference_lost", "what it refers to is missing");
    missing_ = true;
    return;
  }
  if (frame.reference_lost) log_.damaged(to_ms(frame.timestamp), "what it refers to is missing");
  placed.after_loss = std::exchange(missing_, false) || numbers_missing;
  last_sequence_ = frame.last_sequence;
  log_.wrote(placed);
  if (frame.last_sequence != pushing_) {
    placed.frame.data = keep(frame.data);
    placed.frame.owner = nullptr;
  }
  ready_.push_back(placed);
}

// A frame that ends because the next one begins would be overwritten by that.
Bytes LayerFrames::keep(Bytes data) {
  if (copies_.size() == copies_used_) copies_.emplace_back();
  auto& copy = copies_[copies_used_++];
  copy.assign(data.begin(), data.end());
  return copy;
}

void LayerFrames::on_dropped(const Dropped& dropped) {
  if (cut_by_pause_ || resuming_) return log_.dropped(to_ms(dropped.timestamp), kPaused, "");
  missing_ = missing_ || dropped.reason == Dropped::Reason::incomplete ||
             dropped.reason == Dropped::Reason::malformed || dropped.reason == Dropped::Reason::encrypted;
  if (opened_ && dropped.reason == Dropped::Reason::incomplete) opened_->incomplete(dropped.timestamp);
  log_.dropped(to_ms(dropped.timestamp), name_of(dropped.reason), dropped.detail);
}

// Time never goes back, but for pictures that are sent in another order than shown.
std::int64_t LayerFrames::place(std::int64_t timestamp) {
  std::int64_t time = placed_.maps[segment_].time_ns(timestamp);
  const bool reordered = may_reorder_ && segment_ == latest_segment_ && time > latest_ns_ - kReorderNs;
  if (time <= latest_ns_ && !reordered) time = latest_ns_ + kStepNs;
  latest_ns_ = std::max(latest_ns_, time);
  latest_segment_ = segment_;
  return time;
}

void LayerFrames::note_config(PlacedFrame& frame) {
  const StreamConfig& now = depacketizer_->config();
  StreamConfig& last = configs_.back();
  if (frame.frame.parameters_changed && last.width > 0) {
    const bool resized = now.width != last.width || now.height != last.height;
    log_.changed(static_cast<double>(frame.time_ns) / 1e6, resized ? "resolution" : "parameters",
                 resized ? size_of(last) : "", resized ? size_of(now) : "");
  }
  if (frame.frame.parameters_changed || (last.width == 0 && last.sample_rate == 0)) {
    configs_.push_back(now);
    if (configs_.size() > kConfigsKept) configs_.pop_front();
  }
  frame.config = &configs_.back();
}

double LayerFrames::to_ms(std::int64_t timestamp) const {
  return static_cast<double>(placed_.maps[segment_].time_ns(timestamp)) / 1e6;
}

}  // namespace rtpx
