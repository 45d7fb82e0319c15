#include "frames/layer_frames.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "codec/h265_payload.hpp"
#include "codec/nal.hpp"

namespace rtpx {
namespace {

constexpr const char* kOrientation = "urn:3gpp:video-orientation";
constexpr const char* kDependencyDescriptor =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
constexpr std::int64_t kReorderNs = 1'000'000'000;
constexpr std::int64_t kStepNs = 1'000'000;
constexpr std::size_t kConfigsKept = 16;

std::optional<std::uint8_t> extension_id(const ManifestTrack& track, const char* uri) {
  const auto found = track.header_extensions.find(uri);
  if (found == track.header_extensions.end()) return std::nullopt;
  return found->second;
}

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
  }
  return "incomplete";
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
  return std::unique_ptr<LayerFrames>(new LayerFrames(placed, std::move(*cursor), options, log));
}

LayerFrames::LayerFrames(const PlacedLayer& placed, std::unique_ptr<PacketCursor> cursor,
                         const LayerFrameOptions& options, FrameLog& log)
    : placed_(placed), cursor_(std::move(cursor)), options_(options), log_(log) {
  options_.depacketizer.markers_within_pictures = placed.layer->markers_within_pictures;
  const ManifestTrack& track = placed.track->files.track;
  video_ = track.kind == MediaKind::video;
  if (video_) {
    orientation_id_ = extension_id(track, kOrientation);
    dependency_id_ = extension_id(track, kDependencyDescriptor);
  }
}

Result<const PlacedFrame*> LayerFrames::peek() {
  while (next_ready_ == ready_.size()) {
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
      flush();
      continue;
    }
    if (depacketizer_ && ((*packet)->segment != segment_ || other_format(**packet))) {
      flush();  // its frames go out before the packet goes in
      waiting_ = *packet;
      continue;
    }
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
  if (!depacketizer_ || is_encrypted(packet)) return;
  if (orientation_id_ && packet.packet.marker) look_at_orientation(packet);
  MediaPacket in{packet.sequence, packet.timestamp, packet.packet.marker,
                 media ? packet.media.payload : Bytes{}, std::nullopt};
  if (dependency_id_) in.dependency_descriptor = find_extension(packet.packet, *dependency_id_);
  pushing_ = packet.sequence;
  depacketizer_->push(in);
}

// Frames that nobody here can read go no further: what they seem to say would be noise. For what comes after
// they are missing.
bool LayerFrames::is_encrypted(const OrderedPacket& packet) {
  const auto& spans = placed_.layer->encrypted;
  const auto before = [&](const EncryptedSpan& span) {
    return span.segment < packet.segment ||
           (span.segment == packet.segment && span.to_timestamp < packet.timestamp);
  };
  while (next_encrypted_ < spans.size() && before(spans[next_encrypted_])) ++next_encrypted_;
  if (next_encrypted_ == spans.size()) return false;
  const EncryptedSpan& span = spans[next_encrypted_];
  if (span.segment != packet.segment || packet.timestamp < span.from_timestamp) return false;
  if (last_encrypted_ != packet.timestamp) log_.dropped(to_ms(packet.timestamp), "encrypted", "");
  last_encrypted_ = packet.timestamp;
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
  auto made = make_depacketizer(
      *codec_, options_.depacketizer, [this](const Frame& frame) { on_frame(frame); },
      [this](const Dropped& dropped) { on_dropped(dropped); });
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
  const std::uint32_t rate = placed_.layer->segments[segment_]->clock_rate;
  if (frame.duration > 0) placed.duration_ns = std::int64_t{frame.duration} * 1'000'000'000 / rate;
  note_config(placed);
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
  if (frame.last_sequence != pushing_) placed.frame.data = keep(frame.data);
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
  missing_ = missing_ || dropped.reason == Dropped::Reason::incomplete ||
             dropped.reason == Dropped::Reason::malformed;
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
