#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "frames/layer_frames.hpp"

namespace rtpx {

/// A frame from which decoding can begin.
struct Keyframe {
  std::int64_t time_ns = 0;
  std::uint64_t number = 0;  ///< of the layer's frames, from 0
  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(time_ns, number);
  }
};

/// Where a layer's frames lie: its keyframes, and places to go on from. It is made by reading the layer once, only as
/// far as somebody has asked, and shared by all readers of the layer with the same options. Memory: 16 bytes a
/// keyframe, and places whose number is bounded. Any thread may call any member.
class LayerOutline {
 public:
  /// What is given must outlive the object.
  LayerOutline(const PlacedLayer& placed, const SpillFile& spill, const LayerFrameOptions& options)
      : placed_(placed), spill_(spill), options_(options) {}

  /// Where to go for what is shown at a time.
  struct Target {
    std::uint64_t number = 0;                         ///< of the frame
    std::shared_ptr<const LayerFrames::Place> place;  ///< at or before it; nullptr: the beginning
  };
  /// The frame that seek() goes to (FrameSource). Errors: as LayerFrames::peek().
  [[nodiscard]] Result<Target> find(std::int64_t time_ns);
  /// A place at or before what is shown at a time, the nearest that is known; nullptr: the beginning. Errors: as
  /// LayerFrames::peek().
  [[nodiscard]] Result<std::shared_ptr<const LayerFrames::Place>> near(std::int64_t time_ns);

  /// A later one will go on from this one: more places are kept near the end.
  void will_go_on() { follows_ = true; }
  /// Goes on from what another one has found of the same layer when less of it was known, up to `settled_ns`.
  void go_on_from(const LayerOutline& earlier, std::int64_t settled_ns);

  /// What is kept of an outline, so that another one of the same layer needs not read it.
  struct KeptStart {
    std::int64_t time_ns = 0;
    LayerFrames::Place place;
    template <class Archive>
    void archive(Archive& with) {
      with(time_ns, place);
    }
  };
  struct Kept {
    std::vector<Keyframe> keyframes;
    std::vector<KeptStart> starts;  ///< by number; each proven up to the next one
    /// base/archive.hpp
    template <class Archive>
    void archive(Archive& with) {
      with(keyframes, starts);
    }
  };
  /// Of a new outline: reads the whole layer, and once more from each place by which it may be entered without what came
  /// before: those stay from which the same frames come. Errors: as LayerFrames::peek().
  [[nodiscard]] Result<Kept> keep();
  /// Of a new outline: as if it had read the layer.
  void know(Kept kept);

  /// All keyframes up to that time, by number, and those after it that are known by now. Sound has none.
  /// Errors: as LayerFrames::peek().
  [[nodiscard]] Result<std::vector<Keyframe>> keyframes(std::int64_t until_ns = INT64_MAX);

 private:
  struct Start {
    std::int64_t time_ns = 0;
    std::shared_ptr<const LayerFrames::Place> place;
  };
  [[nodiscard]] Result<void> read_until(std::int64_t time_ns);
  [[nodiscard]] const Start* last_start(std::int64_t time_ns) const;
  void look_at(const OrderedPacket& packet);
  void keep_place(std::int64_t time_ns);

  const PlacedLayer& placed_;
  const SpillFile& spill_;
  const LayerFrameOptions options_;
  mutable std::mutex mutex_;
  FrameLog log_;
  std::unique_ptr<LayerFrames> walker_;
  std::function<void(const PlacedFrame&)> on_frame_;  // told each frame that the walker comes to; may be empty
  std::shared_ptr<const LayerFrames::Place> begin_;  // where the walker begins; nullptr: at the beginning
  bool ended_ = false;
  bool follows_ = false;  // another one will go on from it
  std::int64_t read_to_ns_ = INT64_MIN;  // the latest frame that was read
  std::int64_t last_timestamp_ = INT64_MIN;
  std::int64_t last_place_ns_ = 0, least_apart_ns_ = 0;
  std::vector<Keyframe> keyframes_;
  std::vector<Start> starts_;  // by number
  std::deque<Start> latest_;   // closer to each other, near where the walker is; only of a layer that goes on
};

}  // namespace rtpx
