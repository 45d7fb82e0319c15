#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.hpp"
#include "codec/depacketizer.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// One track of an output file.
struct OutputTrack {
  MediaKind kind = MediaKind::video;
  std::string
      mime_type;  ///< of the payload written: "video/VP8", "audio/opus", "audio/PCMU", "audio/G722", …
  StreamConfig config;    ///< of the first frame
  int rotation = 0;       ///< clockwise degrees a player must turn the picture: 0, 90, 180, 270
  bool mirrored = false;  ///< and mirror it left to right, before turning it
  bool config_changes =
      false;         ///< new_config will come: MP4 then says that parameter sets are in band (avc3, hev1)
  std::string name;  ///< shown by players; may be empty
  std::int64_t codec_delay_ns = 0;  ///< Opus pre-skip as time; 0: the OpusHead's
};

/// One access unit at its place in the file.
struct Sample {
  std::size_t track = 0;
  /// Time from the file's start, not negative. Audio: of the first sample that the encoder was given; a
  /// container takes the codec delay off it, so that what is heard and what is seen at one time belong
  /// together.
  std::int64_t time_ns = 0;
  std::int64_t duration_ns = 0;  ///< 0: unknown
  bool keyframe = false;
  bool discardable = false;
  std::int64_t discard_ns = 0;               ///< audio: so much of the packet's end is not to be played
  Bytes data;                                ///< valid during write() only
  std::vector<std::byte>* owner = nullptr;   ///< as of a Frame: write() may swap it away
  const StreamConfig* new_config = nullptr;  ///< set when the stream's configuration changes with this sample
};

/// A part of the file with a name, up to the next one.
struct Chapter {
  std::int64_t start_ns = 0;  ///< from the file's start
  std::string text;           ///< UTF-8
};

/// What the plan knows before the first sample, so that sizes and cues need no second pass over the file.
struct MuxHints {
  std::int64_t duration_ns = 0;    ///< of the whole file, exact where the plan knows it
  std::int64_t shown_from_ns = 0;  ///< MP4: players begin to show the file there (an edit list)
  std::uint64_t cue_points = 0;  ///< upper bound on the number of video keyframes; 0 where there is no video
  std::string title;
  /// Names and values besides, UTF-8, such as {"KEYWORDS", "daily,team"}; of the containers that have chapters, and Ogg.
  std::vector<std::pair<std::string, std::string>> tags;
  std::string date_utc;  ///< ISO 8601, when the recording began; empty: unknown
  /// By time. Of Matroska, WebM and MP4, which has at most 255 of 255 bytes; other formats have none. What begins
  /// after the end is left out.
  std::vector<Chapter> chapters;
};

/// Writes one file under a temporary name beside `path` and renames it when finished (durably). Destroying an
/// unfinished muxer removes the temporary file.
class Muxer {
 public:
  virtual ~Muxer() = default;
  /// Samples come ordered by time over all tracks (decode order within a track).
  virtual Result<void> write(const Sample& sample) = 0;
  /// Publishes the file. Errors: io, no_space.
  virtual Result<void> finish() = 0;
};

/// Video frames of H.264 and H.265 are length-prefixed (4 bytes) NAL units, those of AV1 are temporal units
/// without temporal delimiters (what has them loses them), L16 is little-endian (its depacketizer turns it).
///
/// `format` is never automatic. `files` must outlive the muxer. Errors: unsupported (a codec that the
/// container cannot hold, named), io.
[[nodiscard]] Result<std::unique_ptr<Muxer>> open_muxer(Format format, const std::filesystem::path& path,
                                                        const std::vector<OutputTrack>& tracks,
                                                        const MuxHints& hints,
                                                        FileSystem& files = real_file_system());

/// The container that fits these codecs: WebM where it allows them, else Matroska.
[[nodiscard]] Format choose_format(const std::vector<OutputTrack>& tracks);
/// File name extension with its dot, ".webm".
[[nodiscard]] const char* extension_of(Format format) noexcept;
/// The container's name for messages, "WebM".
[[nodiscard]] const char* name_of(Format format) noexcept;
/// Tracks that one file of this format can hold.
[[nodiscard]] std::size_t most_tracks(Format format) noexcept;
/// Whether a file of this format tells a player how to turn its picture.
[[nodiscard]] bool format_turns(Format format) noexcept;
/// Whether `format` can hold `mime_type`.
[[nodiscard]] bool format_holds(Format format, std::string_view mime_type) noexcept;

}  // namespace rtpx
