#include "ingest/capture/new_recording.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/file_system.hpp"
#include "sealed/sealed_files.hpp"

namespace rtpx::capture {
namespace {

std::filesystem::path normal(const std::filesystem::path& folder) {
  const auto path = std::filesystem::absolute(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

Result<void> NewRecording::check(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return {};
  if (std::filesystem::is_directory(folder, error) && std::filesystem::is_empty(folder, error)) return {};
  return fail(Errc::already_exists, folder.string() + " exists already and is not an empty folder");
}

Result<std::unique_ptr<NewRecording>> NewRecording::start(Recorder::Options options) {
  const auto folder = normal(options.folder);
  if (auto checked = check(folder); !checked) return std::unexpected(checked.error());
  auto work = folder;
  work += ".partial-" + std::to_string(::getpid());
  std::unique_ptr<NewRecording> out(new NewRecording(folder, work, options.recipients));
  options.folder = work;
  options.low_space_bytes = options.full_space_bytes =
      0;  // a full disk is an error here, not something to wait for
  auto recorder = Recorder::start(std::move(options));
  if (!recorder) return std::unexpected(recorder.error());
  out->recorder_ = std::move(*recorder);
  return out;
}

NewRecording::~NewRecording() {
  recorder_.reset();
  std::error_code ignored;
  if (!finished_) std::filesystem::remove_all(work_, ignored);
}

Result<void> NewRecording::finish(std::optional<UtcTime> ended, const Corrections& corrections) {
  if (auto flushed = recorder_->flush(); !flushed) return flushed;
  std::vector<std::string> ids;
  for (const auto& [id, track] : recorder_->manifest()) ids.push_back(id);
  if (auto answer = recorder_->end_tracks(ids); !answer) return std::unexpected(answer.error());
  Manifest manifest = recorder_->manifest();
  recorder_.reset();
  if (auto corrected = correct_manifest(std::move(manifest), ended, corrections); !corrected) return corrected;
  if (corrections.info)
    if (auto changed = change_recording_info(real_file_system(), work_, corrections.info); !changed) return changed;
  if (::rename(work_.c_str(), folder_.c_str()) != 0) return std::unexpected(os_error("rename", work_, errno));
  finished_ = true;
  return real_file_system().sync_directory(folder_.parent_path());
}

/// The recorder wrote the working folder's name into the locations, and when it was run into `ended_at`.
Result<void> NewRecording::correct_manifest(Manifest manifest, std::optional<UtcTime> ended,
                                            const Corrections& corrections) const {
  const auto moved = [&](const std::string& location) {
    return (folder_ / std::filesystem::path(location).filename()).string();
  };
  for (auto& [id, track] : manifest) {
    track.location = moved(track.location);
    if (track.rtcp_location) track.rtcp_location = moved(*track.rtcp_location);
    if (track.index_location) track.index_location = moved(*track.index_location);
    for (auto& location : track.more_locations) location = moved(location);
    for (auto& location : track.more_rtcp_locations) location = moved(location);
    if (ended) track.ended_at = ended;
  }
  if (corrections.manifest) corrections.manifest(manifest);
  sealed::SealedFiles files(real_file_system(), recipients_, {});
  return write_file_atomically(files, work_ / "manifest.json", as_bytes(serialize_manifest(manifest)));
}

}  // namespace rtpx::capture
