#pragma once

#include <memory>
#include <vector>

#include "frames/fill_budget.hpp"
#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"

namespace rtpx {

/// Fills the gaps of an audio source, for players that put packets end to end: Opus by the last TOC with an
/// empty frame (RFC 6716 section 3.1: the decoder conceals or makes comfort noise), G.711, G.722 and L16 by
/// silent samples. Other codecs pass through. Time stays that of the recording.
class SilenceFill final : public FrameSource {
 public:
  /// `budget` and `log` outlive this.
  SilenceFill(std::unique_ptr<FrameSource> source, FillBudget& budget, FrameLog& log)
      : source_(std::move(source)), budget_(budget), log_(log) {}

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;

 private:
  void prepare(const PlacedFrame& next);
  [[nodiscard]] bool make_filler(const PlacedFrame& like);

  std::unique_ptr<FrameSource> source_;
  FillBudget& budget_;
  FrameLog& log_;
  std::int64_t end_ns_ = 0;  // where the last packet ends
  bool started_ = false;
  std::int64_t left_ = 0;  // fillers before the source's next frame
  bool prepared_ = false;  // left_ is right for the source's next frame
  PlacedFrame filler_;
  std::vector<std::byte> payload_;
};

}  // namespace rtpx
