#pragma once

#include <map>
#include <set>

#include "base/budgeted_files.hpp"
#include "convert/output_writer.hpp"
#include "convert/plan.hpp"
#include "reader/opened_recording.hpp"
#include "report/progress.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// A track of an output with its frames open, ready to be written.
struct OpenTrack {
  const PlannedTrack* planned = nullptr;
  std::unique_ptr<TrackFrames> frames;
  std::unique_ptr<FrameSource> begun;  ///< of a cut: `frames` from its first moment on
  std::unique_ptr<FrameSource> cut;    ///< of a cut: until its last
  [[nodiscard]] FrameSource& source() const { return cut ? *cut : *frames; }
};

/// What is cut out of a recording, on its timeline.
struct Cut {
  std::int64_t from_ns = INT64_MIN, to_ns = INT64_MAX;
  CutStart start = CutStart::keyframe;
};
/// Errors: invalid_argument.
[[nodiscard]] Result<std::optional<Cut>> cut_of(const ConvertOptions& options,
                                                const OpenedRecording& recording);
/// Brings the tracks of one output to where the cut begins, and takes those away that have nothing in it.
/// Errors: io.
[[nodiscard]] Result<void> cut_tracks(std::vector<OpenTrack>& tracks, const Cut& cut);

/// One run of convert(): scan, plan, stream.
class Conversion {
 public:
  /// `streams`: as of plan_outputs().
  Conversion(Recording recording, const ConvertOptions& options, std::vector<std::string> streams = {});
  [[nodiscard]] Result<ConvertResult> run();

 private:
  [[nodiscard]] Result<ConvertResult> convert_all();
  [[nodiscard]] Result<void> write(const PlannedOutput& planned);
  [[nodiscard]] Result<std::vector<OpenTrack>> open_tracks(const PlannedOutput& planned);
  [[nodiscard]] WriterInput input_of(const OpenTrack& track) const;
  [[nodiscard]] WriterOptions writer_options(const PlannedOutput& planned, bool stage);
  void tell_output(double fraction, const char* what);
  [[nodiscard]] Result<void> reencode_parts(const PlannedOutput& planned, WrittenOutput& written);
  /// A report that is written once all outputs are there.
  struct PendingReport {
    std::string id;
    std::optional<std::string> stream;
    OutputReport report;
  };
  void record(const PlannedOutput& planned, const WrittenOutput& written,
              const std::vector<OpenTrack>& tracks);
  void write_reports();
  [[nodiscard]] Result<void> write_report(ConvertedFile& file, const OutputReport& report);
  void note(std::vector<ConvertNote> notes);
  [[nodiscard]] Result<ConvertResult> nothing_to_convert() const;

  Recording recording_;
  const ConvertOptions& options_;
  const std::vector<std::string> streams_;
  Progress progress_;
  WriteBudget budget_;
  BudgetedFiles files_;  // outputs and stages
  std::shared_ptr<const OpenedRecording> opened_;
  std::optional<Cut> cut_;
  std::vector<Chapter> chapters_;  // of the recording's marks, on the timeline
  std::vector<PlannedOutput> plan_;
  std::size_t outputs_done_ = 0;
  std::map<std::string, int> video_outputs_left_;  // by stream: planned ones that may still hold its picture
  std::set<std::string> streams_with_video_;
  std::vector<PendingReport> reports_;
  std::vector<TrackReport> left_out_;  // tracks and layers that are in no file
  std::set<std::string> noted_;        // messages, each once
  ConvertResult result_;
};

}  // namespace rtpx
