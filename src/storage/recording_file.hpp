#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "storage/recording_info.hpp"

namespace rtpx {

inline constexpr const char* kRecordingFileName = "recording.json";
inline constexpr int kRecordingMajor = 1, kRecordingMinor = 0;

/// What recording.json says of a recording as a whole (docs/manifest-format.md). Recordings of upstream have
/// none.
struct RecordingInfo {
  int format_major = kRecordingMajor, format_minor = kRecordingMinor;
  std::string name;  ///< what people call it
  std::string continues;  ///< the recording, by its folder's name, that this one goes on with; empty: none
  std::string key;  ///< who named it was recorded together, here and on other nodes; empty: there was none
  UtcTime created{};
  std::optional<UtcTime> ended_at;  ///< unset while it runs, and after a crash
  std::optional<std::string> end_reason;
  std::string conversion, upload;  ///< state kept by others: a JSON value's text, empty when there is none
  std::string reception;           ///< what was dropped before the recorder, likewise
  RecordingFacts facts;            ///< its people, marks and pauses
  RecordingClock clock;            ///< how far it is from its fleet's
  std::string unknown_keys;        ///< as in ManifestTrack
};

/// Nothing that is made of recordings may take the place of a recording's own file. Errors: already_exists, naming it.
[[nodiscard]] Result<void> refuse_recording_file(const std::filesystem::path& output);

/// Errors: malformed; unsupported when the major version is newer than ours, with a message that says so.
[[nodiscard]] Result<RecordingInfo> parse_recording_info(std::string_view json);
[[nodiscard]] std::string serialize_recording_info(const RecordingInfo& info);

/// Reads `folder`/recording.json. Errors: not_found, io, malformed, unsupported; the message names the file.
[[nodiscard]] Result<RecordingInfo> read_recording_info(FileSystem& files,
                                                        const std::filesystem::path& folder);
/// As read_manifest() of manifest.hpp, through `files`. Errors: besides, unsupported (sealed for others).
[[nodiscard]] Result<Manifest> read_manifest(FileSystem& files, const std::filesystem::path& path);
/// Replaces it atomically.
[[nodiscard]] Result<void> write_recording_info(FileSystem& files, const std::filesystem::path& folder,
                                                const RecordingInfo& info);
/// Reads it, lets `change` alter it and replaces it, so that several parts of this process may keep their own
/// in it. Where there is no file yet, `change` is given an empty one. Errors: those of read_recording_info but
/// not_found, and of write_recording_info.
[[nodiscard]] Result<void> change_recording_info(FileSystem& files, const std::filesystem::path& folder,
                                                 const std::function<void(RecordingInfo&)>& change);

}  // namespace rtpx
