#include "convert/output_writer.hpp"

#include <algorithm>
#include <limits>

#include "base/utc_time.hpp"
#include "mux/codec_id.hpp"
#include "mux/presentation_end.hpp"

namespace rtpx {
namespace {

constexpr int kFramesPerReport = 64;

OutputTrack describe(const WriterInput& input, const PlacedFrame& first) {
  OutputTrack track;
  track.kind = input.kind;
  track.mime_type = first.codec->mime_type;
  if (first.config != nullptr) track.config = *first.config;
  if (std::int64_t{input.width} * input.height > std::int64_t{track.config.width} * track.config.height) {
    track.config.width = input.width;
    track.config.height = input.height;
  }
  track.rotation = first.orientation.clockwise_degrees;
  track.mirrored = first.orientation.mirrored;
  track.name = input.name;
  track.config_changes = input.config_changes;
  track.codec_delay_ns = first.codec_delay_ns;
  return track;
}

class Writer {
 public:
  Writer(std::vector<WriterInput> inputs, const WriterOptions& options) : options_(options) {
    for (WriterInput& input : inputs) routes_.push_back({std::move(input)});
  }

  Result<WrittenOutput> run() {
    auto merged = merge();
    if (merged) return std::move(output_);
    muxer_.reset();  // takes its unfinished file away
    if (!output_.parts.empty() && unfinished_) output_.parts.pop_back();
    for (const WrittenPart& part : output_.parts) {
      (void)options_.files->remove(part.file);
    }
    return std::unexpected(merged.error());
  }

 private:
  Result<void> merge() {
    for (int count = 1;; ++count) {
      auto route = next_route();
      if (!route) return std::unexpected(route.error());
      if (*route == nullptr) break;
      if (auto written = write_next(**route); !written) return std::unexpected(written.error());
      if (output_.cut_off) break;
      if (count % kFramesPerReport != 0) continue;
      if (options_.stop.stop_requested()) return fail(Errc::cancelled, "the conversion was cancelled");
      if (options_.progress) options_.progress(now_ns_);
    }
    return muxer_ ? finish_part() : Result<void>{};
  }

  struct Route {
    WriterInput input;
    const PlacedFrame* next = nullptr;
    bool ended = false;
    std::int64_t order_ns = std::numeric_limits<std::int64_t>::min();  // decoding order never goes back
    std::size_t track = 0;                                             // in the open file
    bool in_file = false;
    const Codec* codec = nullptr;  // as in the open file
    const StreamConfig* config = nullptr;
    Orientation orientation;
    std::int64_t codec_delay_ns = 0;
    PresentationEnd end;
  };

  /// The route whose frame comes next; nullptr when all have ended.
  Result<Route*> next_route() {
    Route* first = nullptr;
    for (Route& route : routes_) {
      if (route.next == nullptr && !route.ended) {
        const auto frame = route.input.source->peek();
        if (!frame) return std::unexpected(frame.error());
        route.next = *frame;
        route.ended = route.next == nullptr;
        if (route.next != nullptr) route.order_ns = std::max(route.order_ns, route.next->time_ns);
      }
      if (route.next != nullptr && (first == nullptr || route.order_ns < first->order_ns)) first = &route;
    }
    return first;
  }

  Result<void> write_next(Route& route) {
    now_ns_ = route.order_ns;
    if (!muxer_ || must_split(route)) {
      if (is_full()) return {};
      if (auto opened = open_part(); !opened) return opened;
    }
    if (route.in_file) {
      auto written = write_frame(route);
      if (!written && written.error().code == Errc::unsupported && route.config != route.next->config) {
        if (is_full()) return {};
        if (auto opened = open_part(); !opened) return opened;  // the container cannot hold the change
        written = write_frame(route);
      }
      if (!written) return written;
    }
    route.next = nullptr;
    route.input.source->pop();
    return {};
  }

  bool is_full() { return output_.cut_off = output_.parts.size() == kMostParts; }

  [[nodiscard]] bool must_split(const Route& route) const {
    if (!route.in_file) return false;
    const PlacedFrame& next = *route.next;
    if (next.codec != route.codec && (next.codec->mime_type != route.codec->mime_type || sounds_other(route)))
      return true;
    if (next.frame.kind != FrameKind::key) return false;
    // No container turns a track from some time on. Beside a second picture a part would begin between
    // keyframes.
    if (route.orientation != next.orientation && format_turns(format_) && pictures_in_file() == 1)
      return true;
    return options_.on_change == OnChange::split && route.config != next.config;
  }

  /// Whether the next frame needs a decoder for another rate or number of channels. Opus' own packets tell
  /// their channels.
  [[nodiscard]] static bool sounds_other(const Route& route) {
    const StreamConfig& now = *route.config;
    const StreamConfig& next = *route.next->config;
    const bool opus = codec_of(route.codec->mime_type) == CodecId::opus;
    return route.input.kind == MediaKind::audio &&
           (now.sample_rate != next.sample_rate || (now.channels != next.channels && !opus));
  }

  [[nodiscard]] std::ptrdiff_t pictures_in_file() const {
    return std::ranges::count_if(
        routes_, [](const Route& route) { return route.in_file && route.input.kind == MediaKind::video; });
  }

  Result<void> write_frame(Route& route) {
    const PlacedFrame& placed = *route.next;
    Sample sample;
    sample.track = route.track;
    sample.time_ns = std::max<std::int64_t>(0, placed.time_ns - zero_ns_);
    sample.duration_ns = placed.duration_ns;
    sample.keyframe = placed.frame.kind == FrameKind::key;
    sample.discardable = placed.frame.discardable;
    sample.discard_ns = placed.discard_ns;
    sample.data = placed.frame.data;
    sample.owner = placed.frame.owner;
    if (route.config != placed.config) sample.new_config = placed.config;
    if (auto written = muxer_->write(sample); !written) return written;
    route.config = placed.config;
    route.codec = placed.codec;
    route.end.add(sample.time_ns, sample.duration_ns > 0
                                      ? std::max<std::int64_t>(sample.duration_ns - sample.discard_ns, 1)
                                      : 0);
    return {};
  }

