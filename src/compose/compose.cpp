#include <algorithm>
#include <cmath>
#include <thread>

#include "base/file_system.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "base/thread.hpp"
#include "base/utc_time.hpp"
#include "compose/film_encoder.hpp"
#include "compose/film_options.hpp"
#include "compose/film_pictures.hpp"
#include "compose/film_sound.hpp"
#include "compose/film_writer.hpp"
#include "compose/open_call.hpp"
#include "compose/plan.hpp"
#include "compose/side_files.hpp"
#include "compose/slice_file.hpp"
#include "media/sprites.hpp"
#include "media/thumbnail.hpp"
#include "media/video_reader.hpp"
#include "mux/published_file.hpp"
#include "report/notes.hpp"
#include "report/progress.hpp"
#include "rtpx/composer.hpp"

namespace rtpx {
namespace {

using namespace film;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr double kOpenShare = 0.2;     // of the whole, in time
constexpr double kMeasureShare = 0.2;  // where the sound is measured first
constexpr std::uint64_t kMostHashed = 64U << 20;  // of a background image; a larger one is known by its name

Result<void> check(const FilmSlice& slice) {
  if (slice.of >= 1 && slice.of <= kMostFilmSlices && slice.number >= 0 && slice.number <= slice.of) return {};
  return fail(Errc::invalid_argument,
              "a film is cut into 1 to " + std::to_string(kMostFilmSlices) + " slices, of which 0 is the sound");
}

std::string hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes) out += {kDigits[u8(byte) >> 4], kDigits[u8(byte) & 15]};
  return out;
}

/// The same for files that hold the same, whatever they are called. Empty: no file.
std::string id_of_content(const std::filesystem::path& file) {
  if (file.empty()) return {};
  const auto content = read_whole_file(real_file_system(), file, kMostHashed);
  return content ? hex(sha256(as_bytes(*content))) : file.filename().string();
}

/// One run of compose(), compose_slice(), join_slices() or plan_composition().
class Composition {
 public:
  Composition(const std::vector<std::string>& recordings, const ComposeOptions& options)
      : recordings_(recordings), options_(options), progress_(options.progress) {}

  Result<std::string> plan() {
    if (auto opened = open(std::filesystem::temp_directory_path(), {.levels = true}); !opened)
      return std::unexpected(opened.error());
    return serialize_plan(plan_, call_->call(), layout_);
  }

  Result<ComposeResult> run() {
    if (auto opened = open_for_output({.levels = true, .loudness = options_.loudness.has_value()}); !opened)
      return std::unexpected(opened.error());
    auto sound = open_sound(true);
    if (!sound) return std::unexpected(sound.error());
    auto made = target_.video ? make_film(**sound) : make_sound(**sound);
    if (!made) return std::unexpected(made.error());
    return finished();
  }

  Result<ComposeResult> slice(const FilmSlice& slice) {
    if (auto checked = rtpx::check(slice); !checked) return std::unexpected(checked.error());
    const bool is_sound = slice.number == 0;
    auto opened = open_for_output({.levels = !is_sound, .loudness = is_sound && options_.loudness});
    if (opened && !target_.video) opened = fail(Errc::invalid_argument, "sound alone is not cut into slices");
    if (!opened) return std::unexpected(opened.error());
    result_.file = slice_path(options_.output, slice);
    auto made = is_sound ? make_sound_slice(slice) : make_picture_slice(slice);
    if (!made) return std::unexpected(made.error());
    return finished();
  }

  /// Stems are mixed here: they are files of their own. `beside`: what slice_path() goes by.
  Result<ComposeResult> join(int of, const std::filesystem::path& beside) {
    if (auto checked = rtpx::check(FilmSlice{0, of}); !checked) return std::unexpected(checked.error());
    const bool mixes = options_.stems.has_value();
    auto opened = open_for_output({.levels = !options_.speech_file.empty(), .loudness = mixes && options_.loudness});
    if (opened && !target_.video) opened = fail(Errc::invalid_argument, "sound alone is not cut into slices");
    if (opened) opened = join_opened(of, mixes, beside);
    if (!opened) return std::unexpected(opened.error());
    return finished();
  }

