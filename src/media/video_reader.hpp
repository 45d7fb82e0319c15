#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "media/libav.hpp"
#include "media/picture.hpp"

namespace rtpx {

/// Pictures of the first video track of a file, in order. What does not decode is passed over.
class VideoReader {
 public:
  /// Errors: not_found, malformed (no file that libavformat reads, or no video in it), unsupported.
  [[nodiscard]] static Result<std::unique_ptr<VideoReader>> open(const std::filesystem::path& file,
                                                                 int threads = 1);

  [[nodiscard]] std::int64_t duration_ns() const noexcept;
  [[nodiscard]] Orientation orientation() const noexcept { return orientation_; }

  /// From now on keyframes only: what lies between is read, but not decoded.
  void only_keyframes(bool only) noexcept { only_keyframes_ = only; }
  /// The next picture, valid until the next call; nullptr at the end. Errors: io.
  [[nodiscard]] Result<const AVFrame*> next();
  [[nodiscard]] std::int64_t time_ns(const AVFrame& picture) const noexcept;
  /// As far as the file's index says.
  [[nodiscard]] std::optional<std::int64_t> keyframe_before(std::int64_t time_ns) const noexcept;
  /// To the last keyframe at or before `time_ns` (or the first one). Errors: malformed.
  Result<void> seek(std::int64_t time_ns);

 private:
  Result<bool> feed();
  [[nodiscard]] AVStream& stream() const noexcept { return *input_->streams[stream_]; }

  std::filesystem::path file_;
  libav::Input input_;
  libav::Codec decoder_;
  libav::Frame frame_ = libav::make_frame();
  libav::Packet packet_ = libav::make_packet();
  int stream_ = -1;
  Orientation orientation_;
  bool only_keyframes_ = false;
  bool drained_ = false;
};

}  // namespace rtpx
