#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rtpx/converter.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "base/file_system.hpp"
#include "storage/location.hpp"
#include "storage/recording_info.hpp"

namespace rtpx {

/// The files of one track that are there.
struct TrackFiles {
  std::string track_id;
  ManifestTrack track;
  std::vector<std::filesystem::path> rtp;  ///< in order; empty: none found, `missing` says why
  std::vector<std::filesystem::path> rtcp;
  std::string missing;
  std::string participant_name;  ///< for people; empty: there is none, or it has none
  /// Through which its files are read; null: the operating system's.
  std::shared_ptr<FileSystem> source;
};

/// A recording on this machine.
struct Recording {
  std::string name;  ///< as asked for
  std::filesystem::path folder;
  std::shared_ptr<FileSystem> source;  ///< through which it is read
  std::vector<TrackFiles> tracks;
  std::string title;        ///< what people call it; may be empty
  RecordingFacts facts;     ///< of its recording.json; empty where there is none
  bool cut_pauses = false;  ///< pauses of the whole recording take no time on the timeline
};

/// Finds a recording's files, sealed ones to be opened with `identities`, fetching remote ones into `download_path`. A track without its file is no
/// error. Errors: those of read_manifest(); network, denied and others of the downloader for the manifest
/// itself.
[[nodiscard]] Result<Recording> find_recording(const std::string& recording,
                                               const std::filesystem::path& download_path,
                                               Downloader* downloader, Outside outside = Outside::refused,
                                               const Identities& identities = {});
[[nodiscard]] Recording find_files(const Manifest& manifest, const std::filesystem::path& folder,
                                   const std::filesystem::path& download_path, Downloader* downloader,
                                   Outside outside = Outside::refused, const Identities& identities = {});

}  // namespace rtpx