 private:
  /// What is measured first, where it is not known.
  struct Measures {
    bool levels = false, loudness = false;
  };

  Result<ComposeResult> finished() {
    progress_.tell(1, "write");
    return std::move(result_);
  }

  Result<void> open_for_output(const Measures& measures) {
    const auto target = target_of(options_);
    if (!target) return std::unexpected(target.error());
    target_ = *target;
    std::filesystem::path folder = options_.output.parent_path();
    if (folder.empty()) folder = ".";
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return fail(Errc::io, "cannot make the folder " + folder.string() + ": " + failed.message());
    if (auto opened = open(folder, measures); !opened) return opened;
    const auto& people = call_->call().participants;
    bool heard = false;
    for (std::size_t i = 0; i < people.size(); ++i) heard = heard || (people[i].sound && voices_[i].heard);
    if (target_.video || heard) return {};
    return fail(Errc::nothing_to_convert, "nobody in the call is heard: there is no sound for a file of sound alone");
  }

  /// Recordings, voices, levels and loudness, and who is where when.
  Result<void> open(const std::filesystem::path& folder, const Measures& measures) {
    if (auto checked = film::check(options_); !checked) return checked;
    for (std::size_t i = 0; i < recordings_.size(); ++i)
      if (std::ranges::count(recordings_, recordings_[i]) > 1)
        return fail(Errc::invalid_argument, recordings_[i] + " is named twice: everybody in it would be there twice");
    auto layout = read_layout(options_);
    if (!layout) return std::unexpected(layout.error());
    layout_ = std::move(*layout);
    OpenCallOptions how{folder,
                        options_.download_path,
                        options_.downloader,
                        options_.e2ee_keys,
                        options_.identities,
                        options_.stop,
                        [this](double fraction) { progress_.tell(kOpenShare * fraction, "scan"); },
                        (kSecondNs + options_.fps - 1) / options_.fps};
    auto call = OpenCall::open(recordings_, how);
    if (!call) return std::unexpected(call.error());
    call_ = std::move(*call);
    samples_ = call_->call().duration_ns / 1'000'000 * kRate / 1'000;
    auto voices = voices_of(call_->call(), options_);
    if (!voices) return std::unexpected(voices.error());
    voices_ = std::move(*voices);
    done_ = kOpenShare;
    bool levels = false;
    for (std::size_t i = 0; i < voices_.size(); ++i)
      levels = levels || (measures.levels && call_->needs_measuring(i));
    if (auto measured = measure_sound_first(levels, measures.loudness); !measured) return measured;
    plan_ = plan_scenes(call_->call(), layout_, options_.width, options_.height);
    return {};
  }

  Result<void> measure_sound_first(bool levels, bool loudness) {
    const bool all_heard = std::ranges::all_of(voices_, &Voice::heard);
    if (levels) {
      auto measured = measure(std::vector<Voice>(voices_.size()));
      if (!measured) return std::unexpected(measured.error());
      for (std::size_t i = 0; i < voices_.size(); ++i)
        if (call_->needs_measuring(i)) call_->set_levels(i, std::move(measured->levels[i]));
      call_->find_turns();
      if (all_heard && options_.pan.empty()) loudness_ = measured->loudness_lufs;
    }
    if (loudness && !loudness_) {
      auto measured = measure(voices_);
      if (!measured) return std::unexpected(measured.error());
      loudness_ = measured->loudness_lufs;
    }
    return {};
  }

  Result<SoundMeasure> measure(const std::vector<Voice>& voices) {
    auto out = measure_sound(call_->sources(), voices, samples_, options_.stop, [this](double fraction) {
      progress_.tell(done_ + kMeasureShare * fraction, "measure");
    });
    done_ += kMeasureShare;
    return out;
  }

  /// To the loudness asked for, at most 30 dB; silence stays.
  [[nodiscard]] float gain() const {
    if (!options_.loudness || !loudness_ || !std::isfinite(*loudness_) || *loudness_ < -70) return 1;
    return static_cast<float>(std::pow(10, std::clamp(*options_.loudness - *loudness_, -30.0, 30.0) / 20));
  }

