#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/converter.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"

/// The call as one film: all participants of one or several recordings, composed from their packets, exactly
/// in step, in any layout, again and again.
namespace rtpx {

/// A mark that somebody set in the call, or knows of: a chapter of the film.
struct FilmMark {
  std::int64_t time_ms = 0;  ///< of the film
  std::string title;
};

enum class StemFormat : std::uint8_t { wav, flac, opus };

/// Each participant's sound in a file of its own: all begin at the film's zero and last as long as the film,
/// with silence where somebody is away; their sum is the film's sound.
struct Stems {
  std::filesystem::path folder;  ///< made where it is not there
  StemFormat format = StemFormat::wav;
};

/// Where something lies over the canvas, a little from its edges.
enum class FilmPlace : std::uint8_t { top_left, top, top_right, bottom_left, bottom, bottom_right };

/// A picture over all tiles, such as a company's; what is transparent in it stays so.
struct FilmLogo {
  std::filesystem::path file;  ///< PNG, JPEG, WebP, or what else FFmpeg reads; at most 4096 pixels a side
  FilmPlace place = FilmPlace::top_right;
  double height = 0.1;  ///< of the canvas' height, 0.02 to 1; it is never wider than the canvas
  bool operator==(const FilmLogo&) const = default;
};

/// The time of the call over all tiles, to the second: "2026-11-28 14:46:05 UTC".
struct FilmClock {
  FilmPlace place = FilmPlace::bottom_right;
  std::string offset = "UTC";  ///< or east of it: "+02:00", at most 18 hours
  bool operator==(const FilmClock&) const = default;
};

struct ComposeOptions {
  /// The file to write. Its extension says what it is: .mp4 (H.264 and AAC), .webm (VP8 and Opus), .mkv
  /// (H.264 and Opus); sound alone: .ogg, .opus (Opus), .m4a (AAC), .wav (16 bits).
  std::filesystem::path output;
  bool audio_only = false;                ///< no picture in .mp4, .webm and .mkv either
  std::optional<VideoCodec> codec;        ///< what the container holds by itself where it is unset
  std::optional<AudioCodec> audio_codec;  ///< aac or opus; likewise
  int fps = 30;                           ///< of the canvas, 1 to 120: at most so many pictures a second
  std::string bitrate;                    ///< "2.5M": the most (H.264), or about; empty: by size and fps
  int crf = 23;                           ///< quality, 4 (best) to 63
  int threads = 0;                        ///< for decoders and for the encoder; 0: one for each core
  std::optional<Stems> stems;

  /// "grid", "speaker", "single-speaker", "side-by-side", "pip"; `layout_file` goes before it: a layout of
  /// one's own (docs/compose.md).
  std::string layout = "grid";
  std::filesystem::path layout_file;
  int width = 1280, height = 720;          ///< even, 160 x 90 to 7680 x 4320
  std::string background;                  ///< "#rrggbb"; empty: the layout's
  std::filesystem::path background_image;  ///< fills the canvas behind all tiles
  std::string title;                       ///< at the top for the first five seconds
  bool names = true;                       ///< on the tiles
  /// Of the layout's file where unset. A recording that does not say what time it was has no clock, and a note says so.
  std::optional<FilmLogo> logo;
  std::optional<FilmClock> clock;

  /// Brings the whole to this loudness (EBU R 128, integrated, LUFS): -70 to 0.
  std::optional<double> loudness;
  /// Participants, by name or id: only these are heard; these are not heard.
  std::vector<std::string> solo, mute;
  /// Participants, by name or id, to -1 (left) … 1 (right).
  std::map<std::string, double> pan;

  /// Chapters of .mp4, .webm and .mkv: joins, leaves and screen shares, and these besides.
  bool chapters = true;
  std::vector<FilmMark> marks;
  std::filesystem::path chapters_file;  ///< the chapters as WebVTT; empty: none
  /// Who spoke when, for transcribers: RTTM where it ends in .rttm, else JSON (docs/json.md); empty: none.
  std::filesystem::path speech_file;
  /// The call for editors, as OpenTimelineIO: a track for each participant's file as convert() makes it,
  /// which go into `timeline_media`, or beside the timeline where that is empty. Empty: none.
  std::filesystem::path timeline_file, timeline_media;

  /// As of converted files, beside the film: "film.mp4_thumbnail.jpg"; so many pictures for scrubbing (at most 1000) on
  /// "film.mp4_sprites.jpg", with "film.mp4_sprites.vtt", which says where. A note says what could not be made.
  std::optional<Thumbnails> thumbnail;
  int sprites = 0;

  /// Open frames that were encrypted end to end; null: these are left out.
  std::shared_ptr<const E2eeKeys> e2ee_keys;

  Identities identities;  ///< open sealed recordings

