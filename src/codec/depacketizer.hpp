#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "codec/frame_transform.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// A packet of the media payload format itself, repaired and in sequence order.
struct MediaPacket {
  std::int64_t sequence = 0;   ///< unwrapped; strictly increasing within a segment; a step over 1 is a loss
  std::int64_t timestamp = 0;  ///< unwrapped RTP time
  bool marker = false;
  Bytes payload;  ///< padding removed; empty for padding-only packets (they count as received)
  std::optional<Bytes> dependency_descriptor;  ///< AV1 RTP spec, appendix A; raw extension value
};

enum class FrameKind : std::uint8_t { key, delta };

/// A complete access unit (temporal unit, audio packet), ready for a container.
struct Frame {
  std::int64_t timestamp = 0;  ///< unwrapped RTP time
  FrameKind kind = FrameKind::delta;
  Bytes data;  ///< valid until the next push() or flush() of the depacketizer
  /// The memory that `data` is all of: who needs it for longer may swap it away. nullptr: it has to be copied.
  std::vector<std::byte>* owner = nullptr;
  std::int64_t first_sequence = 0, last_sequence = 0;
  std::uint32_t duration = 0;   ///< RTP ticks where the payload tells (audio); 0: unknown
  bool discardable = false;     ///< no other frame refers to it
  bool reference_lost = false;  ///< it, or what it refers to, is known to be missing: will not decode cleanly
  bool parameters_changed =
      false;  ///< config() differs from the frame before; never set on the very first frame
  std::uint8_t temporal_layer = 0, spatial_layer = 0;
};

/// Packets that could not become a frame.
struct Dropped {
  enum class Reason : std::uint8_t { incomplete, malformed, before_keyframe, layer, encrypted };
  std::int64_t timestamp = 0;
  std::int64_t first_sequence = 0, last_sequence = 0;
  Reason reason = Reason::incomplete;
  const char* detail = "";  ///< static text for the report
};

/// Detail of a keyframe of H.264 or H.265 that was dropped for want of its parameter sets.
inline constexpr char kSetsMissing[] = "the parameter sets of this keyframe are missing";

/// What a container must know of a stream.
struct StreamConfig {
  int width = 0, height = 0;  ///< 0: not known yet
  std::vector<std::byte>
      codec_private;              ///< avcC, hvcC, av1C, vpcC (without box header), OpusHead; empty: none
  std::uint32_t sample_rate = 0;  ///< audio: true sampling rate (16000 for G.722)
  std::uint16_t channels = 0;
  std::uint32_t bits_per_sample = 0;
  bool operator==(const StreamConfig&) const = default;
};

struct DepacketizerOptions {
  std::optional<int> max_spatial_layer, max_temporal_layer;
  bool sets_in_band = false;  ///< H.264, H.265: every keyframe carries the parameter sets, as they change
  bool markers_within_pictures =
      false;  ///< H.264, H.265: the marker ends slices; pictures end where the next begins
  FrameTransform* transform = nullptr;  ///< of VP8, VP9, H.264 and H.265; outlives the depacketizer
  std::size_t max_unit_bytes = std::size_t{64} << 20;  ///< an access unit beyond it is dropped as malformed
};

/// Puts frames together from the packets of one payload format. Push a packet; the frames and drops that it
/// completes are handed to the sinks before push() returns. Does no I/O, reads no clock, holds at most one
/// access unit. Total: defined for every input.
///
/// Video begins with a keyframe: complete frames before the first one are dropped as before_keyframe. From
/// then on every complete frame comes out, if need be as reference_lost. Frames come in decoding order: with
/// B-pictures their timestamps are not monotonic. A unit is complete when no sequence number is missing from
/// its known start to its marker, or to the next unit where a sender sets no marker.
class Depacketizer {
 public:
  using OnFrame = std::function<void(const Frame&)>;
  using OnDropped = std::function<void(const Dropped&)>;

  virtual ~Depacketizer() = default;
  virtual void push(const MediaPacket& packet) = 0;
  /// The segment has ended: what is complete comes out, the rest is dropped. The next push starts anew, with
  /// any sequence number; unless the payload itself shows that nothing is missing, frames up to the next
  /// keyframe are reference_lost.
  virtual void flush() = 0;
  /// Another transform than the options named; nullptr: none.
  virtual void set_transform(FrameTransform* /*transform*/) {}
  /// As of the last frame handed out.
  [[nodiscard]] virtual const StreamConfig& config() const = 0;
  /// Another one that goes on from here as this one would, with sinks of its own. Not to be called by a sink.
  [[nodiscard]] virtual std::unique_ptr<Depacketizer> clone(OnFrame on_frame,
                                                            OnDropped on_dropped) const = 0;
  /// What a clone copies beside a few KB: the open unit, parameter sets.
  [[nodiscard]] virtual std::size_t clone_bytes() const { return 0; }

 protected:
  template <typename Kind>
  static std::unique_ptr<Kind> clone_of(const Kind& original, OnFrame on_frame,
                                                OnDropped on_dropped) {
    auto made = std::make_unique<Kind>(original);
    static_cast<Depacketizer&>(*made).set_sinks(std::move(on_frame), std::move(on_dropped));
    return made;
  }

 private:
  virtual void set_sinks(OnFrame on_frame, OnDropped on_dropped) = 0;
};

/// Makes the depacketizer for `codec` (by mime type, case-insensitive; fmtp is used for parameter sets,
/// layout). Errors: unsupported, with a message that names codec and payload type.
[[nodiscard]] Result<std::unique_ptr<Depacketizer>> make_depacketizer(const Codec& codec,
                                                                      DepacketizerOptions options,
                                                                      Depacketizer::OnFrame on_frame,
                                                                      Depacketizer::OnDropped on_dropped);

/// A guess at the codec of payloads whose manifest has none: fed payloads in order, it answers once it is
/// sure. It prefers no answer to a wrong one.
class CodecRecognizer {
 public:
  explicit CodecRecognizer(MediaKind kind);
  ~CodecRecognizer();
  void push(const MediaPacket& packet);
  /// mime type ("video/VP8") or nullopt while unsure.
  [[nodiscard]] std::optional<std::string> answer() const;
  /// Whether the payloads can be of this codec and nothing contradicts it: enough where it is known to be
  /// sent under another payload type.
  [[nodiscard]] bool goes_with(const std::string& mime_type) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rtpx
