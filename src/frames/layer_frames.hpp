#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"
#include "frames/opened_frames.hpp"
#include "packets/packet_cursor.hpp"
#include "packets/placed_layer.hpp"
#include "rtpx/converter.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {

struct LayerFrameOptions {
  DepacketizerOptions depacketizer;
  Incomplete incomplete = Incomplete::keep;
  std::shared_ptr<const E2eeKeys> e2ee_keys;  ///< null: encrypted frames are left out
};

class LayerOutline;

/// The frames of one layer: packets in order, depacketized, placed in time. Frames are handed out without a
/// copy.
class LayerFrames final : public FrameSource {
 public:
  /// `placed`, what it points to, and `log` must outlive the object.
  [[nodiscard]] static Result<std::unique_ptr<LayerFrames>> open(const PlacedLayer& placed,
                                                                 const SpillFile& spill,
                                                                 const LayerFrameOptions& options,
                                                                 FrameLog& log);

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;
  /// What seek() goes by: an outline of the same layer and options, which several readers may share. Without, seek()
  /// makes its own.
  void share(std::shared_ptr<LayerOutline> outline) { outline_ = std::move(outline); }

  /// Goes to a place before what is shown at `time_ns`, not far: all frames from there on come, keyframe or not. Errors:
  /// as seek().
  [[nodiscard]] Result<void> go_near(std::int64_t time_ns);

  /// A place between two packets, with all that is needed to go on from there exactly, in this layer or in what is known
  /// of it later.
  struct Place;
  /// Called before each packet of media goes into a depacketizer that goes on; it may call place().
  using BeforePacket = std::function<void(const OrderedPacket&)>;
  void watch(BeforePacket before_packet) { before_packet_ = std::move(before_packet); }
  /// The place before the packet that the watcher is being told of; nullptr where none can be had.
  [[nodiscard]] std::shared_ptr<const Place> place();
  void go_to(const Place& place);
  /// Frames handed out, or passed over by go_to(), from the layer's beginning.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_ + next_ready_; }
  [[nodiscard]] std::int64_t time_of(const OrderedPacket& packet) const noexcept {
    return placed_.maps[packet.segment].time_ns(packet.timestamp);
  }
  [[nodiscard]] const Codec* codec() const noexcept { return codec_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return cursor_->position(); }
  /// As PacketCursor::unreadable().
  [[nodiscard]] const std::string& unreadable() const noexcept { return cursor_->unreadable(); }
  /// Media that cannot be depacketized, by payload type.
  [[nodiscard]] const std::map<std::uint8_t, ReportLeftOut>& left_out() const noexcept { return left_out_; }
  /// The same in words.
  [[nodiscard]] const std::set<std::string>& unsupported() const noexcept { return unsupported_; }

 private:
  LayerFrames(const PlacedLayer& placed, const SpillFile& spill, std::unique_ptr<PacketCursor> cursor,
              const LayerFrameOptions& options, FrameLog& log);

  void push(const OrderedPacket& packet);
  void flush();
  [[nodiscard]] bool is_encrypted(const OrderedPacket& packet);
  [[nodiscard]] bool open_audio(const OrderedPacket& packet, MediaPacket& in);
  [[nodiscard]] bool other_format(const OrderedPacket& packet) const;
  void choose_depacketizer(const OrderedPacket& packet);
  void leave_out(const OrderedPacket& packet);
  void look_at_orientation(const OrderedPacket& packet);
  void on_frame(const Frame& frame);
  void on_dropped(const Dropped& dropped);
  [[nodiscard]] Bytes keep(Bytes data);
  [[nodiscard]] std::int64_t place(std::int64_t timestamp);
  void note_config(PlacedFrame& frame);
  [[nodiscard]] double to_ms(std::int64_t timestamp) const;

  [[nodiscard]] Depacketizer::OnFrame frame_sink();
  [[nodiscard]] Depacketizer::OnDropped drop_sink();
  [[nodiscard]] Result<void> go_to_start();
  [[nodiscard]] Result<std::int64_t> go_on_to(std::uint64_t frame_number, std::int64_t time_ns);
  [[nodiscard]] Result<std::int64_t> go_on_to_sound(const Place* from, std::int64_t time_ns);

  const PlacedLayer& placed_;
  const SpillFile& spill_;
  std::unique_ptr<PacketCursor> cursor_;
  LayerFrameOptions options_;
  FrameLog& log_;
  bool video_ = false;
  std::optional<std::uint8_t> orientation_id_, dependency_id_;

  std::unique_ptr<OpenedFrames> opened_;  // with keys
  std::vector<std::byte> audio_frame_;    // decrypted
  std::unique_ptr<Depacketizer> depacketizer_;
  const Codec* codec_ = nullptr;
  int payload_type_ = -1;
  std::size_t segment_ = 0;
  std::set<std::string> unsupported_;
  std::map<std::uint8_t, ReportLeftOut> left_out_;
  std::list<StreamConfig> configs_;  // the last ones that frames point to
  Orientation orientation_;

  std::shared_ptr<LayerOutline> outline_;
  BeforePacket before_packet_;
  std::shared_ptr<const Place> next_run_;  // where a new depacketizer takes over
  std::uint64_t number_ = 0;        // frames before ready_
  std::vector<PlacedFrame> ready_;  // of the last push
  std::size_t next_ready_ = 0;
  std::int64_t pushing_ = 0;                    // sequence of the packet that is being pushed
  std::vector<std::vector<std::byte>> copies_;  // data of frames that a later packet ended
  std::size_t copies_used_ = 0;
  const OrderedPacket* waiting_ = nullptr;  // read, but its segment or codec needs a flush first
  bool ended_ = false;
  std::optional<std::int64_t> last_encrypted_;

  std::int64_t latest_ns_ = INT64_MIN / 2;
  std::size_t latest_segment_ = 0;
  std::int64_t last_sequence_ = -1;  // of the last frame written
  bool missing_ = false;             // a frame was left out since
  bool cut_by_pause_ = false;        // what is dropped now belongs to a frame that was not to be recorded whole
  bool resuming_ = false;            // after a pause, until a frame that needs none of what it left out
  bool may_reorder_ = false;         // pictures may be sent in another order than shown
};

struct LayerFrames::Place {
  PacketCursor::Place cursor;
  std::unique_ptr<const Depacketizer> depacketizer;  ///< null: a new one tells the same, up to `next`
  std::shared_ptr<const Place> next;                 ///< nullptr: up to the end
  std::uint8_t codec_type = 0;  ///< payload type of its codec
  int payload_type = -1;
  std::size_t segment = 0;
  std::optional<StreamConfig> config;
  Orientation orientation;
  std::optional<std::int64_t> last_encrypted;
  std::int64_t latest_ns = 0;
  std::size_t latest_segment = 0;
  std::int64_t last_sequence = -1;
  bool missing = false, may_reorder = false;
  std::uint64_t number = 0;  ///< of the next frame

  /// base/archive.hpp: without the depacketizer.
  template <class Archive>
  void archive(Archive& with) {
    with(cursor, codec_type, payload_type, segment, config, orientation, last_encrypted, latest_ns, latest_segment,
         last_sequence, missing, may_reorder, number);
  }
};

}  // namespace rtpx
