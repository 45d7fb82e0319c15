#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "compose/call.hpp"
#include "compose/crew.hpp"
#include "compose/open_call.hpp"
#include "compose/overlays.hpp"
#include "compose/paint.hpp"
#include "compose/picture_track.hpp"
#include "compose/plan.hpp"
#include "media/video_encoder.hpp"

namespace rtpx::film {

struct FilmPictureOptions {
  int fps = 30;
  int threads = 1;  ///< that decode and scale
  Colour background;
  std::filesystem::path background_image;  ///< empty: none
  std::string title;                       ///< for the first five seconds; empty: none
  bool names = true;
  std::optional<FilmLogo> logo;
  std::optional<FilmClock> clock;
  std::optional<UtcTime> started;  ///< the film's zero; unset: not known, and there is no clock
  int begin_every_s = 5;  ///< so often a player can begin
  int every = 1;          ///< only every so many-th picture is painted; may change between two runs
};

/// Pictures of a film by number, from the one up to the other, which is not part of it.
struct PictureRange {
  std::int64_t from = 0, to = 0;
  bool operator==(const PictureRange&) const = default;
};
/// A film's, which has one at least.
[[nodiscard]] PictureRange pictures_of(std::int64_t duration_ns, int fps) noexcept;
/// Those of the slice `number`, 1 to `of`: as many as the others', and beginning where a player can begin. A short film
/// leaves some slices empty.
[[nodiscard]] PictureRange slice_of(const PictureRange& film, int fps, int number, int of) noexcept;
/// When it is shown.
[[nodiscard]] std::int64_t time_of_picture(std::int64_t number, int fps) noexcept;

/// Paints the film: goes through its time in steps of a picture, asks the tracks that are seen for their
/// pictures side by side, scales those that are new, and hands the canvas on where it has changed.
class FilmPictures {
 public:
  /// `time_ns`, whether a player should be able to begin here; the picture may be read and referred to, but
  /// not written. An error ends the film.
  using Sink = std::function<Result<void>(libav::Frame canvas, std::int64_t time_ns, bool begin)>;

  /// All must outlive the object. Errors: io, not_found, malformed and unsupported (of the background image
  /// and the logo).
  [[nodiscard]] static Result<std::unique_ptr<FilmPictures>> open(
      const Call& call, const std::vector<ParticipantSources>& sources, const Plan& plan,
      const FilmPictureOptions& options);

  /// A track that comes while the call goes on. `key`: the participant and his picture.
  void add_track(const std::pair<std::size_t, int>& key, std::unique_ptr<PictureTrack> track);

  /// Paints these pictures of the film, the same as when all are painted; again for what follows, when call and plan
  /// have grown. Errors: cancelled, io, those of `sink`.
  /// `progress` is told 0..1.
  [[nodiscard]] Result<void> run(const PictureRange& range, const Sink& sink, const std::stop_token& stop,
                                 const std::function<void(double)>& progress);

  /// Reads the tracks that the last scene does not show as far as this, so that they are at hand when one does. For a
  /// film that follows its call, after run().
  void pass_hidden(std::int64_t time_ns);

  [[nodiscard]] std::vector<ConvertNote> notes() const;
  /// Pictures that were decoded, scaled, and canvases handed on.
  struct Stats {
    std::uint64_t decoded = 0, scaled = 0, canvases = 0, unchanged = 0;
  };
  [[nodiscard]] Stats stats() const;

 private:
  using Key = std::pair<std::size_t, int>;  // participant and picture

  /// A tile of the scene with what is painted on it.
  struct Painted {
    Tile tile;
    bool screen = false;
    PictureTrack* track = nullptr;  // nullptr: initials
    libav::Frame picture;           // of the tile's size, with all that is drawn on it
    Overlay label;
    std::uint64_t number = 0;  // of the track's picture; 0: none yet
    bool changed = true;
    TileScaler* scaler = nullptr;
    std::optional<Error> failed;
  };
  FilmPictures(const Call& call, const std::vector<ParticipantSources>& sources, const Plan& plan,
               const FilmPictureOptions& options)
      : call_(call), sources_(sources), plan_(plan), options_(options), crew_(options.threads) {}

  [[nodiscard]] Result<void> open_tracks();
  [[nodiscard]] Result<void> open_background();
  [[nodiscard]] Result<void> open_overlays();
  [[nodiscard]] Result<void> begin_scene(const Scene& scene);
  void paint_initials(Painted& painted);
  [[nodiscard]] std::int64_t tick_of(const Tile& tile, std::int64_t time_ns, std::int64_t tick_ns) const;
  void advance(Painted& painted, std::int64_t time_ns);
  [[nodiscard]] Result<bool> advance_all(std::int64_t time_ns);
  void pass(const Scene& scene, std::int64_t time_ns);
  void give_up(const Key& key, const Error& why);
  [[nodiscard]] Result<libav::Frame> canvas(std::int64_t time_ns);

  const Call& call_;
  const std::vector<ParticipantSources>& sources_;
  const Plan& plan_;
  const FilmPictureOptions& options_;
  Crew crew_;
  std::map<Key, std::unique_ptr<PictureTrack>> tracks_;
  std::map<Key, TileScaler> scalers_;
  std::set<Key> broken_;  // could not be read further
  std::vector<ConvertNote> notes_;
  std::vector<Painted> painted_;
  libav::Frame background_;
  Overlay title_, logo_;
  std::optional<ClockOverlay> clock_;
  Yuv background_colour_;
  std::vector<libav::Frame> spare_;  // canvases that the encoder may still read
  std::int64_t next_ = 0;            // the next picture's number
  std::size_t scene_ = SIZE_MAX;     // that is painted
  std::int64_t handed_on_ns_ = 0;    // the last canvas
  bool titled_ = false;              // it had the title
  Stats stats_;
};

}  // namespace rtpx::film