  std::filesystem::path download_path = "./converter/download";
  std::shared_ptr<Downloader> downloader;
  std::function<void(const ConvertProgress&)> progress;  ///< on the calling thread, at most 10 times a second
  std::stop_token stop;
};

/// One participant's sound.
struct ComposedStem {
  std::string participant, name;
  std::filesystem::path file;
};

struct ComposeResult {
  std::filesystem::path file;
  std::int64_t duration_ms = 0;
  std::size_t participants = 0;
  std::vector<ComposedStem> stems;
  std::vector<std::filesystem::path> side_files;  ///< chapters, speech, timeline and its media, thumbnail, sprites
  /// Of the mix before it was brought to ComposeOptions::loudness, LUFS; unset: not measured, or silence.
  std::optional<double> measured_loudness;
  /// Pictures that were decoded and scaled; canvases that were encoded, and those that were only shown
  /// longer.
  std::uint64_t pictures_decoded = 0, pictures_scaled = 0, canvases_encoded = 0, canvases_unchanged = 0;
  std::vector<ConvertNote> notes;
  bool lost_media = false;  ///< something could not be shown or heard: exit status 1
};

/// Composes recordings (folders, manifest.json, s3:// URLs with a downloader) into one file. Waits; files
/// appear under their names only when all of them are complete. A track that cannot be decoded is left out,
/// with a note. A film is at most 24 hours long. Any thread; several may run at once.
/// Errors: invalid_argument (an option, named), not_found, malformed, unsupported (no such encoder),
/// nothing_to_convert, io, no_space, cancelled.
[[nodiscard]] Result<ComposeResult> compose(const std::vector<std::string>& recordings,
                                            const ComposeOptions& options);

/// A part of a film that several processes make, on one machine or many.
struct FilmSlice {
  int number = 0;  ///< 1 to `of`: pictures, one after the other; 0: the sound
  int of = 1;      ///< 1 to kMostFilmSlices; a short film leaves some of them empty
};
inline constexpr int kMostFilmSlices = 1'000;

/// Where a slice lies: beside its film, as "film.mp4.3-of-12.slice".
[[nodiscard]] std::filesystem::path slice_path(const std::filesystem::path& output, const FilmSlice& slice);

/// Makes one slice of the film that compose() would make of the same arguments; ComposeResult::file is slice_path().
/// Slices are cut where a player can begin. No stems and no side files. Errors: as compose(); invalid_argument where
/// the film has no pictures.
[[nodiscard]] Result<ComposeResult> compose_slice(const std::vector<std::string>& recordings,
                                                  const ComposeOptions& options, const FilmSlice& slice);

/// Joins the slices 0 to `of` of `folder` (empty: the output's), named as slice_path() does, into the film that
/// compose() would make of the same arguments: the same sound to the byte, pictures at the same times. The slices stay.
/// Stems and side files are made here. Errors: as compose(); not_found, malformed and truncated: a slice, which is
/// named, must be made again.
[[nodiscard]] Result<ComposeResult> join_slices(const std::vector<std::string>& recordings,
                                                const ComposeOptions& options, int of,
                                                const std::filesystem::path& folder = {});

/// How far a film is that follows its call.
struct FollowState {
  std::int64_t written_ns = 0;  ///< of the film, that players can have
  std::int64_t waiting_ns = 0;  ///< of the call, recorded and not yet made
  int fps = 0;                  ///< fewer than asked for: the machine is too slow
};
struct FollowOptions {
  bool from_start = false;  ///< else from about now on
  std::function<void(const FollowState&)> on_state;  ///< on the calling thread, twice a second of the film
  /// Of a track's pictures, fetched and not yet in the film; then the rest is fetched later. More than a second of them.
  std::size_t most_kept_bytes = 32U << 20;
};

/// Follows a recording under way, a few seconds behind, until it ends or a stop is asked for: H.264 and AAC as HLS, in
/// fMP4 segments of two seconds. `options.output` is a folder; "index.m3u8" in it is what players open. Where the
/// machine is too slow the film has fewer pictures a second, and says so; its sound is whole. Who speaks is known by the
/// decoded sound. A recording that has ended is made too. Errors: as compose(); invalid_argument too for stems, side files,
/// thumbnail, sprites, marks, loudness, solo, mute, pan, `audio_only` and other codecs: such a film has none.
[[nodiscard]] Result<ComposeResult> follow_composition(const std::string& recording, const ComposeOptions& options,
                                                       const FollowOptions& follow = {});

/// Who is where when, and why, as JSON (docs/json.md), without making anything. `output` is not looked at.
/// Errors: as compose().
[[nodiscard]] Result<std::string> plan_composition(const std::vector<std::string>& recordings,
                                                   const ComposeOptions& options);

/// As JSON (docs/json.md).
[[nodiscard]] std::string serialize_result(const ComposeResult& result);

}  // namespace rtpx
