#pragma once

#include <map>
#include <set>

#include "convert/open_track.hpp"
#include "convert/progress.hpp"
#include "packets/scanned_recording.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// One run of convert(): scan, plan, stream.
class Conversion {
 public:
  Conversion(Recording recording, const ConvertOptions& options);
  [[nodiscard]] Result<ConvertResult> run();

 private:
  [[nodiscard]] Result<void> write(const PlannedOutput& planned);
  [[nodiscard]] Result<std::vector<std::unique_ptr<OpenTrack>>> open_tracks(const PlannedOutput& planned);
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
              const std::vector<std::unique_ptr<OpenTrack>>& tracks);
  void write_reports();
  [[nodiscard]] Result<void> write_report(ConvertedFile& file, const OutputReport& report);
  void note(std::vector<ConvertNote> notes);
  [[nodiscard]] Result<ConvertResult> nothing_to_convert() const;

  Recording recording_;
  const ConvertOptions& options_;
  Progress progress_;
  SpillFile spill_;
  ScannedRecording scanned_;
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