  /// `own`: encoded for the film, besides the stems.
  Result<std::unique_ptr<FilmSound>> open_sound(bool own) {
    auto mixer = Mixer::open(call_->sources(), voices_, gain(), samples_);
    if (!mixer) return std::unexpected(mixer.error());
    auto sound = std::make_unique<FilmSound>(*std::move(mixer));
    if (own)
      if (auto opened = sound->open_track(target_.audio); !opened) return std::unexpected(opened.error());
    if (options_.stems && !slicing_) {
      const Stems& stems = *options_.stems;
      auto taken = names_taken(options_, stems.folder, extension_of_stem(stems.format));
      if (auto opened = sound->open_stems(stems, call_->call(), std::move(taken)); !opened)
        return std::unexpected(opened.error());
    }
    return sound;
  }

  Result<std::unique_ptr<Muxer>> open_output(Format format, std::vector<OutputTrack> tracks) {
    MuxHints hints;
    hints.duration_ns = call_->call().duration_ns;
    hints.title = options_.title;
    if (tracks.size() > 1)  // one begins every five seconds, others where the encoder finds another scene
      hints.cue_points = static_cast<std::uint64_t>(hints.duration_ns / 250'000'000) + 16;
    if (call_->started()) hints.date_utc = format_utc(*call_->started());
    if (options_.chapters) hints.chapters = chapters_of(call_->call(), marks());
    return open_muxer(format, options_.output, tracks, hints);
  }

  Result<void> make_sound(FilmSound& sound) {
    auto muxer = open_output(target_.format, {sound.track()});
    if (!muxer) return std::unexpected(muxer.error());
    FilmWriter writer(std::move(*muxer), 1);
    auto ran = sound.run([&](const Sample& sample) { return writer.add(0, sample); }, options_.stop,
                         [this](std::int64_t samples) { tell_mixed(samples); });
    if (ran) ran = writer.end(0, call_->call().duration_ns);
    if (!ran) return ran;
    return publish(&sound, writer);
  }

  struct PictureEncoder {
    std::unique_ptr<VideoEncoder> encoder;
    OutputTrack track;
  };
  Result<PictureEncoder> open_encoder() {
    const PictureFormat format{
        options_.width, options_.height, {options_.fps, 1}, AVCOL_RANGE_MPEG, AVCOL_SPC_SMPTE170M};
    auto encoder = VideoEncoder::open(encoding_of(options_, *target_.video), format);
    if (!encoder) return std::unexpected(encoder.error());
    PictureEncoder out;
    out.encoder = std::move(*encoder);
    out.track.kind = MediaKind::video;
    out.track.mime_type = mime_type_of(*target_.video);
    out.track.config = out.encoder->config();
    return out;
  }

  /// The canvas here and its tiles on a crew, the encoder on a thread. `sink` is called on that thread.
  Result<void> paint(const PictureRange& range, std::unique_ptr<VideoEncoder> video, const VideoEncoder::Sink& sink,
                     const std::stop_token& stop) {
    const FilmPictureOptions how = painting_of(options_, layout_, call_->started());
    auto pictures = FilmPictures::open(call_->call(), call_->sources(), plan_, how);
    if (!pictures) return std::unexpected(pictures.error());
    FilmEncoder encoder(std::move(video), sink);
    auto painted = (*pictures)->run(
        range,
        [&](libav::Frame canvas, std::int64_t time_ns, bool begin) {
          return encoder.push(std::move(canvas), time_ns, begin);
        },
        stop, [this](double fraction) { tell_written(fraction); });
    if (painted) painted = encoder.finish();
    outcome_.stats = (*pictures)->stats();
    outcome_.notes = (*pictures)->notes();
    return painted;
  }

  Result<void> make_film(FilmSound& sound) {
    auto video = open_encoder();
    if (!video) return std::unexpected(video.error());
    auto muxer = open_output(target_.format, {video->track, sound.track()});
    if (!muxer) return std::unexpected(muxer.error());
    FilmWriter writer(std::move(*muxer), 2);
    auto ran = side_by_side(
        writer,
        [&](const std::stop_token& stop) {
          return paint(pictures_of(call_->call().duration_ns, options_.fps), std::move(video->encoder),
                       [&](const Sample& sample) { return writer.add(0, sample); }, stop);
        },
        [&](const std::stop_token& stop) {
          return sound.run([&](const Sample& sample) { return writer.add(1, sample); }, stop, {});
        });
    if (!ran) return ran;
    add_outcome(outcome_);
    return publish(&sound, writer);
  }

