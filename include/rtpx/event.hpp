#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <variant>

#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Names one upload started by end_tracks(). Unique within the process.
struct UploadTaskRef {
  std::uint64_t value = 0;
  auto operator<=>(const UploadTaskRef&) const = default;
};

namespace event {

/// Everything of an upload is stored; the manifest's locations are s3:// URLs.
struct UploadComplete {
  UploadTaskRef ref;
  Manifest manifest;
};
/// An upload was given up; what was not stored keeps its local location in the manifest.
struct UploadFailed {
  UploadTaskRef ref;
  Manifest manifest;
  Error error;
};
/// Packets were refused since the last such event. At most one a second for each track.
struct PacketsRefused {
  std::string track_id;
  std::uint64_t packets = 0;
  std::string reason;  ///< "queue_full", "disk_full", …
};
/// Writing is late: a packet has waited longer than Options::flush_interval and Recorder::kLate, because the
/// machine or the disk is too busy. A crash of the process costs that much. Told once when it begins and once
/// when it is over.
struct WritesLate {
  bool late = false;  ///< false: it is over
  std::chrono::microseconds oldest{0};  ///< age of the oldest unwritten packet; over: the longest wait meanwhile
};
/// Free space crossed a watermark of Options downwards (low, full) or upwards (ok).
struct DiskSpace {
  enum class Level : std::uint8_t { ok, low, full };
  Level level = Level::ok;
  std::uint64_t free_bytes = 0;
};
/// A track's file failed and the track goes on in a new file.
struct TrackRestarted {
  std::string track_id;
  std::filesystem::path new_file;
  Error cause;
};
/// The recorder's storage failed and all live tracks go on in a new folder.
struct Restarted {
  std::filesystem::path old_folder, new_folder;
  Error cause;
};
/// The recorder gave up (Options::max_restarts); every later call fails with storage_failed.
struct Failed {
  Error error;
};
/// A track received its first packet, or nothing for Options::silence_after, or packets again.
struct TrackFlow {
  std::string track_id;
  bool flowing = false;
};
/// A packet named a track or rid that is not known. First time for each name, then at most one a second.
struct UnknownTarget {
  std::string track_id;
  std::string rid;  ///< empty when the track itself is unknown
  std::uint64_t packets = 0;
};

}  // namespace event

using Event = std::variant<event::UploadComplete, event::UploadFailed, event::PacketsRefused, event::DiskSpace,
                           event::TrackRestarted, event::Restarted, event::Failed, event::TrackFlow,
                           event::UnknownTarget, event::WritesLate>;

/// Receives events on the recorder's dispatcher thread, with no lock held. It may call anything of the recorder
/// but its destructor. What it throws is caught and counted.
using EventSink = std::function<void(const Event&)>;

}  // namespace rtpx
