// A film that is made while the call goes on.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/utc_time.hpp"
#include "compose/film_encoder.hpp"
#include "compose/film_options.hpp"
#include "compose/film_pictures.hpp"
#include "compose/frame_rate_rule.hpp"
#include "compose/live_call.hpp"
#include "compose/live_frames.hpp"
#include "compose/live_rendition.hpp"
#include "compose/mixer.hpp"
#include "compose/plan.hpp"
#include "media/audio_encoder.hpp"
#include "report/notes.hpp"
#include "rtpx/composer.hpp"
#include "rtpx/reader.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

using namespace film;
using namespace std::chrono_literals;
using FollowClock = std::chrono::steady_clock;

constexpr std::int64_t kFollowStepNs = 500'000'000;
constexpr std::int64_t kFollowMarginNs = 300'000'000;  // sound is decoded a little ahead
constexpr std::size_t kMostSoundKept = 32U << 20;      // bytes of a track
constexpr int kShareOfLooking = 5;                     // a look at the recording takes at most one part in so many

/// What the whole call is needed for, or what HLS of pictures and sound does not have.
Result<void> check_following(const ComposeOptions& options) {
  const std::pair<bool, const char*> unknown[] = {
      {!options.solo.empty(), "solo"},
      {!options.mute.empty(), "mute"},
      {!options.pan.empty(), "pan"},
      {options.loudness.has_value(), "loudness"},
      {options.stems.has_value(), "stems"},
      {!options.marks.empty(), "marks"},
      {!options.chapters_file.empty(), "file of chapters"},
      {!options.speech_file.empty(), "file of who spoke"},
      {!options.timeline_file.empty() || !options.timeline_media.empty(), "timeline"},
      {options.thumbnail.has_value(), "thumbnail"},
      {options.sprites != 0, "sprites"},
      {options.audio_only, "sound alone"},
      {options.codec.value_or(VideoCodec::h264) != VideoCodec::h264, "codec of the picture but H.264"},
      {options.audio_codec.value_or(AudioCodec::aac) != AudioCodec::aac, "codec of the sound but AAC"}};
  for (const auto& [is_asked_for, what] : unknown)
    if (is_asked_for)
      return fail(Errc::invalid_argument, std::string("a film that follows its call has no ") + what);
  return {};
}

class Follower {
 public:
  Follower(const std::string& recording, const ComposeOptions& options, const FollowOptions& follow)
      : recording_(recording),
        options_(options),
        follow_(follow),
        folder_(std::filesystem::is_directory(recording) ? std::filesystem::path(recording)
                                                         : std::filesystem::path(recording).parent_path()),
        call_(folder_) {}

  Result<ComposeResult> run() {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    Result<void> made;
    while (made && !options_.stop.stop_requested()) {
      const ReaderTimeline now = reader_->timeline();
      const std::int64_t until_ns =
          (now.running ? now.settled_ns - kFollowMarginNs : now.duration_ns) - zero_ns_;
      made = make_until(until_ns, !now.running);
      if (!made || (!now.running && at_ns_ >= until_ns)) break;
      made = look_again();
    }
    const bool stopped = made || made.error().code == Errc::cancelled;
    auto ended = end();
    if (!stopped) return std::unexpected(made.error());
    if (!ended) return std::unexpected(ended.error());
    return std::move(result_);
  }

 private:
  struct Track {
    std::size_t participant = 0;
    int picture = -1;
    std::unique_ptr<TrackSource> source;
    LiveFrames* frames = nullptr;  // of the track that reads them
  };

  Result<void> open() {
    if (auto checked = film::check(options_); !checked) return checked;
    if (auto checked = check_following(options_); !checked) return checked;
    auto layout = read_layout(options_);
    if (!layout) return std::unexpected(layout.error());
    layout_ = std::move(*layout);
    ReaderOptions reading;
    reading.fill_sound = false;
    reading.e2ee_keys = options_.e2ee_keys;
    reading.identities = options_.identities;
    reading.stop = options_.stop;
    auto reader = Reader::open(recording_, reading);
    const auto begins = [&] {
      return reader ? reader->timeline().running && reader->tracks().empty()
                    : reader.error().code == Errc::not_found && recording_owner(folder_).has_value();
    };
    // It may have begun this very moment.
    while (!options_.stop.stop_requested() && begins()) {
      std::this_thread::sleep_for(200ms);
      reader = Reader::open(recording_, reading);
    }
    if (!reader) return std::unexpected(reader.error());
    reader_.emplace(std::move(*reader));
    const ReaderTimeline now = reader_->timeline();
    if (now.running && !follow_.from_start) zero_ns_ = std::max<std::int64_t>(0, now.settled_ns - kLiveSegmentNs);
    return open_output(now);
  }

