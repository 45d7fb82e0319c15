#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rtpx/converter.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// The files of one track that are there.
struct TrackFiles {
  std::string track_id;
  ManifestTrack track;
  std::vector<std::filesystem::path> rtp;  ///< in order; empty: none found, `missing` says why
  std::vector<std::filesystem::path> rtcp;
  std::string missing;
};

/// A recording on this machine.
struct Recording {
  std::string name;  ///< as asked for
  std::filesystem::path folder;
  std::vector<TrackFiles> tracks;
};

/// Finds a recording's files, fetching remote ones into `download_path`. A track without its file is no
/// error. Errors: those of read_manifest(); network, denied and others of the downloader for the manifest
/// itself.
[[nodiscard]] Result<Recording> find_recording(const std::string& recording,
                                               const std::filesystem::path& download_path,
                                               Downloader* downloader);
[[nodiscard]] Recording find_files(const Manifest& manifest, const std::filesystem::path& folder,
                                   const std::filesystem::path& download_path, Downloader* downloader);

}  // namespace rtpx
