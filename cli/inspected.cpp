#include "inspected.hpp"

#include "progress.hpp"
#include "remote.hpp"

namespace rtpx::cli {

Result<RecordingReport> inspect_with_progress(const std::string& recording, const Program& program) {
  InspectOptions options;
  options.stop = program.stop();
  auto downloader = downloader_for(recording);
  if (!downloader) return std::unexpected(downloader.error());
  options.downloader = std::move(*downloader);
  Progress progress;
  options.progress = [&](const ConvertProgress& now) {
    progress.show(now.fraction, now.what, now.seconds_left);
  };
  return inspect_recording(recording, options);
}

}  // namespace rtpx::cli