  using Work = std::function<Result<void>(const std::stop_token&)>;
  /// The pictures' work here, that of the sound on a thread; what fails ends both.
  Result<void> side_by_side(FilmWriter& writer, const Work& pictures, const Work& sound) {
    std::stop_source stop;  // of both
    const std::stop_callback forward(options_.stop, [&] { stop.request_stop(); });
    const auto run = [&](const Work& work, std::size_t track) {
      Result<void> done;
      try {
        done = work(stop.get_token());
        if (done) done = writer.end(track, call_->call().duration_ns);
      } catch (const std::exception& failure) {  // the other thread must end first
        done = fail(Errc::internal, failure.what());
      }
      if (!done) {
        stop.request_stop();
        writer.abort();
      }
      return done;
    };
    Result<void> heard;
    std::thread sound_thread = start_thread("rtpx-sound", [&] { heard = run(sound, 1); });
    const Result<void> seen = run(pictures, 0);
    sound_thread.join();
    if (options_.stop.stop_requested()) return fail(Errc::cancelled, "the film was cancelled");
    // What failed first tells why; the other one was only told to stop.
    if (!seen && (heard || seen.error().code != Errc::cancelled)) return seen;
    return heard;
  }

  /// The same for all slices of this film, and for those of no other.
  [[nodiscard]] std::string film_id(const OutputTrack& pictures) const {
    Json people = Json::array();
    for (const Participant& one : call_->call().participants) {
      Json shown = Json::array();
      for (const PictureFacts& picture : one.pictures) {
        shown.push_back(picture.track);
        shown.push_back(picture.screen);
        for (const Span& span : picture.shown) shown.push_back({span.from_ns, span.to_ns});
      }
      people.push_back({one.id, one.name, one.there.from_ns, one.there.to_ns, std::move(shown), one.sound});
    }
    const Json film{people,
                    call_->call().duration_ns,
                    {options_.width, options_.height, options_.fps, options_.bitrate, options_.crf},
                    {pictures.mime_type, hex(pictures.config.codec_private), static_cast<int>(target_.audio)},
                    {options_.layout_file.empty() ? options_.layout : id_of_content(options_.layout_file),
                     options_.background, id_of_content(options_.background_image), options_.title, options_.names},
                    {layout_.logo ? id_of_content(layout_.logo->file) : "", layout_.logo ? static_cast<int>(layout_.logo->place) : 0,
                     layout_.logo ? layout_.logo->height : 0, layout_.clock ? layout_.clock->offset : "",
                     layout_.clock ? static_cast<int>(layout_.clock->place) : 0},
                    {options_.loudness.value_or(0), options_.solo, options_.mute, options_.pan}};
    return hex(sha256(as_bytes(dump_json(film))));
  }

  Result<void> make_picture_slice(const FilmSlice& slice) {
    auto video = open_encoder();
    if (!video) return std::unexpected(video.error());
    auto writer = SliceWriter::create(result_.file, film_id(video->track), slice.number, slice.of);
    if (!writer) return std::unexpected(writer.error());
    const PictureRange range =
        slice_of(pictures_of(call_->call().duration_ns, options_.fps), options_.fps, slice.number, slice.of);
    auto made = paint(range, std::move(video->encoder),
                      [&](const Sample& sample) { return (*writer)->add(sample); }, options_.stop);
    if (!made) return made;
    add_outcome(outcome_);
    return (*writer)->finish(outcome_);
  }

  Result<void> make_sound_slice(const FilmSlice& slice) {
    slicing_ = true;
    auto video = open_encoder();
    if (!video) return std::unexpected(video.error());
    auto sound = open_sound(true);
    if (!sound) return std::unexpected(sound.error());
    auto writer = SliceWriter::create(result_.file, film_id(video->track), slice.number, slice.of);
    if (!writer) return std::unexpected(writer.error());
    auto made = (*sound)->run([&](const Sample& sample) { return (*writer)->add(sample); }, options_.stop,
                              [this](std::int64_t samples) { tell_mixed(samples); });
    if (!made) return made;
    outcome_.measured_loudness = measured_loudness();
    outcome_.notes = (*sound)->mixer().notes();
    add_outcome(outcome_);
    return (*writer)->finish(outcome_);
  }

