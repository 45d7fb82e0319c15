#pragma once

#include <memory>
#include <vector>

#include "codec/frame_transform.hpp"
#include "e2ee/track_decryptor.hpp"
#include "frames/frame_log.hpp"
#include "packets/placed_layer.hpp"

namespace rtpx {

/// The stretch of a layer's (LayerScan::encrypted) that a time lies in; nullptr: none.
[[nodiscard]] const EncryptedSpan* find_span(const std::vector<EncryptedSpan>& spans, std::size_t segment,
                                             std::int64_t timestamp) noexcept;

/// Takes end-to-end encryption off the frames of a layer, and logs what became of each.
class OpenedFrames final : public FrameTransform {
 public:
  /// `placed` and `log` must outlive the object.
  OpenedFrames(std::shared_ptr<const E2eeKeys> keys, const PlacedLayer& placed, FrameLog& log);

  /// What the next frames are: `codec` none is audio.
  void expect(std::size_t segment, HintFormat codec) noexcept;
  [[nodiscard]] Outcome transform(std::int64_t timestamp, std::vector<std::byte>& frame) override;
  /// A frame that never came whole.
  void incomplete(std::int64_t timestamp);

 private:
  [[nodiscard]] double to_ms(std::int64_t timestamp) const;

  const PlacedLayer& placed_;
  FrameLog& log_;
  TrackDecryptor decryptor_;
  std::size_t segment_ = 0;
  HintFormat codec_ = HintFormat::none;
  bool last_encrypted_ = false;
};

}  // namespace rtpx
