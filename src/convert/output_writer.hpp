#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "frames/frame_source.hpp"
#include "mux/muxer.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// One track to write.
struct WriterInput {
  FrameSource* source = nullptr;
  MediaKind kind = MediaKind::video;
  std::string name;         ///< shown by players; may be empty
  std::int64_t end_ns = 0;  ///< where its media end, about
  std::uint64_t keyframe_bound = 0;
  bool config_changes = false;  ///< H.264, H.265: the parameter sets change
  int width = 0, height = 0;    ///< of its largest picture, which the file declares; 0: that of its first
};

struct WriterOptions {
  std::filesystem::path folder;
  std::string stem;  ///< file name without extension and part number
  Format format = Format::automatic;
  OnChange on_change = OnChange::keep;
  std::int64_t shown_from_ns = INT64_MIN;  ///< MP4: what lies before is there for decoders, and not shown
  std::optional<UtcTime> started;  ///< wall-clock time at the timeline's zero
  FileSystem* files = nullptr;  ///< where it is written; never null, outlives the call
  std::string title;                                      ///< as MuxHints has it
  std::vector<std::pair<std::string, std::string>> tags;  ///< likewise
  std::vector<Chapter> chapters;   ///< on the recording's timeline
  std::stop_token stop;
  std::function<void(std::int64_t time_ns)> progress;  ///< told the place in time, now and then
};

/// A call has no more changes that need a part of their own; each part is a file to write, sync and show.
inline constexpr std::size_t kMostParts = 500;

/// One file that was written.
struct WrittenPart {
  std::filesystem::path file;
  std::int64_t start_ns = 0, end_ns = 0;  ///< on the recording's timeline
  bool has_video = false;
  std::vector<std::string> audio_types;  ///< mime types of its audio tracks
};

struct WrittenOutput {
  std::vector<WrittenPart> parts;     ///< at least one, kMostParts at most
  bool cut_off = false;               ///< there would have been more parts: the rest was not written
  std::vector<std::string> left_out;  ///< tracks that the container cannot hold, in words
};

/// Those of a file that begins at `zero_ns`; what goes on from before it begins with it.
[[nodiscard]] std::vector<Chapter> chapters_from(const std::vector<Chapter>& all, std::int64_t zero_ns,
                                                 std::int64_t duration_ns);

/// Merges tracks by time into a file, or into numbered parts where the picture or codec changes and the
/// container or the caller asks for it. Inputs whose sources are empty must not be given. Errors: cancelled,
/// io, no_space, unsupported (nothing fits the container).
[[nodiscard]] Result<WrittenOutput> write_output(std::vector<WriterInput> inputs,
                                                 const WriterOptions& options);

}  // namespace rtpx