  Result<void> join_opened(int of, bool mixes, const std::filesystem::path& beside) {
    auto video = open_encoder();
    if (!video) return std::unexpected(video.error());
    video->encoder.reset();
    const std::string film = film_id(video->track);
    auto sound = open_sound(true);
    if (!sound) return std::unexpected(sound.error());
    auto muxer = open_output(target_.format, {video->track, (*sound)->track()});
    if (!muxer) return std::unexpected(muxer.error());
    FilmWriter writer(std::move(*muxer), 2);
    const auto copy = [&](const FilmSlice& slice, std::size_t track, const std::stop_token& stop,
                          SliceOutcome& outcome) -> Result<void> {
      auto reader = SliceReader::open(slice_path(beside, slice), film, slice.number, slice.of);
      if (!reader) return std::unexpected(reader.error());
      for (;;) {
        if (stop.stop_requested()) return fail(Errc::cancelled, "the film was cancelled");
        const auto sample = (*reader)->next();
        if (!sample) return std::unexpected(sample.error());
        if (*sample == nullptr) break;
        if (auto added = writer.add(track, **sample); !added) return added;
      }
      outcome = (*reader)->outcome();
      return {};
    };
    std::vector<SliceOutcome> outcomes(static_cast<std::size_t>(of) + 1);
    auto ran = side_by_side(
        writer,
        [&](const std::stop_token& stop) {
          Result<void> copied;
          for (int number = 1; copied && number <= of; ++number) {
            copied = copy({number, of}, 0, stop, outcomes[static_cast<std::size_t>(number)]);
            tell_written(static_cast<double>(number) / of);
          }
          return copied;
        },
        [&](const std::stop_token& stop) {
          if (!mixes) return copy({0, of}, 1, stop, outcomes[0]);
          return (*sound)->run([&](const Sample& sample) { return writer.add(1, sample); }, stop, {});
        });
    if (!ran) return ran;
    for (const SliceOutcome& outcome : outcomes) add_outcome(outcome);
    return publish(mixes ? sound->get() : nullptr, writer);
  }

  /// Of the pictures, or of a slice; what several say alike is told once.
  void add_outcome(const SliceOutcome& outcome) {
    result_.pictures_decoded += outcome.stats.decoded;
    result_.pictures_scaled += outcome.stats.scaled;
    result_.canvases_encoded += outcome.stats.canvases;
    result_.canvases_unchanged += outcome.stats.unchanged;
    if (outcome.measured_loudness) result_.measured_loudness = outcome.measured_loudness;
    for (const ConvertNote& note : outcome.notes) {
      const auto same = [&](const ConvertNote& other) {
        return other.track_id == note.track_id && other.message == note.message;
      };
      if (std::ranges::none_of(result_.notes, same)) result_.notes.push_back(note);
    }
    result_.lost_media = std::ranges::any_of(result_.notes, tells_a_loss);
  }

  [[nodiscard]] std::optional<double> measured_loudness() const {
    if (loudness_ && std::isfinite(*loudness_)) return *loudness_;
    return std::nullopt;
  }

  void tell_mixed(std::int64_t samples) {
    tell_written(static_cast<double>(samples) / static_cast<double>(samples_));
  }
  void tell_written(double fraction) { progress_.tell(done_ + (1 - done_) * fraction, "write"); }

