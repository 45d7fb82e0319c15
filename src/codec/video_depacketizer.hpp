#pragma once

#include <vector>

#include "codec/depacketizer.hpp"

namespace rtpx {

/// What all video payload formats share: an access unit is a run of packets of one timestamp without a gap,
/// from a known start to the marker (or to the next timestamp). A subclass reads one payload format; its
/// hooks are called in this order for each packet with a payload: inspect(), begin() when a unit opens, add()
/// while the unit is whole, and finish() or broken() when it ends.
class VideoDepacketizer : public Depacketizer {
 public:
  void push(const MediaPacket& packet) final;
  void flush() final;
  [[nodiscard]] std::size_t clone_bytes() const override { return unit_open() ? buffer_.size() : 0; }
  void set_transform(FrameTransform* transform) final { options_.transform = transform; }
  [[nodiscard]] const StreamConfig& config() const final { return config_; }

 protected:
  VideoDepacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped);

  /// Where a packet stands in its unit, as its payload tells.
  enum class Start : std::uint8_t {
    malformed,  ///< not of this payload format
    no,         ///< something came before it
    unknown,    ///< begins a unit if the packet before it ended one
    yes,        ///< nothing that the unit needs came before it, if it is the unit's first packet
    always,     ///< begins a unit, even when a unit of the same timestamp is open
  };
  /// Reads the packet's head into the subclass; every later hook is about this packet.
  virtual Start inspect(const MediaPacket& packet) = 0;
  virtual void begin() {}
  /// Appends to buffer(). False: malformed, or over the size limit.
  virtual bool add(const MediaPacket& packet) = 0;
  /// The unit is complete: deliver() or drop() it.
  virtual void finish() = 0;
  /// The unit that began with the last begin() is lost; drop() has reported it.
  virtual void broken() {}
  /// `packets` sequence numbers are missing before the next packet.
  virtual void lost(std::int64_t packets) = 0;
  /// flush() was called.
  virtual void restart() = 0;

  [[nodiscard]] std::vector<std::byte>& buffer() noexcept { return buffer_; }
  [[nodiscard]] bool append(Bytes bytes);
  /// Fills in timestamp and sequence numbers. A delta frame before the first keyframe is dropped instead.
  void deliver(Frame frame);
  void drop(Dropped::Reason reason, const char* detail);
  /// To be called on a whole frame before anything in it is read. refused: it has been dropped.
  [[nodiscard]] FrameTransform::Outcome transform(std::vector<std::byte>& frame);
  /// To be called right before deliver(). Notes whether the configuration changed.
  void set_config(const StreamConfig& config);
  [[nodiscard]] bool seen_keyframe() const noexcept { return seen_keyframe_; }
  [[nodiscard]] const DepacketizerOptions& options() const noexcept { return options_; }
  /// Whether a unit is open, and whether only what its packets carry tells where it ends.
  [[nodiscard]] bool unit_open() const noexcept { return state_ != State::none; }
  [[nodiscard]] bool markers_tell() const noexcept {
    return saw_marker_ && !options_.markers_within_pictures;
  }

 private:
  void set_sinks(OnFrame on_frame, OnDropped on_dropped) final {
    on_frame_ = std::move(on_frame);
    on_dropped_ = std::move(on_dropped);
    if (!unit_open()) std::vector<std::byte>().swap(buffer_);
  }
  enum class State : std::uint8_t { none, open, broken };
  void note_gap(std::int64_t missing);
  void open_unit(const MediaPacket& packet, Start start);
  void end_unit();

  DepacketizerOptions options_;
  OnFrame on_frame_;
  OnDropped on_dropped_;
  StreamConfig config_;
  std::vector<std::byte> buffer_;  // of the open unit; keeps its capacity

  State state_ = State::none;
  Dropped unit_;  // of the unit: place, and why it is broken
  std::int64_t last_sequence_ = 0;
  bool started_ = false;     // last_sequence_ is set
  bool contiguous_ = false;  // nothing missing since the last packet with a payload
  bool boundary_ = false;    // a unit ended right before the next packet
  bool saw_marker_ = false;  // this sender sets markers
  bool marked_ = false;      // the last packet had it
  bool seen_keyframe_ = false;
  bool delivered_ = false;
  bool changed_ = false;  // set_config() changed something since the last frame
};

}  // namespace rtpx
