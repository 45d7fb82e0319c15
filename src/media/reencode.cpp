#include "media/reencode.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "media/libav_quiet.hpp"
#include "media/libav_versions.hpp"
#include "media/picture.hpp"
#include "media/source_track.hpp"
#include "media/video_encoder.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostHeldBack = 8U << 20;  // bytes of samples held back for the order of times
constexpr std::chrono::milliseconds kProgressEvery{100};

/// Puts the samples of several tracks in the order of their times. An encoder that holds pictures back makes
/// the others wait, up to kMostHeldBack; then they go first.
class Merger {
 public:
  Merger(Muxer& muxer, std::size_t tracks) : muxer_(muxer), waiting_(tracks), ended_(tracks, false) {}

  Result<void> add(std::size_t track, const Sample& sample) {
    Held held{sample, {sample.data.begin(), sample.data.end()}};
    held.sample.track = track;
    bytes_ += held.data.size();
    waiting_[track].push_back(std::move(held));
    return write_ready();
  }
  Result<void> end(std::size_t track) {
    ended_[track] = true;
    return write_ready();
  }

 private:
  struct Held {
    Sample sample;
    std::vector<std::byte> data;
  };

  Result<void> write_ready() {
    for (;;) {
      std::size_t earliest = waiting_.size();
      bool all = true;
      for (std::size_t i = 0; i < waiting_.size(); ++i) {
        if (waiting_[i].empty()) {
          all = all && ended_[i];
        } else if (earliest == waiting_.size() ||
                   waiting_[i].front().sample.time_ns < waiting_[earliest].front().sample.time_ns) {
          earliest = i;
        }
      }
      if (earliest == waiting_.size() || (!all && bytes_ < kMostHeldBack)) return {};
      Held& held = waiting_[earliest].front();
      held.sample.data = held.data;
      if (auto written = muxer_.write(held.sample); !written) return written;
      bytes_ -= held.data.size();
      waiting_[earliest].pop_front();
    }
  }

  Muxer& muxer_;
  std::vector<std::deque<Held>> waiting_;
  std::vector<bool> ended_;
  std::size_t bytes_ = 0;
};

/// One video track on its way: decoder, fitting, encoder.
class VideoRoute {
 public:
  static Result<std::unique_ptr<VideoRoute>> open(const AVStream& stream, const Reencode& options) {
    auto route = std::make_unique<VideoRoute>();
    route->time_base_ = stream.time_base;
    route->orientation_ = orientation_of(libav::display_matrix(stream));
    auto decoder = libav::open_decoder(*stream.codecpar, std::max(options.threads, 0));
    if (!decoder) return std::unexpected(decoder.error());
    route->decoder_ = std::move(*decoder);
    int width = stream.codecpar->width, height = stream.codecpar->height;
    if (route->orientation_.swaps_sides()) std::swap(width, height);
    if (width <= 0 || height <= 0) return fail(Errc::malformed, "the size of its pictures is not known");
    const auto size = wanted_size(options.resolution.value_or(std::pair(-1, -1)), width, height, 2);
    if (!size) return std::unexpected(size.error());
    PictureFormat format;
    std::tie(format.width, format.height) = *size;
    if (stream.avg_frame_rate.num > 0 && stream.avg_frame_rate.den > 0 &&
        av_q2d(stream.avg_frame_rate) <= 240)
      format.frame_rate = stream.avg_frame_rate;
    format.range = AVCOL_RANGE_MPEG;
    format.matrix = stream.codecpar->color_space;
    // VP8's are BT.601's (RFC 6386 section 9.2), which its decoder does not tell; players take large pictures that tell nothing for BT.709's.
    if (stream.codecpar->codec_id == AV_CODEC_ID_VP8 || options.codec == VideoCodec::vp8) {
      format.matrix = AVCOL_SPC_SMPTE170M;
      route->scaler_ = PictureScaler(PictureScaler::Range::video, PictureScaler::Matrix::bt601);
    }
    auto encoder = VideoEncoder::open(options, format);
    if (!encoder) return std::unexpected(encoder.error());
    route->encoder_ = std::move(*encoder);
    return route;
  }

  [[nodiscard]] const StreamConfig& config() const noexcept { return encoder_->config(); }

  /// nullptr: the end of the track.
  Result<void> push(const AVPacket* packet, const VideoEncoder::Sink& sink) {
    auto decoded = libav::decode(*decoder_, packet, *frame_, [&]() -> Result<void> {
      if (frame_->best_effort_timestamp == AV_NOPTS_VALUE || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0)
        return {};
      const std::int64_t time = std::max<std::int64_t>(
          av_rescale_q(frame_->best_effort_timestamp, time_base_, libav::kNanoseconds), 0);
      auto picture = fitted();
      if (!picture) return std::unexpected(picture.error());
      ++pictures_;
      return encoder_->push(**picture, time, sink);
    });
    if (!decoded) return decoded;
    return packet == nullptr ? encoder_->finish(sink) : Result<void>();
  }

