#include "media/video_encoder.hpp"

#include <algorithm>
#include <charconv>
#include <new>
#include <string>
#include <thread>

#include "media/libav_quiet.hpp"
#include "media/libav_versions.hpp"
#include "media/picture.hpp"
#include "media/reencode.hpp"
#include "mux/annexb.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

const AVCodec* encoder_of(VideoCodec codec) noexcept {
  switch (codec) {
    case VideoCodec::vp8:
      return avcodec_find_encoder_by_name("libvpx");
    case VideoCodec::vp9:
      return avcodec_find_encoder_by_name("libvpx-vp9");
    case VideoCodec::av1:
      return avcodec_find_encoder_by_name("libaom-av1");
    case VideoCodec::h264:
      return avcodec_find_encoder_by_name("libx264");
  }
  return nullptr;
}

void set(AVDictionary*& options, const char* name, const std::string& value) {
  av_dict_set(&options, name, value.c_str(), 0);
}

// Speeds near real time on a laptop, as upstream's defaults have for VP8.
AVDictionary* encoder_options(const Reencode& options) {
  AVDictionary* out = nullptr;
  const int crf = options.codec == VideoCodec::h264 ? std::min(options.crf, 51) : options.crf;
  set(out, "crf", std::to_string(crf));
  switch (options.codec) {
    case VideoCodec::vp8:
      set(out, "deadline", "good");
      set(out, "cpu-used", "4");
      break;
    case VideoCodec::vp9:
      set(out, "deadline", "good");
      set(out, "cpu-used", "5");
      set(out, "row-mt", "1");
      break;
    case VideoCodec::av1:
      set(out, "usage", "realtime");
      set(out, "cpu-used", "8");
      set(out, "row-mt", "1");
      break;
    case VideoCodec::h264:
      set(out, "preset", "veryfast");
      break;
  }
  return out;
}

}  // namespace

bool can_encode(VideoCodec codec) noexcept {
  return encoder_of(codec) != nullptr;
}

const char* mime_type_of(VideoCodec codec) noexcept {
  switch (codec) {
    case VideoCodec::vp8:
      return "video/VP8";
    case VideoCodec::vp9:
      return "video/VP9";
    case VideoCodec::av1:
      return "video/AV1";
    case VideoCodec::h264:
      return "video/H264";
  }
  return "";
}

