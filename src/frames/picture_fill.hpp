#pragma once

#include <array>
#include <memory>
#include <string>

#include "codec/hold_frame.hpp"
#include "frames/fill_budget.hpp"
#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"

namespace rtpx {

struct PictureFillOptions {
  bool every_gap = false;   ///< wherever a picture is due and none comes
  bool after_loss = false;  ///< only where pictures are missing that were sent
  std::int64_t end_ns = 0;  ///< where the track's media end: held until there
};

/// Holds the last picture of a source where others are missing, by frames that show it again at the source's
/// usual interval (HoldFrame), for players and editors that count pictures. Where the codec has no such frame
/// all passes through: then the file's times alone hold the picture.
class PictureFill final : public FrameSource {
 public:
  /// `budget` and `log` outlive this.
  PictureFill(std::unique_ptr<FrameSource> source, const PictureFillOptions& options, FillBudget& budget,
              FrameLog& log)
      : source_(std::move(source)), options_(options), budget_(budget), log_(log) {}

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;

 private:
  static constexpr std::size_t kSteps = 15;

  void prepare(const PlacedFrame* next);
  void follow(const PlacedFrame& written);
  [[nodiscard]] std::int64_t usual_step() const;

  std::unique_ptr<FrameSource> source_;
  PictureFillOptions options_;
  FillBudget& budget_;
  FrameLog& log_;
  std::string mime_type_;                     // that hold_ is for
  std::unique_ptr<HoldFrame> hold_;           // nullptr: not one of those codecs
  std::array<std::int64_t, kSteps> steps_{};  // the last ones from picture to picture
  std::size_t steps_seen_ = 0;
  PlacedFrame filler_;
  std::int64_t last_ns_ = 0;  // of the last picture
  std::int64_t each_ns_ = 0;  // from filler to filler
  std::int64_t left_ = 0;     // fillers before the source's next frame
  bool prepared_ = false;     // left_ is right for the source's next frame
};

}  // namespace rtpx