  [[nodiscard]] std::uint64_t pictures() const noexcept { return pictures_; }

 private:
  // The picture turned and within the encoder's size, black beside it where the shapes differ.
  Result<libav::Frame> fitted() {
    const int width = config().width, height = config().height;
    if (scaler_.is_made(*frame_, width, height) && orientation_ == Orientation{}) {
      libav::Frame same(av_frame_clone(frame_.get()));
      if (!same) throw std::bad_alloc();
      return same;
    }
    int shown_width = frame_->width, shown_height = frame_->height;
    if (orientation_.swaps_sides()) std::swap(shown_width, shown_height);
    const double scale =
        std::min(static_cast<double>(width) / shown_width, static_cast<double>(height) / shown_height);
    // Within a pixel or two of the size: the size, for want of a visible border.
    const auto side = [&](int shown, int whole) {
      const int fit = std::max(2, static_cast<int>(shown * scale + 0.5) / 2 * 2);
      return fit >= whole - 2 ? whole : fit;
    };
    const int fit_width = side(shown_width, width), fit_height = side(shown_height, height);
    const bool swap = orientation_.swaps_sides();
    auto scaled = scaler_.scale(*frame_, swap ? fit_height : fit_width, swap ? fit_width : fit_height);
    if (!scaled) return scaled;
    auto turned = oriented(std::move(*scaled), orientation_);
    if (!turned || (fit_width == width && fit_height == height)) return turned;
    auto canvas = libav::make_picture(AV_PIX_FMT_YUV420P, width, height);
    if (!canvas) return canvas;
    blacken(**canvas, PictureScaler::Range::video);
    paste(**canvas, **turned, (width - fit_width) / 4 * 2, (height - fit_height) / 4 * 2);
    return canvas;
  }

  AVRational time_base_{1, 1000};
  Orientation orientation_;
  libav::Codec decoder_;
  libav::Frame frame_ = libav::make_frame();
  PictureScaler scaler_{PictureScaler::Range::video};
  std::unique_ptr<VideoEncoder> encoder_;
  std::uint64_t pictures_ = 0;
};

/// One track of the input and where it goes.
struct Route {
  std::size_t output = 0;
  std::unique_ptr<VideoRoute> video;  // or
  std::unique_ptr<SourceTrack> copied;
};

class Reencoding {
 public:
  Reencoding(const std::filesystem::path& from, const Reencode& options) : from_(from), options_(options) {}

  Result<void> open_input() {
    quiet_libav();
    AVFormatContext* input = nullptr;
    if (const int opened = avformat_open_input(&input, ("file:" + from_.string()).c_str(), nullptr, nullptr);
        opened < 0)
      return std::unexpected(libav::error("open " + from_.string(), opened));
    input_.reset(input);
    if (const int found = avformat_find_stream_info(input, nullptr); found < 0)
      return std::unexpected(libav::error("read " + from_.string(), found));
    routes_.resize(input->nb_streams);
    for (unsigned i = 0; i < input->nb_streams; ++i)
      if (auto added = add_lane(i); !added)
        return std::unexpected(Error{added.error().code, from_.string() + ": " + added.error().message});
    if (std::ranges::none_of(routes_, [](const Route& route) { return route.video != nullptr; }))
      return fail(Errc::malformed, from_.string() + " has no video to encode");
    return {};
  }

  Result<void> run(const std::filesystem::path& to, Format format,
                   const std::function<void(double)>& progress, const std::stop_token& stop,
                   FileSystem& files) {
    auto muxer = open_muxer(format, to, tracks_, hints(), files);
    if (!muxer) return std::unexpected(muxer.error());
    Merger merger(**muxer, tracks_.size());
    const libav::Packet packet = libav::make_packet();
    auto told = std::chrono::steady_clock::now();
    for (;;) {
      if (stop.stop_requested()) return fail(Errc::cancelled, "stopped while re-encoding " + from_.string());
      const int got = av_read_frame(input_.get(), packet.get());
      if (got == AVERROR(EIO)) return std::unexpected(libav::error("read " + from_.string(), got));
      if (got < 0) break;
      if (progress && std::chrono::steady_clock::now() - told >= kProgressEvery) {
        told = std::chrono::steady_clock::now();
        progress(fraction(*packet));
      }
      auto passed = static_cast<std::size_t>(packet->stream_index) < routes_.size()
                        ? pass(routes_[static_cast<std::size_t>(packet->stream_index)], packet.get(), merger)
                        : Result<void>();
      av_packet_unref(packet.get());
      if (!passed) return passed;
    }
    for (Route& route : routes_)
      if (auto passed = pass(route, nullptr, merger); !passed) return passed;
    if (std::ranges::none_of(routes_,
                             [](const Route& route) { return route.video && route.video->pictures() > 0; }))
      return fail(Errc::malformed, "no picture of " + from_.string() + " could be decoded");
    auto finished = (*muxer)->finish();
    if (finished && progress) progress(1);
    return finished;
  }