  Result<void> open_part() {
    if (muxer_)
      if (auto finished = finish_part(); !finished) return finished;
    MuxHints hints;
    std::vector<OutputTrack> tracks;
    describe_tracks(tracks, hints);
    hints.shown_from_ns = options_.shown_from_ns > zero_ns_ ? options_.shown_from_ns - zero_ns_ : 0;
    if (options_.started)
      hints.date_utc =
          format_utc(*options_.started + std::chrono::microseconds((zero_ns_ + hints.shown_from_ns) / 1000));
    hints.title = options_.title;
    hints.tags = options_.tags;
    hints.chapters = chapters_from(options_.chapters, zero_ns_ + hints.shown_from_ns, hints.duration_ns - hints.shown_from_ns);
    format_ = options_.format == Format::automatic ? choose_format(tracks) : options_.format;
    if (auto chosen = leave_out(tracks, format_); !chosen) return chosen;
    const std::int64_t start_ns = zero_ns_ + hints.shown_from_ns;
    WrittenPart part{part_file(format_), start_ns, start_ns, false, {}};
    for (const OutputTrack& track : tracks) {
      part.has_video = part.has_video || track.kind == MediaKind::video;
      if (track.kind == MediaKind::audio) part.audio_types.push_back(track.mime_type);
    }
    auto muxer = open_muxer(format_, part.file, std::move(tracks), hints, *options_.files);
    if (!muxer) return std::unexpected(muxer.error());
    muxer_ = std::move(*muxer);
    output_.parts.push_back(std::move(part));
    unfinished_ = true;
    return {};
  }

  /// All routes that still have frames, as they are now.
  void describe_tracks(std::vector<OutputTrack>& tracks, MuxHints& hints) {
    zero_ns_ = std::numeric_limits<std::int64_t>::max();
    for (Route& route : routes_) {
      route.in_file = false;
      if (route.next == nullptr) continue;
      const PlacedFrame& first = *route.next;
      zero_ns_ = std::min(zero_ns_, first.time_ns);
      route.in_file = true;
      route.end = {};
      route.codec = first.codec;
      route.config = first.config;
      route.orientation = first.orientation;
      route.codec_delay_ns = first.codec_delay_ns;
      route.track = tracks.size();
      tracks.push_back(describe(route.input, first));
      if (route.input.kind == MediaKind::video) hints.cue_points += route.input.keyframe_bound;
    }
    for (const Route& route : routes_)
      if (route.in_file) hints.duration_ns = std::max(hints.duration_ns, route.input.end_ns - zero_ns_);
  }

  /// Takes out what the container cannot hold.
  Result<void> leave_out(std::vector<OutputTrack>& tracks, Format format) {
    std::vector<OutputTrack> kept;
    std::string why;
    for (Route& route : routes_) {
      if (!route.in_file) continue;
      OutputTrack& track = tracks[route.track];
      if (format_holds(format, track.mime_type) && kept.size() < most_tracks(format)) {
        route.track = kept.size();
        kept.push_back(std::move(track));
        continue;
      }
      if (!format_holds(format, track.mime_type) && most_tracks(format) > 1)
        return fail(Errc::unsupported, options_.stem + ": " + name_of(format) + " cannot hold " +
                                           track.mime_type +
                                           "; choose another format, or have it encoded anew");
      route.in_file = false;
      why = std::string(name_of(format)) + " cannot hold " + track.mime_type +
            (format_holds(format, track.mime_type) ? " beside the other track" : "");
      if (std::ranges::find(output_.left_out, why) == output_.left_out.end()) output_.left_out.push_back(why);
    }
    if (kept.empty()) return fail(Errc::unsupported, options_.stem + ": " + why);
    tracks = std::move(kept);
    return {};
  }

  [[nodiscard]] std::filesystem::path part_file(Format format) const {
    const std::size_t number = output_.parts.size() + 1;
    const std::string suffix = number > 1 ? "_part" + std::to_string(number) : "";
    return options_.folder / (options_.stem + suffix + extension_of(format));
  }

  Result<void> finish_part() {
    auto finished = muxer_->finish();
    muxer_.reset();
    unfinished_ = !finished;
    for (const Route& route : routes_)
      if (route.in_file)
        output_.parts.back().end_ns =
            std::max(output_.parts.back().end_ns, zero_ns_ + route.end.end_ns() - route.codec_delay_ns);
    return finished;
  }

  const WriterOptions& options_;
  std::vector<Route> routes_;
  std::unique_ptr<Muxer> muxer_;
  Format format_ = Format::automatic;  // of the open file
  WrittenOutput output_;
  bool unfinished_ = false;  // the last part is not under its name
  std::int64_t zero_ns_ = 0, now_ns_ = 0;
};

}  // namespace

std::vector<Chapter> chapters_from(const std::vector<Chapter>& all, std::int64_t zero_ns,
                                   std::int64_t duration_ns) {
  std::vector<Chapter> out;
  for (const Chapter& chapter : all) {
    const std::int64_t start = std::max<std::int64_t>(chapter.start_ns - zero_ns, 0);
    if (start >= duration_ns) break;
    if (start == 0) out.clear();
    out.push_back({start, chapter.text});
  }
  return out;
}

Result<WrittenOutput> write_output(std::vector<WriterInput> inputs, const WriterOptions& options) {
  return Writer(std::move(inputs), options).run();
}

}  // namespace rtpx
