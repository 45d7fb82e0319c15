#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "rtpx/e2ee.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "rtpx/uploader.hpp"

namespace rtpx {

enum class Format : std::uint8_t { automatic, webm, mkv, mp4, fmp4, ogg, wav, ivf, h264, h265 };
enum class Incomplete : std::uint8_t { keep, drop, freeze };
enum class GapPolicy : std::uint8_t { automatic, keep, fill };  ///< automatic: keep video, fill audio
enum class OnChange : std::uint8_t { keep, split };
enum class Layers : std::uint8_t { all, best };                 ///< a file per rid, or one of the best layers
enum class Pauses : std::uint8_t { keep, cut };  ///< of the whole recording: as gaps, or left out
enum class AudioCodec : std::uint8_t { copy, opus, aac, flac, pcm };
enum class VideoCodec : std::uint8_t { vp8, vp9, av1, h264 };

struct Thumbnails {
  int width = 640, height = -1;  ///< either side -1 keeps the aspect; upstream's `resolution`
};

/// Upstream's `reencode` options, with the codec besides.
struct Reencode {
  VideoCodec codec = VideoCodec::vp8;
  int threads = 0;                  ///< 0: one for each core
  std::string bitrate = "1.5M";
  int crf = 10;                     ///< 4..63
  int gop_size = 125;
  std::optional<std::pair<int, int>> resolution;  ///< width, height; -1 keeps the aspect
  bool cues_to_front = true;
};

/// A moment of a recording: since its timeline's zero (its first media), or on the wall clock.
using Moment = std::variant<std::chrono::nanoseconds, UtcTime>;

/// How a cut begins that begins at no keyframe.
enum class CutStart : std::uint8_t {
  keyframe,  ///< at the keyframe before: nothing is encoded, and the file begins a bit early
  exact,     ///< MP4: the same bytes, and an edit list that tells players to show them from that moment on
  encode,    ///< pictures up to the next keyframe are encoded anew
};

struct ConvertProgress {
  double fraction = 0;              ///< 0..1 over the whole conversion
  std::optional<double> seconds_left;
  std::string what;                 ///< "scan", "write", "re-encode", …
};

struct ConvertOptions {
  std::filesystem::path output_path = "./converter/output";
  std::filesystem::path download_path = "./converter/download";
  std::shared_ptr<Uploader> uploader;      ///< upstream's s3_upload_config
  std::shared_ptr<Downloader> downloader;  ///< upstream's s3_download_config
  std::optional<Thumbnails> thumbnails;
  int sprites = 0;                         ///< number of scrub pictures; 0: none
  /// Which rids to convert; a nullopt member means tracks without simulcast. Unset: all.
  std::optional<std::vector<std::optional<std::string>>> only_rids;
  int reorder_buffer_size = 100;           ///< upstream's; has no effect, lateness has no limit here
  std::optional<Reencode> reencode;

  Format format = Format::automatic;
  Layers layers = Layers::all;
  std::optional<int> max_spatial_layer, max_temporal_layer;
  Incomplete incomplete = Incomplete::keep;
  GapPolicy gaps = GapPolicy::automatic;
  OnChange on_change = OnChange::keep;
  Pauses pauses = Pauses::keep;
  AudioCodec audio = AudioCodec::copy;
  bool opus_fec = false;
  /// Opens frames that were encrypted end to end; none: they are left out.
  std::shared_ptr<const E2eeKeys> e2ee_keys;
  Identities identities;                   ///< open a sealed recording
  bool join = false;                       ///< all streams into one Matroska
  std::optional<MediaKind> only;           ///< pictures alone, or sound alone; unset: both
  /// At the end of each file's name, before its extension: what tells several conversions into one folder apart. At most
  /// 40 letters, digits and - _ +; with a + it is like no name that comes from the recording.
  std::string suffix;
  /// Only what is shown from `from` until `to`. Times on the wall clock need a recording with a clock anchor. Reports
  /// tell of the whole recording's packets, and of the cut's frames.
  std::optional<Moment> from, to;
  CutStart cut_start = CutStart::keyframe;
  bool write_reports = true;               ///< `<file>.report.json` beside each output
  /// Read what the manifest names outside of the folder, and through links. Never of a manifest from S3.
  bool allow_outside = false;
  /// The most that outputs and temporary files may take together; 0: no limit. Unset: 4 times what the recording
  /// has, and 1 GiB.
  std::optional<std::uint64_t> max_output;
  std::uint64_t min_free = 0;              ///< free space that has to be left on the output's disk
  std::function<void(const ConvertProgress&)> progress;  ///< on the calling thread, at most 10 times a second
  std::stop_token stop;
};

/// A numbered part of an output that was split.
struct ConvertedPart {
  std::string location;
  std::int64_t offset_ms = 0, duration_ms = 0;  ///< as ConvertedFile's, of this part alone
};

/// A moment that was marked while the recording ran (Recorder::mark()): a chapter in Matroska, WebM and MP4.
struct ConvertedChapter {
  std::int64_t time_ms = 0;  ///< from the file's start
  std::string text;
};

/// One written file; upstream's keys and ours.
struct ConvertedFile {
  std::filesystem::path file;
  std::string location;                          ///< the path, or its s3:// URL after an upload
  std::int64_t duration_seconds = 0;             ///< rounded, as upstream's
  std::int64_t duration_ms = 0;
  std::int64_t offset_ms = 0;                    ///< start against the recording's first media
  std::optional<std::string> thumbnail_location;
  std::optional<std::string> report_location;
  std::vector<std::string> sprite_locations;  ///< the pictures for scrubbing, and the file that says where each is
  /// Further numbered parts, when the output was split: then duration_ms is from the start of the first to
  /// the end of the last.
  std::vector<ConvertedPart> parts;
  std::vector<ConvertedChapter> chapters;  ///< by time
};

/// Something that a person should know of a conversion.
struct ConvertNote {
  enum class Severity : std::uint8_t { info, loss, skipped };
  Severity severity = Severity::info;
  std::string track_id;  ///< empty: the recording
  std::string message;
};

struct ConvertResult {
  std::map<std::string, ConvertedFile> files;  ///< output id (`<stream>` or `<stream>_<rid>`) to file
  std::vector<ConvertNote> notes;
  bool lost_media = false;                     ///< something was lost for good, or asked for and not there: exit status 1
};

/// Converts a recording: a folder, a manifest.json, or an s3:// URL of one (with a downloader). Waits; outputs
/// appear under their names only when complete. One bad track never stops the others.
/// Errors: not_found, malformed, nothing_to_convert, io, no_space (also beyond `max_output` and `min_free`),
/// cancelled, invalid_argument (also of a cut that lies outside of the recording).
[[nodiscard]] Result<ConvertResult> convert(const std::string& recording, const ConvertOptions& options);
/// As above for a manifest in memory whose relative locations are relative to `folder`.
[[nodiscard]] Result<ConvertResult> convert(const Manifest& manifest, const std::filesystem::path& folder,
                                            const ConvertOptions& options);

/// The result manifest, upstream's keys with ours beside them, as JSON.
[[nodiscard]] std::string serialize_result(const ConvertResult& result);

}  // namespace rtpx