Result<std::int64_t> parse_bitrate(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double scale = unit.empty()                 ? 1
                       : unit == "k" || unit == "K" ? 1e3
                       : unit == "M" || unit == "m" ? 1e6
                                                    : 0;
  if (failed != std::errc() || scale == 0 || !(value * scale >= 1'000 && value * scale <= 1e9))
    return fail(
        Errc::invalid_argument,
        "\"" + text + "\" is no bit rate: 1000 to 1000000000 bits a second, as 1.5M, 800k or 2500000");
  return static_cast<std::int64_t>(value * scale);
}

Result<void> check_options(const Reencode& options) {
  if (options.crf < 4 || options.crf > 63)
    return fail(Errc::invalid_argument, "crf is " + std::to_string(options.crf) + ", not within 4 to 63");
  if (options.threads < 0 || options.threads > 1024)
    return fail(Errc::invalid_argument,
                "threads is " + std::to_string(options.threads) + ", not within 0 to 1024");
  if (options.gop_size < 1 || options.gop_size > 100'000)
    return fail(Errc::invalid_argument,
                "gop_size is " + std::to_string(options.gop_size) + ", not within 1 to 100000");
  if (auto rate = parse_bitrate(options.bitrate); !rate) return std::unexpected(rate.error());
  return {};
}

namespace {

Result<libav::Codec> open_encoder(const Reencode& options, const PictureFormat& format) {
  quiet_libav();
  if (auto checked = check_options(options); !checked) return std::unexpected(checked.error());
  const AVCodec* codec = encoder_of(options.codec);
  const std::string name = mime_type_of(options.codec);
  if (codec == nullptr) return fail(Errc::unsupported, "this build of FFmpeg cannot encode " + name);
  libav::Codec made(avcodec_alloc_context3(codec));
  if (!made) throw std::bad_alloc();
  AVCodecContext& encoder = *made;
  encoder.width = format.width;
  encoder.height = format.height;
  encoder.pix_fmt = AV_PIX_FMT_YUV420P;
  encoder.color_range = format.range;
  encoder.colorspace = format.matrix;
  encoder.time_base = {1, 1'000};
  encoder.framerate = format.frame_rate;
#if LIBAVCODEC_VERSION_MAJOR < 61
  // libvpx plans its rate by the length of a picture; later versions take it from the frame rate.
  encoder.ticks_per_frame =
      std::max(1, static_cast<int>(1'000 * format.frame_rate.den / std::max(1, format.frame_rate.num)));
#endif
  encoder.gop_size = options.gop_size;
  encoder.max_b_frames = 0;
  encoder.bit_rate = *parse_bitrate(options.bitrate);
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1U, 16U);
  encoder.thread_count = options.threads > 0 ? std::min(options.threads, 64) : static_cast<int>(cores);
  encoder.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (options.codec == VideoCodec::h264) {  // x264 takes either crf or a bit rate: the rate becomes the limit
    encoder.rc_max_rate = encoder.bit_rate;
    encoder.rc_buffer_size = static_cast<int>(std::min<std::int64_t>(2 * encoder.bit_rate, INT32_MAX));
    encoder.bit_rate = 0;
  }
  AVDictionary* dictionary = encoder_options(options);
  const int opened = avcodec_open2(&encoder, codec, &dictionary);
  av_dict_free(&dictionary);
  if (opened < 0) return std::unexpected(libav::error("open the encoder of " + name, opened));
  return made;
}

// libaom tells its sequence header with the first picture only: one encoder is spent to learn it.
Result<std::vector<std::byte>> av1_configuration(const Reencode& options, const PictureFormat& format) {
  auto encoder = open_encoder(options, format);
  if (!encoder) return std::unexpected(encoder.error());
  auto picture = libav::make_picture(AV_PIX_FMT_YUV420P, format.width, format.height);
  if (!picture) return std::unexpected(picture.error());
  blacken(**picture, PictureScaler::Range::video);
  (*picture)->pts = 0;
  const libav::Packet packet = libav::make_packet();
  int code = avcodec_send_frame(encoder->get(), picture->get());
  if (code >= 0) code = avcodec_send_frame(encoder->get(), nullptr);
  if (code >= 0) code = avcodec_receive_packet(encoder->get(), packet.get());
  if (code < 0) return std::unexpected(libav::error("encode video/AV1", code));
  return av1c_of_obus(std::as_bytes(std::span(packet->data, static_cast<std::size_t>(packet->size))));
}

}  // namespace

Result<std::unique_ptr<VideoEncoder>> VideoEncoder::open(const Reencode& options,
                                                         const PictureFormat& format) {
  auto made = std::make_unique<VideoEncoder>();
  made->codec_ = options.codec;
  auto encoder = open_encoder(options, format);
  if (!encoder) return std::unexpected(encoder.error());
  made->encoder_ = std::move(*encoder);
  made->config_.width = format.width;
  made->config_.height = format.height;
  if (options.codec == VideoCodec::h264) {
    const auto size = static_cast<std::size_t>(made->encoder_->extradata_size);
    made->config_.codec_private = avcc_of_annexb(std::as_bytes(std::span(made->encoder_->extradata, size)));
  }
  if (options.codec == VideoCodec::av1) {
    auto configuration = av1_configuration(options, format);
    if (!configuration) return std::unexpected(configuration.error());
    made->config_.codec_private = std::move(*configuration);
  }
  return made;
}

Result<void> VideoEncoder::push(AVFrame& picture, std::int64_t time_ns, const Sink& sink, bool keyframe) {
  picture.pts =
      std::max((time_ns + kNsPerMs / 2) / kNsPerMs, last_pts_ == INT64_MIN ? INT64_MIN : last_pts_ + 1);
  last_pts_ = picture.pts;
  // The encoder's choice, not the decoder's.
  picture.pict_type = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  libav::forget_duration(picture);
  if (const int sent = avcodec_send_frame(encoder_.get(), &picture); sent < 0)
    return std::unexpected(libav::error(std::string("encode ") + mime_type_of(codec_), sent));
  return drain(sink);
}

Result<void> VideoEncoder::finish(const Sink& sink) {
  (void)avcodec_send_frame(encoder_.get(), nullptr);
  return drain(sink);
}

Result<void> VideoEncoder::drain(const Sink& sink) {
  for (;;) {
    const int got = avcodec_receive_packet(encoder_.get(), packet_.get());
    if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return {};
    if (got < 0) return std::unexpected(libav::error(std::string("encode ") + mime_type_of(codec_), got));
    Sample sample;
    sample.time_ns = packet_->pts * kNsPerMs;
    sample.keyframe = (packet_->flags & AV_PKT_FLAG_KEY) != 0;
    sample.data = std::as_bytes(std::span(packet_->data, static_cast<std::size_t>(packet_->size)));
    if (codec_ == VideoCodec::h264) sample.data = length_prefixed(sample.data, converted_);
    auto taken = sink(sample);
    av_packet_unref(packet_.get());
    if (!taken) return taken;
  }
}

}  // namespace rtpx
