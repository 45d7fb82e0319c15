#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "mux/segment_writer.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx::film {

inline constexpr std::int64_t kLiveSegmentNs = 2'000'000'000;

/// One rendition of a film that is watched while it is made: fMP4 segments of two seconds and a playlist of type EVENT
/// (RFC 8216bis) that names those that are whole. One thread.
class LiveRendition {
 public:
  /// Files begin with `name`: "picture.m3u8", "picture-init.mp4", "picture-1.m4s", … `started`: wall-clock time at the
  /// film's zero. Errors: io, no_space, unsupported.
  [[nodiscard]] static Result<std::unique_ptr<LiveRendition>> create(const std::filesystem::path& folder,
                                                                     const std::string& name, const OutputTrack& track,
                                                                     std::optional<UtcTime> started);
  /// Samples in order; a segment is cut before a keyframe. Errors: io, no_space.
  [[nodiscard]] Result<void> add(const Sample& sample);
  /// The film ends: the last segment is written, and the playlist says so.
  [[nodiscard]] Result<void> end(std::int64_t end_ns);
  /// Where the last whole segment ends.
  [[nodiscard]] std::int64_t written_ns() const noexcept { return written_ns_; }

 private:
  LiveRendition(std::filesystem::path folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}
  [[nodiscard]] Result<void> cut(std::int64_t end_ns);
  [[nodiscard]] Result<void> write_playlist();

  const std::filesystem::path folder_;
  const std::string name_;
  std::unique_ptr<SegmentWriter> writer_;
  std::string playlist_;
  std::uint32_t number_ = 0;  // of segments written
  std::int64_t begins_ns_ = 0, written_ns_ = 0;
  bool any_ = false;  // sample of the segment that is open
};

/// The playlist that names both renditions, "index.m3u8". Errors: io, no_space.
[[nodiscard]] Result<void> write_live_index(const std::filesystem::path& folder, const OutputTrack& pictures,
                                            const OutputTrack& sound, std::int64_t bits_per_second, int fps);

}  // namespace rtpx::film
