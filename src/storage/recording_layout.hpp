#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "storage/index.hpp"
#include "storage/location.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {

/// One record file of a recording, as far as manifest, index and folder tell.
struct LayoutFile {
  std::string track_id;
  std::filesystem::path path;  ///< where it is, or where it should be
  IndexContent content = IndexContent::rtp;
  bool present = false;
  bool in_manifest = false;
  bool last_of_track = false;            ///< the file that a live track was writing to
  const IndexedFile* indexed = nullptr;  ///< owned by RecordingLayout::indexes
  bool has_index = false;                ///< there is an index in its folder
  std::shared_ptr<FileSystem> source;    ///< through which it is read; never null in a layout
};

/// Everything that belongs to a recording, found in spite of damage: what verify() and recover() work on.
struct RecordingLayout {
  std::filesystem::path folder;
  std::optional<Manifest> manifest;  ///< nullopt: missing or broken
  bool manifest_present = false;
  std::optional<RecordingInfo> info;               ///< nullopt: missing (upstream's) or broken
  std::map<std::filesystem::path, Index> indexes;  ///< by folder
  std::vector<LayoutFile> files;      ///< in the manifest's order, then what else lies in the folder
  std::vector<std::string> problems;  ///< for a person
  std::vector<std::string> notes;

  RecordingLayout() = default;
  RecordingLayout(RecordingLayout&&) = default;
  RecordingLayout& operator=(RecordingLayout&&) = default;

  /// The track was ended by its recorder (not by recovery).
  [[nodiscard]] bool ended(const LayoutFile& file) const;
  [[nodiscard]] const ManifestTrack* track(const std::string& id) const;
};

/// Reads the layout of `recording`: a folder or the manifest.json in it, through `source` (null: the operating
/// system's files, and sealed ones are refused). Reads no record file.
/// Errors: not_found when there is neither a manifest nor a record file; io; unsupported for a newer version;
/// malformed for a file that is no manifest and not called manifest.json.
[[nodiscard]] Result<RecordingLayout> read_layout(const std::filesystem::path& recording,
                                                   Outside outside = Outside::refused,
                                                   std::shared_ptr<FileSystem> source = nullptr);

}  // namespace rtpx