  /// All files appear, or none. `sound`: that was mixed here; null: it was not.
  Result<void> publish(FilmSound* sound, FilmWriter& writer) {
    Result<std::vector<ComposedStem>> stems;
    if (sound != nullptr) stems = sound->publish_stems();
    if (!stems) return std::unexpected(stems.error());
    auto outcome = write_side_files();
    if (outcome) outcome = writer.finish();
    if (!outcome) {
      std::vector<std::filesystem::path> made = result_.side_files;
      for (const ComposedStem& stem : *stems) made.push_back(stem.file);
      for (const std::filesystem::path& file : made) {
        std::error_code ignored;
        std::filesystem::remove(file, ignored);
      }
      return outcome;
    }
    result_.file = options_.output;
    result_.stems = std::move(*stems);
    result_.duration_ms = samples_ * 1'000 / kRate;
    result_.participants = call_->call().participants.size();
    if (const auto measured = measured_loudness()) result_.measured_loudness = measured;
    result_.notes.insert(result_.notes.begin(), call_->notes().begin(), call_->notes().end());
    for (const FilmMark& mark : marks())
      if (mark.time_ms < 0 || mark.time_ms * 1'000'000 >= call_->call().duration_ns)
        result_.notes.push_back({ConvertNote::Severity::skipped, "", "the mark \"" + mark.title + "\" lies outside of the film"});
    if (target_.video && std::ranges::all_of(plan_.scenes, [](const Scene& scene) { return scene.tiles.empty(); }))
      result_.notes.push_back({ConvertNote::Severity::skipped, "", "the layout shows nobody who is in the call, at any time"});
    make_scrub_pictures();
    if (sound != nullptr)
      for (ConvertNote& note : sound->mixer().notes()) result_.notes.push_back(std::move(note));
    result_.lost_media = std::ranges::any_of(result_.notes, tells_a_loss);
    return {};
  }

  /// Of the film that is there now. Without them it is whole, too.
  void make_scrub_pictures() {
    const std::string name = options_.output.string();
    const auto tell = [&](const Result<void>& made, const char* what, std::initializer_list<const char*> ends) {
      if (!made) result_.notes.push_back({ConvertNote::Severity::info, "", std::string("no ") + what + ": " + made.error().message});
      for (const char* end : ends)
        if (made) result_.side_files.emplace_back(name + end);
    };
    if (options_.thumbnail)
      tell(write_thumbnail(options_.output, name + "_thumbnail.jpg", *options_.thumbnail), "thumbnail", {"_thumbnail.jpg"});
    if (options_.sprites > 0)
      tell(write_sprites(options_.output, name + "_sprites.jpg", name + "_sprites.vtt", options_.sprites, options_.stop), "sprites",
           {"_sprites.jpg", "_sprites.vtt"});
  }

  Result<void> write_text(const std::filesystem::path& path, const std::string& text) {
    auto file = PublishedFile::create(path);
    if (!file) return std::unexpected(file.error());
    if (auto written = (*file)->append(as_bytes(text)); !written) return written;
    if (auto published = (*file)->publish(); !published) return published;
    result_.side_files.push_back(path);
    return {};
  }

  /// Those of the recordings and those asked for.
  [[nodiscard]] std::vector<FilmMark> marks() const {
    std::vector<FilmMark> out = call_->marks();
    out.insert(out.end(), options_.marks.begin(), options_.marks.end());
    return out;
  }

  Result<void> write_side_files() {
    const Call& call = call_->call();
    const std::vector<Chapter> chapters = chapters_of(call, marks());
    const std::string name = options_.output.stem().string();
    if (!options_.chapters_file.empty())
      if (auto written = write_text(options_.chapters_file, webvtt_of(chapters, call.duration_ns)); !written)
        return written;
    if (!options_.speech_file.empty()) {
      const bool rttm = options_.speech_file.extension() == ".rttm";
      if (auto written = write_text(options_.speech_file, rttm ? rttm_of(call, name) : speech_json_of(call));
          !written)
        return written;
    }
    if (options_.timeline_file.empty()) return {};
    auto clips = convert_for_timeline();
    if (!clips) return std::unexpected(clips.error());
    return write_text(options_.timeline_file, otio_of(name, *clips, chapters, call.duration_ns));
  }

