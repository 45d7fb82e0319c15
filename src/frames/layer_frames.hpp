#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"
#include "packets/packet_cursor.hpp"
#include "packets/placed_layer.hpp"
#include "rtpx/converter.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {

struct LayerFrameOptions {
  DepacketizerOptions depacketizer;
  Incomplete incomplete = Incomplete::keep;
};

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
  [[nodiscard]] std::uint64_t position() const noexcept { return cursor_->position(); }
  /// Media that cannot be depacketized, by payload type.
  [[nodiscard]] const std::map<std::uint8_t, ReportLeftOut>& left_out() const noexcept { return left_out_; }
  /// The same in words.
  [[nodiscard]] const std::set<std::string>& unsupported() const noexcept { return unsupported_; }

 private:
  LayerFrames(const PlacedLayer& placed, std::unique_ptr<PacketCursor> cursor,
              const LayerFrameOptions& options, FrameLog& log);

  void push(const OrderedPacket& packet);
  void flush();
  [[nodiscard]] bool is_encrypted(const OrderedPacket& packet);
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

  const PlacedLayer& placed_;
  std::unique_ptr<PacketCursor> cursor_;
  LayerFrameOptions options_;
  FrameLog& log_;
  bool video_ = false;
  std::optional<std::uint8_t> orientation_id_, dependency_id_;

  std::unique_ptr<Depacketizer> depacketizer_;
  const Codec* codec_ = nullptr;
  int payload_type_ = -1;
  std::size_t segment_ = 0;
  std::set<std::string> unsupported_;
  std::map<std::uint8_t, ReportLeftOut> left_out_;
  std::list<StreamConfig> configs_;  // the last ones that frames point to
  Orientation orientation_;

  std::vector<PlacedFrame> ready_;  // of the last push
  std::size_t next_ready_ = 0;
  std::int64_t pushing_ = 0;                    // sequence of the packet that is being pushed
  std::vector<std::vector<std::byte>> copies_;  // data of frames that a later packet ended
  std::size_t copies_used_ = 0;
  const OrderedPacket* waiting_ = nullptr;  // read, but its segment or codec needs a flush first
  bool ended_ = false;
  std::size_t next_encrypted_ = 0;  // of the layer's spans
  std::optional<std::int64_t> last_encrypted_;

  std::int64_t latest_ns_ = INT64_MIN / 2;
  std::size_t latest_segment_ = 0;
  std::int64_t last_sequence_ = -1;  // of the last frame written
  bool missing_ = false;             // a frame was left out since
  bool may_reorder_ = false;         // pictures may be sent in another order than shown
};

}  // namespace rtpx