  Result<void> open_output(const ReaderTimeline& now) {
    std::error_code failed;
    std::filesystem::create_directories(options_.output, failed);
    if (failed)
      return fail(Errc::io, "cannot make the folder " + options_.output.string() + ": " + failed.message());
    constexpr AudioFormat kFormat{kRate, kChannels};
    auto sound = AudioEncoder::open(AudioCodec::aac, kFormat, kFormat);
    if (!sound) return std::unexpected(sound.error());
    sound_encoder_ = std::move(*sound);
    sound_encoder_->begin(0);
    Reencode how = encoding_of(options_, VideoCodec::h264);
    const PictureFormat format{
        options_.width, options_.height, {options_.fps, 1}, AVCOL_RANGE_MPEG, AVCOL_SPC_SMPTE170M};
    auto video = VideoEncoder::open(how, format);
    if (!video) return std::unexpected(video.error());
    OutputTrack track;
    track.kind = MediaKind::video;
    track.mime_type = mime_type_of(VideoCodec::h264);
    track.config = (*video)->config();
    std::optional<UtcTime> started;
    if (now.started) started = *now.started + std::chrono::microseconds(zero_ns_ / 1'000);
    auto pictures = LiveRendition::create(options_.output, "picture", track, started);
    if (!pictures) return std::unexpected(pictures.error());
    pictures_out_ = std::move(*pictures);
    auto heard = LiveRendition::create(options_.output, "sound", sound_encoder_->track(), started);
    if (!heard) return std::unexpected(heard.error());
    sound_out_ = std::move(*heard);
    constexpr std::int64_t kSoundAndBoxes = 200'000;
    const auto rate = parse_bitrate(how.bitrate);
    if (!rate) return std::unexpected(rate.error());
    if (auto written = write_live_index(options_.output, track, sound_encoder_->track(), *rate + kSoundAndBoxes,
                                        options_.fps);
        !written)
      return written;
    painting_ = painting_of(options_, layout_, started);
    painting_.begin_every_s = static_cast<int>(kLiveSegmentNs / 1'000'000'000);
    plan_ = Plan{options_.width, options_.height, {}};
    auto canvas = FilmPictures::open(call_.call(), call_.sources(), plan_, painting_);
    if (!canvas) return std::unexpected(canvas.error());
    canvas_ = std::move(*canvas);
    encoder_ = std::make_unique<FilmEncoder>(
        std::move(*video), [this](const Sample& sample) { return pictures_out_->add(sample); });
    return {};
  }

  /// Looks at what was recorded since, not so often that it is all that is done.
  Result<void> look_again() {
    const auto began = FollowClock::now();
    std::unique_lock<std::mutex> lock(pause_mutex_);
    pause_.wait_until(lock, options_.stop, look_at_, [] { return false; });
    lock.unlock();
    const auto looked = reader_->wait(500ms);
    const auto now = FollowClock::now();
    look_at_ = now + std::max<FollowClock::duration>(500ms, kShareOfLooking * (now - std::max(began, look_at_)));
    if (!looked) return std::unexpected(looked.error());
    return {};
  }

  /// Once the call is over, with a picture's time more, in which what came last is seen.
  Result<void> make_until(std::int64_t media_ns, bool over) {
    const std::int64_t until_ns = over ? media_ns + time_of_picture(1, options_.fps) : media_ns;
    while (at_ns_ + kFollowStepNs <= until_ns || (over && at_ns_ < until_ns)) {
      if (options_.stop.stop_requested()) return fail(Errc::cancelled, "stopped");
      if (at_ns_ / kLiveSegmentNs != (at_ns_ - kFollowStepNs) / kLiveSegmentNs) keep_pace(media_ns - at_ns_);
      const std::int64_t to_ns = std::min(at_ns_ + kFollowStepNs, until_ns);
      if (auto made = step(to_ns, over); !made) return made;
      at_ns_ = to_ns;
      if (follow_.on_state)
        follow_.on_state({std::min(pictures_out_->written_ns(), sound_out_->written_ns()), until_ns - at_ns_,
                          options_.fps / painting_.every});
    }
    return {};
  }

  void keep_pace(std::int64_t waiting_ns) {
    if (!rule_.behind(waiting_ns)) return;
    painting_.every = rule_.every();
    slowest_ = std::max(slowest_, rule_.every());
  }

  /// Sound first: it is what is never left out.
  Result<void> step(std::int64_t to_ns, bool over) {
    for (const LiveCall::Arrived& one : call_.look_for_tracks(reader_->tracks()))
      if (auto added = add_track(one); !added) return added;
    for (Track& track : tracks_) {
      const auto fetched = track.frames->fetch(zero_ns_ + to_ns + kFollowStepNs + kFollowMarginNs, [&](std::int64_t at) {
        if (track.picture < 0)
          call_.heard(track.participant, at - zero_ns_);
        else
          call_.saw(track.participant, track.picture, at - zero_ns_);
      });
      if (!fetched) return fetched;
    }
    if (auto mixed = mix(to_ns); !mixed) return mixed;
    call_.know_until(to_ns, over);
    plan_ = plan_scenes(call_.call(), layout_, options_.width, options_.height, at_ns_);
    PictureRange range{next_picture_, next_picture_};
    while (time_of_picture(range.to, options_.fps) < to_ns) ++range.to;
    next_picture_ = range.to;
    auto painted = canvas_->run(
        range,
        [&](libav::Frame picture, std::int64_t time_ns, bool begin) {
          return encoder_->push(std::move(picture), time_ns, begin);
        },
        options_.stop, {});
    if (painted && range.from < range.to) canvas_->pass_hidden(time_of_picture(range.to - 1, options_.fps));
    return painted;
  }

  Result<void> add_track(const LiveCall::Arrived& one) {
    auto reader = reader_->frames(one.track, {}, zero_ns_ + at_ns_);
    if (!reader) {
      result_.notes.push_back(
          {ConvertNote::Severity::skipped, one.track, "track " + one.track + ": " + reader.error().message});
      return {};
    }
    Track& track = tracks_.emplace_back();
    track.participant = one.participant;
    track.picture = one.picture;
    track.source = std::make_unique<TrackSource>();
    track.source->id = one.track;
    track.source->offset_ns = -zero_ns_;
    auto frames = std::make_unique<LiveFrames>(std::move(*reader),
                                               one.picture >= 0 ? follow_.most_kept_bytes : kMostSoundKept);
    track.frames = frames.get();
    if (one.picture >= 0) {
      canvas_->add_track({one.participant, one.picture}, PictureTrack::of(*track.source, std::move(frames)));
    } else {
      mixer_->add(one.participant, SoundTrack::of(*track.source, std::move(frames), mixer_->next_sample(),
                                                  [live = track.frames] { return !live->ended(); }));
    }
    return {};
  }

  Result<void> mix(std::int64_t to_ns) {
    const std::int64_t until = to_ns / 1'000'000 * kRate / 1'000;
    while (mixed_ + Mixer::kBlock <= until) {
      const auto count = mixer_->next();
      if (!count) return std::unexpected(count.error());
      const std::int64_t time_ns = mixed_ * 1'000 / kRate * 1'000'000;
      for (const Track& track : tracks_) {
        if (track.picture >= 0) continue;
        const float* part = mixer_->part(track.participant);
        double sum = 0;
        for (int i = 0; part != nullptr && i < *count * kChannels; ++i) sum += double{part[i]} * part[i];
        call_.measured(track.participant, time_ns, sum > 0 ? 10 * std::log10(sum / (*count * kChannels)) : -127);
      }
      if (auto pushed = sound_encoder_->push(mixer_->mix(), *count, sound_sink()); !pushed) return pushed;
      mixed_ += *count;
    }
    return {};
  }

  AudioEncoder::Sink sound_sink() {
    return [this](const Sample& sample) { return sound_out_->add(sample); };
  }

  Result<void> end() {
    if (!encoder_) return {};
    Result<void> ended = encoder_->finish();
    if (auto done = sound_encoder_->finish(sound_sink()); ended) ended = done;
    if (auto done = pictures_out_->end(at_ns_); ended) ended = done;
    if (auto done = sound_out_->end(at_ns_); ended) ended = done;
    result_.file = options_.output / "index.m3u8";
    result_.duration_ms = at_ns_ / 1'000'000;
    result_.participants = call_.call().participants.size();
    for (ConvertNote& note : canvas_->notes()) result_.notes.push_back(std::move(note));
    if (slowest_ > 1)
      result_.notes.push_back({ConvertNote::Severity::info, "",
                               "the machine was too slow for " + std::to_string(options_.fps) +
                                   " pictures a second: at times the film has " +
                                   std::to_string(std::max(1, options_.fps / slowest_))});
    const FilmPictures::Stats stats = canvas_->stats();
    result_.pictures_decoded = stats.decoded;
    result_.pictures_scaled = stats.scaled;
    result_.canvases_encoded = stats.canvases;
    result_.canvases_unchanged = stats.unchanged;
    result_.lost_media = std::ranges::any_of(result_.notes, tells_a_loss);
    return ended;
  }

  const std::string& recording_;
  const ComposeOptions& options_;
  const FollowOptions& follow_;
  const std::filesystem::path folder_;  // of the recording
  Layout layout_;
  std::optional<Reader> reader_;
  std::int64_t zero_ns_ = 0;  // the film's, on the recording's timeline
  std::int64_t at_ns_ = 0;    // of the film, made
  LiveCall call_;
  Plan plan_;
  FilmPictureOptions painting_;
  std::deque<Track> tracks_;
  std::unique_ptr<Mixer> mixer_ = Mixer::live();
  std::int64_t mixed_ = 0, next_picture_ = 0;
  std::unique_ptr<AudioEncoder> sound_encoder_;
  std::unique_ptr<LiveRendition> pictures_out_, sound_out_;
  std::unique_ptr<FilmPictures> canvas_;
  std::unique_ptr<FilmEncoder> encoder_;
  FrameRateRule rule_;
  int slowest_ = 1;
  FollowClock::time_point look_at_ = FollowClock::now();
  std::mutex pause_mutex_;
  std::condition_variable_any pause_;
  ComposeResult result_;
};

}  // namespace

Result<ComposeResult> follow_composition(const std::string& recording, const ComposeOptions& options,
                                         const FollowOptions& follow) try {
  return Follower(recording, options, follow).run();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the composition failed: ") + failure.what());
}

}  // namespace rtpx