  /// Each recording's own files, at their places on the film's clock.
  Result<std::vector<TimelineClip>> convert_for_timeline() {
    std::vector<TimelineClip> out;
    std::filesystem::path folder = options_.timeline_media;
    if (folder.empty()) folder = options_.timeline_file.parent_path();
    if (folder.empty()) folder = ".";
    for (std::size_t i = 0; i < recordings_.size(); ++i) {
      ConvertOptions how;
      how.output_path = recordings_.size() == 1 ? folder : folder / std::to_string(i + 1);
      how.download_path = options_.download_path;
      how.downloader = options_.downloader;
      how.e2ee_keys = options_.e2ee_keys;
      how.identities = options_.identities;
      how.layers = Layers::best;
      how.write_reports = false;
      const auto film_is_called = [&](const Participant& one) { return one.id == options_.output.stem().string(); };
      if (std::ranges::any_of(call_->call().participants, film_is_called)) how.suffix = "_clip";
      how.stop = options_.stop;
      auto converted = convert(recordings_[i], how);
      if (!converted) return std::unexpected(converted.error());
      for (const auto& [id, file] : converted->files) {
        const auto reader = VideoReader::open(file.file);
        const auto& people = call_->call().participants;
        const auto owner = std::ranges::find(people, id, &Participant::id);
        const bool sound = owner == people.end() || owner->sound;
        TimelineClip clip{id,
                          std::filesystem::absolute(file.file),
                          file.offset_ms * 1'000'000 + call_->offset_of(recordings_[i]),
                          std::max(file.duration_ms * 1'000'000, time_of_picture(1, options_.fps)),  // of a single picture
                          reader.has_value(),
                          sound};
        result_.side_files.push_back(file.file);
        out.push_back(std::move(clip));
      }
    }
    return out;
  }

  const std::vector<std::string>& recordings_;
  const ComposeOptions& options_;
  Progress progress_;
  double done_ = 0;  // of the whole
  bool slicing_ = false;
  Target target_;
  Layout layout_;
  std::unique_ptr<OpenCall> call_;
  Plan plan_;
  std::vector<Voice> voices_;
  std::int64_t samples_ = 0;
  std::optional<double> loudness_;  // of the mix as it is
  SliceOutcome outcome_;            // of what was painted or mixed here
  ComposeResult result_;
};

}  // namespace

Result<ComposeResult> compose(const std::vector<std::string>& recordings, const ComposeOptions& options) try {
  return Composition(recordings, options).run();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the composition failed: ") + failure.what());
}

std::filesystem::path slice_path(const std::filesystem::path& output, const FilmSlice& slice) {
  std::filesystem::path out = output;
  out += "." + std::to_string(slice.number) + "-of-" + std::to_string(slice.of) + ".slice";
  return out;
}

Result<ComposeResult> compose_slice(const std::vector<std::string>& recordings, const ComposeOptions& options,
                                    const FilmSlice& slice) try {
  return Composition(recordings, options).slice(slice);
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the composition failed: ") + failure.what());
}

Result<ComposeResult> join_slices(const std::vector<std::string>& recordings, const ComposeOptions& options,
                                  int of, const std::filesystem::path& folder) try {
  return Composition(recordings, options)
      .join(of, folder.empty() ? options.output : folder / options.output.filename());
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the composition failed: ") + failure.what());
}

Result<std::string> plan_composition(const std::vector<std::string>& recordings,
                                     const ComposeOptions& options) try {
  return Composition(recordings, options).plan();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the composition failed: ") + failure.what());
}

std::string serialize_result(const ComposeResult& result) {
  Json stems = Json::array(), notes = Json::array(), side_files = Json::array();
  for (const std::filesystem::path& file : result.side_files) side_files.push_back(file.string());
  for (const ComposedStem& stem : result.stems)
    stems.push_back(
        {{"participant", stem.participant}, {"name", stem.name}, {"location", stem.file.string()}});
  for (const ConvertNote& note : result.notes)
    notes.push_back(
        {{"severity", name_of(note.severity)}, {"track_id", note.track_id}, {"message", note.message}});
  Json out{{"location", result.file.string()},
           {"duration_ms", result.duration_ms},
           {"participants", result.participants},
           {"stems", std::move(stems)},
           {"side_files", std::move(side_files)},
           {"pictures_decoded", result.pictures_decoded},
           {"pictures_scaled", result.pictures_scaled},
           {"canvases_encoded", result.canvases_encoded},
           {"canvases_unchanged", result.canvases_unchanged},
           {"notes", std::move(notes)},
           {"lost_media", result.lost_media}};
  out["measured_loudness_lufs"] = result.measured_loudness ? Json(*result.measured_loudness) : Json(nullptr);
  return dump_json(out);
}

}  // namespace rtpx
