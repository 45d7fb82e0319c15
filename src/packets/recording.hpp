#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
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

/// The id that the track's packets have a header extension under; nullopt: it was not negotiated.
[[nodiscard]] inline std::optional<std::uint8_t> extension_id(const ManifestTrack& track, const char* uri) {
  const auto found = track.header_extensions.find(uri);
  return found == track.header_extensions.end() ? std::nullopt : std::optional(found->second);
}

/// A recording, on this machine or as objects of a service.
struct Recording {
  std::string name;  ///< as asked for
  std::filesystem::path folder;  ///< or its URL
  std::shared_ptr<FileSystem> source;  ///< through which it is read
  std::vector<TrackFiles> tracks;
  std::string title;        ///< what people call it; may be empty
  RecordingFacts facts;     ///< of its recording.json; empty where there is none
  std::optional<ClockOffset> clock;  ///< from its fleet's; nullopt: not known
  bool cut_pauses = false;  ///< pauses of the whole recording take no time on the timeline
};

/// What of a recording will be read.
enum class Reading : std::uint8_t {
  parts,  ///< some of it, or all of it again and again: of remote files what is read is fetched, where the downloader can
  whole,  ///< all of it, more than once and in order: remote files are fetched first
};

/// Finds a recording's files, sealed ones to be opened with `identities`; remote ones are read where they lie, or fetched
/// into `download_path`. A track without its file is no error. Errors: those of read_manifest(); unsupported for a recording
/// of a newer version; network, denied and others of the downloader for the manifest itself.
[[nodiscard]] Result<Recording> find_recording(const std::string& recording,
                                               const std::filesystem::path& download_path,
                                               Downloader* downloader, Outside outside = Outside::refused,
                                               const Identities& identities = {}, Reading reading = Reading::parts);
/// The same of a manifest in memory. Errors: unsupported, for a recording of a newer version.
[[nodiscard]] Result<Recording> find_files(const Manifest& manifest, const std::filesystem::path& folder,
                                           const std::filesystem::path& download_path, Downloader* downloader,
                                           Outside outside = Outside::refused, const Identities& identities = {});

}  // namespace rtpx