 private:
  Result<void> add_lane(unsigned index) {
    const AVStream& stream = *input_->streams[index];
    OutputTrack track;
    if (stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO) {
      auto route = VideoRoute::open(stream, options_);
      if (!route) return std::unexpected(route.error());
      track.kind = MediaKind::video;
      track.mime_type = mime_type_of(options_.codec);
      track.config = (*route)->config();
      routes_[index].video = std::move(*route);
    } else if (stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
      auto source = SourceTrack::open(stream);
      if (!source) return std::unexpected(source.error());
      track = (*source)->track();
      routes_[index].copied = std::move(*source);
    } else {
      return {};
    }
    if (const auto* name = av_dict_get(stream.metadata, "title", nullptr, 0)) track.name = name->value;
    routes_[index].output = tracks_.size();
    tracks_.push_back(std::move(track));
    return {};
  }

  static Result<void> pass(Route& route, AVPacket* packet, Merger& merger) {
    const auto sink = [&](const Sample& sample) { return merger.add(route.output, sample); };
    if (route.video) {
      if (auto pushed = route.video->push(packet, sink); !pushed) return pushed;
    } else if (route.copied && packet != nullptr) {
      if (auto added = sink(route.copied->sample(*packet)); !added) return added;
    }
    return packet == nullptr && (route.video || route.copied) ? merger.end(route.output) : Result<void>();
  }

  [[nodiscard]] MuxHints hints() const {
    MuxHints made;
    if (input_->duration != AV_NOPTS_VALUE) made.duration_ns = input_->duration * 1'000;
    // At most two cues a second are written; without room in front they go to the end.
    if (options_.cues_to_front)
      made.cue_points = static_cast<std::uint64_t>(made.duration_ns / 500'000'000 + 2) * tracks_.size();
    if (const auto* title = av_dict_get(input_->metadata, "title", nullptr, 0)) made.title = title->value;
    // Those of Matroska, in which it was written before; libavformat names its own in lower case.
    for (const AVDictionaryEntry* one = nullptr;
         (one = av_dict_get(input_->metadata, "", one, AV_DICT_IGNORE_SUFFIX));)
      if (const std::string name = one->key; name != "title" && name != "creation_time" && name != "ENCODER")
        made.tags.emplace_back(name, one->value);
    if (const auto* date = av_dict_get(input_->metadata, "creation_time", nullptr, 0))
      made.date_utc = date->value;
    for (unsigned i = 0; i < input_->nb_chapters; ++i) {
      const AVChapter& chapter = *input_->chapters[i];
      const auto* text = av_dict_get(chapter.metadata, "title", nullptr, 0);
      made.chapters.push_back({av_rescale_q(chapter.start, chapter.time_base, AVRational{1, 1'000'000'000}),
                               text != nullptr ? text->value : ""});
    }
    return made;
  }

  [[nodiscard]] double fraction(const AVPacket& packet) const {
    const std::int64_t time = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
    if (time == AV_NOPTS_VALUE || input_->duration <= 0) return 0;
    const auto& base = input_->streams[packet.stream_index]->time_base;
    return std::clamp(
        static_cast<double>(av_rescale_q(time, base, AV_TIME_BASE_Q)) / static_cast<double>(input_->duration),
        0.0, 1.0);
  }

  std::filesystem::path from_;
  const Reencode& options_;
  libav::Input input_;
  std::vector<Route> routes_;  // by the input's stream
  std::vector<OutputTrack> tracks_;
};

}  // namespace

Result<void> reencode(const std::filesystem::path& from, const std::filesystem::path& to, Format format,
                      const Reencode& options, const std::function<void(double)>& progress,
                      std::stop_token stop, FileSystem& files) {
  if (auto checked = check_options(options); !checked) return checked;
  Reencoding work(from, options);
  if (auto opened = work.open_input(); !opened) return opened;
  return work.run(to, format, progress, stop, files);
}

}  // namespace rtpx
