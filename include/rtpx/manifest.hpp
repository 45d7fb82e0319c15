#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Wall-clock time with the microseconds that upstream's manifests carry.
using UtcTime = std::chrono::sys_time<std::chrono::microseconds>;

/// The same instant on the record file's monotonic clock and on the wall clock.
struct ClockAnchor {
  std::int64_t receive_time_ms = 0;  ///< as stored in records; may be negative (upstream's clock is)
  UtcTime utc{};
  bool operator==(const ClockAnchor&) const = default;
};

/// A stretch in which nothing was recorded because nothing was to be, on the record files' clock.
struct Pause {
  std::int64_t from_ms = 0;
  std::optional<std::int64_t> to_ms;  ///< not set: it lasts to the track's end
  bool operator==(const Pause&) const = default;
};

/// One track of a manifest. Upstream's keys and ours; docs/manifest-format.md lists them.
struct ManifestTrack {
  UtcTime start_time{};
  MediaKind kind = MediaKind::video;
  std::vector<std::string> streams;
  /// rid (nullopt: the track has no simulcast) to the rid index stored in each record.
  std::map<std::optional<std::string>, std::uint8_t> rid_map;
  std::optional<Codec> codec;  ///< null or missing in older recordings
  std::string location;        ///< path, file:// or s3:// URL of the .rtpx, as written in the manifest

  // Keys that rtpx adds; a reader takes each as optional.
  std::optional<std::string> rtcp_location;
  std::optional<std::string> index_location;
  std::vector<std::string> more_locations;  ///< later files of a rotated or restarted track, in order ("locations")
  std::vector<std::string> more_rtcp_locations;  ///< the same of its RTCP ("rtcp_locations")
  std::vector<Codec> codecs;
  std::map<std::string, std::uint8_t> header_extensions;
  std::optional<ClockAnchor> clock;
  std::optional<UtcTime> ended_at;
  std::optional<std::string> end_reason;
  std::optional<std::uint64_t> packets, bytes, refused_packets;
  /// Id of the participant that sent it (recording.json has the names); not set where nobody was told apart.
  std::optional<std::string> participant;
  std::vector<Pause> pauses;  ///< by time; those of the whole recording too

  /// Keys that this version does not know, as a JSON object's text; written back unchanged. Empty: none.
  std::string unknown_keys;
};

/// Where a track's RTP lies, in order: `location` and `more_locations`.
[[nodiscard]] std::vector<std::string> rtp_locations(const ManifestTrack& track);
/// Where its RTCP lies, in order; empty when there is none.
[[nodiscard]] std::vector<std::string> rtcp_locations(const ManifestTrack& track);

/// A recording's manifest: track id to track, in the order of the ids' bytes (as upstream writes small maps).
using Manifest = std::map<std::string, ManifestTrack>;

/// Parses a manifest of rtpx or of any ex_webrtc_recorder version. Total; unknown keys are kept.
/// Errors: malformed, naming the key and track.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view json);

/// One line of JSON, no newline at the end, keys in byte order: what upstream's reader takes.
[[nodiscard]] std::string serialize_manifest(const Manifest& manifest);

/// Reads `path`, a manifest.json or a folder that holds one. Does I/O.
/// Errors: not_found, io, malformed; the message names the file.
[[nodiscard]] Result<Manifest> read_manifest(const std::filesystem::path& path);

/// The local file that `location` names for a manifest in `manifest_folder`: its last component beside the
/// manifest, else a relative path below the folder; never outside of it, nor through a symbolic link. Does I/O.
/// Errors: not_found, saying why; unsupported for s3:// and other remote URLs.
[[nodiscard]] Result<std::filesystem::path> resolve_location(std::string_view location,
                                                             const std::filesystem::path& manifest_folder);

}  // namespace rtpx
