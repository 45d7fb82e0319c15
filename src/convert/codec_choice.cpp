#include "convert/codec_choice.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "codec/depacketizer.hpp"
#include "rtp/packet.hpp"
#include "rtp/unwrap.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

constexpr int kPacketsToLookAt = 20'000;

/// Static payload types that browsers and phones send (RFC 3551 section 6).
std::optional<Codec> static_codec(std::uint8_t payload_type) {
  switch (payload_type) {
    case 0:
      return Codec{0, "audio/PCMU", 8000, 1, std::nullopt, {}};
    case 8:
      return Codec{8, "audio/PCMA", 8000, 1, std::nullopt, {}};
    case 9:
      return Codec{9, "audio/G722", 8000, 1, std::nullopt, {}};
    case 10:
      return Codec{10, "audio/L16", 44100, 2, std::nullopt, {}};
    case 11:
      return Codec{11, "audio/L16", 44100, 1, std::nullopt, {}};
    case 13:
      return Codec{13, "audio/CN", 8000, 1, std::nullopt, {}};
    default:
      return std::nullopt;
  }
}

Codec recognised_codec(std::uint8_t payload_type, const std::string& mime_type) {
  const bool audio = mime_type.starts_with("audio/");
  Codec codec{payload_type, mime_type, audio ? 48000U : 90000U, std::nullopt, std::nullopt, {}};
  if (audio) codec.channels = 2;
  return codec;
}

/// Takes a payload type for what upstream takes it, VP8 or Opus, until the payload proves it: a VP8 keyframe
/// with its start code, or Opus packets whose lengths in time are their steps in RTP time.
class Trial {
 public:
  explicit Trial(MediaKind kind) : audio_(kind == MediaKind::audio) {
    const Codec codec = audio_ ? recognised_codec(0, "audio/opus") : recognised_codec(0, "video/VP8");
    auto made = make_depacketizer(
        codec, {}, [this](const Frame& frame) { on_frame(frame); }, [this](const Dropped&) { ++wrong_; });
    if (made) depacketizer_ = std::move(*made);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  void push(const MediaPacket& packet) {
    if (depacketizer_ && !packet.payload.empty()) depacketizer_->push(packet);
  }
  [[nodiscard]] bool passed() const { return audio_ ? right_ >= 3 && right_ > 9 * wrong_ : keyframe_; }

 private:
  void on_frame(const Frame& frame) {
    if (!audio_) {
      keyframe_ = true;
      return;
    }
    if (last_ && frame.first_sequence == last_->first_sequence + 1 &&
        frame.timestamp - last_->timestamp <= 5760)
      ++(frame.timestamp - last_->timestamp == last_->duration ? right_ : wrong_);
    last_ = frame;
    last_->data = {};
  }

  bool audio_;
  std::unique_ptr<Depacketizer> depacketizer_;
  std::optional<Frame> last_;
  int right_ = 0, wrong_ = 0;
  bool keyframe_ = false;
};

/// Watches one payload type until its codec is sure.
class Watched {
 public:
  explicit Watched(MediaKind kind) : kind_(kind), trial_(kind) {}
  void push(const RtpPacket& packet) {
    trial_.push({sequence_(packet.sequence_number), timestamp_(packet.timestamp), packet.marker,
                 packet.payload, std::nullopt});
  }
  [[nodiscard]] std::optional<std::string> answer() const {
    if (!trial_.passed()) return std::nullopt;
    return kind_ == MediaKind::audio ? "audio/opus" : "video/VP8";
  }

 private:
  MediaKind kind_;
  Trial trial_;
  SequenceUnwrapper sequence_;
  TimestampUnwrapper timestamp_;
};

Result<CodecChoice> recognise(const TrackFiles& files) {
  auto reader = RecordReader::open(files.rtp);
  if (!reader) return std::unexpected(reader.error());
  std::map<std::uint8_t, std::unique_ptr<Watched>> watched;
  const auto all_sure = [&] {
    return !watched.empty() &&
           std::ranges::all_of(watched, [](const auto& w) { return w.second->answer().has_value(); });
  };
  for (int seen = 0; seen < kPacketsToLookAt && !(seen >= 100 && all_sure()); ++seen) {
    auto record = (*reader)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    const auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    auto& entry = watched[packet->payload_type];
    if (!entry) entry = std::make_unique<Watched>(files.track.kind);
    entry->push(*packet);
  }
  CodecChoice choice;
  choice.recognised = true;
  for (const auto& [payload_type, entry] : watched) {
    if (const auto known = static_codec(payload_type); known && files.track.kind == MediaKind::audio)
      choice.codecs.push_back(*known);
    else if (const auto answer = entry->answer())
      choice.codecs.push_back(recognised_codec(payload_type, *answer));
    else if (choice.doubt.empty())
      choice.doubt = "the manifest names no codec, and the payload of type " + std::to_string(payload_type) +
                     " is none that can be recognised for sure";
  }
  return choice;
}

}  // namespace

Result<CodecChoice> choose_codecs(const TrackFiles& files) {
  CodecChoice choice{files.track.codecs, false, {}};
  const auto& codec = files.track.codec;
  const auto same_type = [&](const Codec& c) { return c.payload_type == codec->payload_type; };
  if (codec && std::ranges::none_of(choice.codecs, same_type)) choice.codecs.push_back(*codec);
  if (!choice.codecs.empty()) return choice;
  return recognise(files);
}

}  // namespace rtpx
