#include "compose/film_pictures.hpp"

#include <algorithm>
#include <atomic>

#include "compose/labels.hpp"
#include "media/video_reader.hpp"

namespace rtpx::film {
namespace {

constexpr std::int64_t kFilmSecondNs = 1'000'000'000;
constexpr std::int64_t kLongestShownNs = 2 * kFilmSecondNs;  // an unchanged canvas, before it is handed on again
constexpr std::int64_t kTitleNs = 5 * kFilmSecondNs;
constexpr Colour kSpeaking{0x3D, 0xDC, 0x84};
constexpr int kProgressEvery = 15;  // pictures

bool same_place(const Tile& a, const Tile& b) {
  return a.participant == b.participant && a.picture == b.picture && a.width == b.width &&
         a.height == b.height && a.fit == b.fit && a.muted == b.muted && a.speaking == b.speaking;
}

}  // namespace

std::int64_t time_of_picture(std::int64_t number, int fps) noexcept {
  return number / fps * kFilmSecondNs + number % fps * kFilmSecondNs / fps;
}

PictureRange pictures_of(std::int64_t duration_ns, int fps) noexcept {
  const std::int64_t rest = duration_ns % kFilmSecondNs * fps;
  return {0, std::max<std::int64_t>(1, duration_ns / kFilmSecondNs * fps + (rest + kFilmSecondNs - 1) / kFilmSecondNs)};
}

PictureRange slice_of(const PictureRange& film, int fps, int number, int of) noexcept {
  const std::int64_t group = std::int64_t{FilmPictureOptions().begin_every_s} * fps, groups = (film.to + group - 1) / group;
  return {groups * (number - 1) / of * group, std::min(groups * number / of * group, film.to)};
}

Result<std::unique_ptr<FilmPictures>> FilmPictures::open(const Call& call,
                                                         const std::vector<ParticipantSources>& sources,
                                                         const Plan& plan,
                                                         const FilmPictureOptions& options) {
  std::unique_ptr<FilmPictures> film(new FilmPictures(call, sources, plan, options));
  film->background_colour_ = yuv_of(options.background);
  if (auto opened = film->open_background(); !opened) return std::unexpected(opened.error());
  if (auto opened = film->open_overlays(); !opened) return std::unexpected(opened.error());
  if (auto opened = film->open_tracks(); !opened) return std::unexpected(opened.error());
  return film;
}

// Only tracks that are seen, for the largest tile in which they are.
Result<void> FilmPictures::open_tracks() {
  std::map<Key, std::pair<int, int>> largest;
  for (const Scene& scene : plan_.scenes)
    for (const Tile& tile : scene.tiles) {
      if (tile.picture < 0) continue;
      auto& size = largest[{tile.participant, tile.picture}];
      if (tile.width * tile.height > size.first * size.second) size = {tile.width, tile.height};
    }
  for (const auto& [key, size] : largest) {
    const TrackSource& source = sources_[key.first].pictures[static_cast<std::size_t>(key.second)];
    auto track = PictureTrack::open(source, size.first, size.second);
    if (!track) {
      notes_.push_back(
          {ConvertNote::Severity::skipped, source.id, "track " + source.id + ": " + track.error().message});
      continue;
    }
    tracks_[key] = std::move(*track);
    scalers_[key];
  }
  return {};
}

Result<void> FilmPictures::open_background() {
  auto picture = libav::make_picture(AV_PIX_FMT_YUV420P, plan_.width, plan_.height);
  if (!picture) return std::unexpected(picture.error());
  background_ = std::move(*picture);
  fill(*background_, 0, 0, plan_.width, plan_.height, background_colour_);
  if (options_.background_image.empty()) return {};
  auto reader = VideoReader::open(options_.background_image);
  if (!reader) return std::unexpected(reader.error());
  const auto image = (*reader)->next();
  if (!image) return std::unexpected(image.error());
  if (*image == nullptr)
    return fail(Errc::malformed,
                options_.background_image.string() + " holds no picture that can be decoded");
  TileScaler scaler;
  return scaler.scale(**image, {}, Fit::cover, false, background_colour_, *background_);
}

Result<void> FilmPictures::open_overlays() {
  if (!options_.title.empty()) title_ = draw_title(options_.title, plan_.width, plan_.height);
  if (options_.logo) {
    auto logo = read_logo(*options_.logo, plan_.width, plan_.height);
    if (!logo) return std::unexpected(logo.error());
    logo_ = std::move(*logo);
  }
  if (!options_.clock) return {};
  const auto offset = parse_clock_offset(options_.clock->offset);
  if (!offset) return std::unexpected(offset.error());
  if (options_.started)
    clock_.emplace(*options_.clock, *offset, *options_.started, plan_.width, plan_.height);
  else
    notes_.push_back({ConvertNote::Severity::info, "", "the recording does not say what time it was: the film has no clock"});
  return {};
}

// Tiles that are as they were keep their pictures.
Result<void> FilmPictures::begin_scene(const Scene& scene) {
  std::vector<Painted> before = std::move(painted_);
  painted_.clear();
  for (const Tile& tile : scene.tiles) {
    const auto same = std::ranges::find_if(
        before, [&](const Painted& old) { return old.picture && same_place(old.tile, tile); });
    if (same != before.end()) {
      painted_.push_back(std::move(*same));
      painted_.back().tile = tile;
      continue;
    }
    Painted painted;
    painted.tile = tile;
    const Participant& one = call_.participants[tile.participant];
    if (tile.picture >= 0) {
      painted.screen = one.pictures[static_cast<std::size_t>(tile.picture)].screen;
      if (const auto track = tracks_.find({tile.participant, tile.picture});
          track != tracks_.end() && !broken_.contains(track->first)) {
        painted.track = track->second.get();
        painted.scaler = &scalers_[track->first];
      }
    }
    auto picture = libav::make_picture(AV_PIX_FMT_YUV420P, tile.width, tile.height);
    if (!picture) return std::unexpected(picture.error());
    painted.picture = std::move(*picture);
    const bool sign = tile.muted && !painted.screen;
    painted.label = draw_label(options_.names ? one.name : "", sign, tile.width, tile.height);
    paint_initials(painted);
    painted_.push_back(std::move(painted));
  }
  return {};
}

// What stands there until the first picture comes.
void FilmPictures::paint_initials(Painted& painted) {
  const Participant& one = call_.participants[painted.tile.participant];
  AVFrame& picture = *painted.picture;
  if (painted.screen)
    fill(picture, 0, 0, picture.width, picture.height, background_colour_);
  else
    blend(picture, draw_initials(one.name, one.id, picture.width, picture.height));
  if (!painted.label.empty()) blend(picture, painted.label);
  if (painted.tile.speaking) draw_border(picture, 4, yuv_of(kSpeaking));
  painted.changed = true;
}

// As PictureTrack::at(): nothing waits for a tick at which its track is no longer shown.
std::int64_t FilmPictures::tick_of(const Tile& tile, std::int64_t time_ns, std::int64_t tick_ns) const {
  const auto& facts = call_.participants[tile.participant].pictures[static_cast<std::size_t>(tile.picture)];
  return holds(facts.shown, time_ns + tick_ns) ? tick_ns : 0;
}

// On any thread of the crew.
void FilmPictures::advance(Painted& painted, std::int64_t time_ns) try {
  if (painted.track == nullptr) return;
  const std::int64_t tick_ns = kFilmSecondNs * options_.every / options_.fps;
  const auto shown = painted.track->at(time_ns, tick_of(painted.tile, time_ns, tick_ns));
  if (!shown) {
    painted.failed = shown.error();
    return;
  }
  if (!*shown || (*shown)->number == painted.number) return;
  painted.number = (*shown)->number;
  const auto scaled = painted.scaler->scale(*(*shown)->picture, (*shown)->orientation, painted.tile.fit,
                                            painted.screen, background_colour_, *painted.picture);
  if (!scaled) {
    painted.failed = scaled.error();
    return;
  }
  if (!painted.label.empty()) blend(*painted.picture, painted.label);
  if (painted.tile.speaking) draw_border(*painted.picture, 4, yuv_of(kSpeaking));
  painted.changed = true;
} catch (const std::exception& failure) {
  painted.failed = Error{Errc::internal, failure.what()};
}

// Whether anything has changed.
Result<bool> FilmPictures::advance_all(std::int64_t time_ns) {
  std::map<PictureTrack*, std::vector<Painted*>> seen;  // a layout of one's own may show a track twice
  for (Painted& painted : painted_)
    if (painted.track != nullptr) seen[painted.track].push_back(&painted);
  std::vector<const std::vector<Painted*>*> work;
  for (const auto& [track, tiles] : seen) work.push_back(&tiles);
  crew_.run(work.size(), [&](std::size_t i) {
    for (Painted* painted : *work[i]) advance(*painted, time_ns);
  });
  bool changed = false;
  for (Painted& painted : painted_) {
    if (painted.failed) {
      give_up({painted.tile.participant, painted.tile.picture}, *painted.failed);
      painted.failed.reset();
      painted.track = nullptr;
      paint_initials(painted);
    }
    if (painted.changed && painted.track != nullptr && painted.number > 0) ++stats_.scaled;
    changed = changed || painted.changed;
    painted.changed = false;
  }
  return changed;
}

Result<libav::Frame> FilmPictures::canvas(std::int64_t time_ns) {
  libav::Frame made;
  for (libav::Frame& spare : spare_)
    if (av_frame_is_writable(spare.get()) > 0) {
      made.reset(av_frame_clone(spare.get()));
      break;
    }
  if (!made) {
    auto picture = libav::make_picture(AV_PIX_FMT_YUV420P, plan_.width, plan_.height);
    if (!picture) return std::unexpected(picture.error());
    if (spare_.size() < 16) spare_.emplace_back(av_frame_clone(picture->get()));
    made = std::move(*picture);
  }
  if (!made) throw std::bad_alloc();
  const bool covered = painted_.size() == 1 && painted_[0].tile.width == plan_.width &&
                       painted_[0].tile.height == plan_.height;
  if (!covered) copy_onto(*made, *background_, 0, 0);
  for (const Painted& painted : painted_) copy_onto(*made, *painted.picture, painted.tile.x, painted.tile.y);
  if (!logo_.empty()) blend(*made, logo_);
  if (clock_) blend(*made, clock_->overlay());
  if (!title_.empty() && time_ns < kTitleNs) blend(*made, title_);
  made->color_range = AVCOL_RANGE_MPEG;
  made->colorspace = AVCOL_SPC_SMPTE170M;
  return made;
}

void FilmPictures::give_up(const Key& key, const Error& why) {
  if (!broken_.insert(key).second) return;
  const std::string& id = sources_[key.first].pictures[static_cast<std::size_t>(key.second)].id;
  notes_.push_back(
      {ConvertNote::Severity::loss, id, "track " + id + ": its pictures end early: " + why.message});
}

Result<void> FilmPictures::run(const PictureRange& range, const Sink& sink, const std::stop_token& stop,
                               const std::function<void(double)>& progress) {
  if (range.from >= range.to) return {};
  const std::int64_t last = pictures_of(call_.duration_ns, options_.fps).to - 1;
  const std::int64_t group = std::int64_t{options_.begin_every_s} * options_.fps;
  std::size_t scene = 0;
  scene_ = SIZE_MAX;
  for (; next_ < range.to; ++next_) {
    const std::int64_t i = next_;
    if (stop.stop_requested()) return fail(Errc::cancelled, "the film was cancelled");
    const std::int64_t now = time_of_picture(i, options_.fps);
    while (scene + 1 < plan_.scenes.size() && plan_.scenes[scene].span.to_ns <= now) ++scene;
    if (i < range.from) {
      if (scene < plan_.scenes.size()) pass(plan_.scenes[scene], now);
      continue;
    }
    const bool begin = i % group == 0;
    if (i % options_.every != 0 && !begin) continue;
    bool changed = i == range.from;
    if (scene != scene_ && scene < plan_.scenes.size()) {
      if (auto begun = begin_scene(plan_.scenes[scene]); !begun) return begun;
      scene_ = scene;
      changed = true;
    }
    const auto advanced = advance_all(now);
    if (!advanced) return std::unexpected(advanced.error());
    const bool title = !title_.empty() && now < kTitleNs;
    const bool ticks = clock_ && clock_->advance(now);
    changed = changed || *advanced || ticks || title != titled_;
    titled_ = title;
    if (changed || begin || now - handed_on_ns_ >= kLongestShownNs || i == last) {
      auto picture = canvas(now);
      if (!picture) return std::unexpected(picture.error());
      handed_on_ns_ = now;
      ++stats_.canvases;
      if (auto taken = sink(std::move(*picture), now, begin); !taken) return taken;
    } else {
      ++stats_.unchanged;
    }
    if (progress && i % kProgressEvery == 0)
      progress(static_cast<double>(i - range.from) / static_cast<double>(range.to - range.from));
  }
  return {};
}

void FilmPictures::add_track(const Key& key, std::unique_ptr<PictureTrack> track) {
  tracks_[key] = std::move(track);
  scalers_[key];
}

// What is not painted is read all the same: which picture waits for the next tick depends on those before.
void FilmPictures::pass(const Scene& scene, std::int64_t time_ns) {
  for (const Tile& tile : scene.tiles) {
    if (tile.picture < 0) continue;
    const Key key{tile.participant, tile.picture};
    const auto track = tracks_.find(key);
    if (track == tracks_.end() || broken_.contains(key)) continue;
    const auto passed = track->second->pass(time_ns, tick_of(tile, time_ns, kFilmSecondNs / options_.fps));
    if (!passed) give_up(key, passed.error());
  }
}

void FilmPictures::pass_hidden(std::int64_t time_ns) {
  for (const auto& [key, track] : tracks_) {
    const bool painted =
        std::ranges::any_of(painted_, [&](const Painted& one) { return one.track == track.get(); });
    if (painted || broken_.contains(key)) continue;
    if (const auto passed = track->pass(time_ns, kFilmSecondNs / options_.fps); !passed) give_up(key, passed.error());
  }
}

std::vector<ConvertNote> FilmPictures::notes() const {
  std::vector<ConvertNote> out = notes_;
  for (const auto& [key, track] : tracks_)
    if (!track->refused().empty()) {
      const std::string& id = sources_[key.first].pictures[static_cast<std::size_t>(key.second)].id;
      out.push_back({ConvertNote::Severity::skipped, id, "track " + id + ": " + track->refused()});
    }
  return out;
}

FilmPictures::Stats FilmPictures::stats() const {
  Stats out = stats_;
  for (const auto& [key, track] : tracks_) out.decoded += track->decoded();
  return out;
}

}  // namespace rtpx::film
