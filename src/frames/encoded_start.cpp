#include "frames/encoded_start.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "mux/codec_id.hpp"

namespace rtpx {
namespace {

constexpr int kThreads = 2;  // more than one: pictures come in the order in which they are shown

std::optional<VideoCodec> same_codec(const std::string& mime_type) {
  switch (codec_of(mime_type).value_or(CodecId::opus)) {
    case CodecId::vp8:
      return VideoCodec::vp8;
    case CodecId::vp9:
      return VideoCodec::vp9;
    case CodecId::av1:
      return VideoCodec::av1;
    case CodecId::h264:
      return VideoCodec::h264;
    default:
      return std::nullopt;
  }
}

// A few seconds at most are encoded: well, and fast.
Reencode start_options(VideoCodec codec) {
  Reencode options;
  options.codec = codec;
  options.threads = 1;
  options.bitrate = "8M";
  options.gop_size = 100'000;
  return options;
}

bool fits(const AVFrame& picture, int width, int height) {
  return picture.format == AV_PIX_FMT_YUV420P && picture.width == width && picture.height == height;
}

}  // namespace

Result<const PlacedFrame*> EncodedStart::peek() {
  if (!begun_)
    if (auto begun = begin(); !begun) return std::unexpected(begun.error());
  while (ready_.empty() && encoding_)
    if (auto encoded = encode_next(); !encoded) return std::unexpected(encoded.error());
  if (ready_.empty()) return source_.peek();
  ready_.front().frame.frame.data = ready_.front().data;
  return &ready_.front().frame;
}

void EncodedStart::pop() {
  if (ready_.empty())
    source_.pop();
  else
    ready_.pop_front();
}

Result<std::int64_t> EncodedStart::seek(std::int64_t time_ns) {
  from_ns_ = time_ns;
  begun_ = encoding_ = false;
  decoder_.reset();
  encoder_.reset();
  before_.reset();
  times_.clear();
  ready_.clear();
  const auto first = peek();
  if (!first) return std::unexpected(first.error());
  return *first != nullptr ? (*first)->time_ns : time_ns;
}

Result<void> EncodedStart::begin() {
  begun_ = true;
  const auto found = source_.seek(from_ns_);
  if (!found) return std::unexpected(found.error());
  const auto first = source_.peek();
  if (!first) return std::unexpected(first.error());
  if (*first == nullptr || (*first)->time_ns >= from_ns_ || (*first)->codec == nullptr) return {};
  like_ = **first;
  like_.frame = {};
  codec_ = *like_.codec;
  const StreamConfig config = like_.config != nullptr ? *like_.config : StreamConfig{};
  if (!same_codec(codec_.mime_type))
    return fail(Errc::unsupported, "cannot encode " + codec_.mime_type + ": cut it at a keyframe");
  auto decoder = PictureDecoder::open(codec_.mime_type, config, kThreads);
  if (!decoder) return std::unexpected(decoder.error());
  decoder_ = std::move(*decoder);
  encoding_ = true;
  return {};
}

Result<void> EncodedStart::encode_next() {
  const auto next = source_.peek();
  if (!next) return std::unexpected(next.error());
  if (*next == nullptr) return finish();
  const PlacedFrame& frame = **next;
  const bool whole_keyframe = frame.frame.kind == FrameKind::key && !frame.frame.reference_lost;
  if (whole_keyframe && frame.time_ns > from_ns_) return finish();
  auto pushed = decoder_->push(
      frame.frame.data, frame.time_ns, frame.frame.kind == FrameKind::key,
      [this](AVFrame& picture, std::int64_t time_ns) { return take_picture(picture, time_ns); });
  source_.pop();
  return pushed;
}

Result<void> EncodedStart::take_picture(AVFrame& picture, std::int64_t time_ns) {
  if (time_ns <= from_ns_) {
    before_.reset(av_frame_clone(&picture));
    if (!before_) throw std::bad_alloc();
    return {};
  }
  if (before_) {  // what is seen at that moment
    const libav::Frame first = std::move(before_);
    if (auto encoded = encode(*first, from_ns_); !encoded) return encoded;
  }
  return encode(picture, time_ns);
}

Result<void> EncodedStart::encode(const AVFrame& picture, std::int64_t time_ns) {
  if (!encoder_) {
    PictureFormat format;
    format.width = (picture.width + 1) / 2 * 2;
    format.height = (picture.height + 1) / 2 * 2;
    format.frame_rate = {30, 1};
    format.range = fits(picture, format.width, format.height) ? picture.color_range : AVCOL_RANGE_MPEG;
    format.matrix = picture.colorspace;
    auto opened = VideoEncoder::open(start_options(*same_codec(codec_.mime_type)), format);
    if (!opened) return std::unexpected(opened.error());
    encoder_ = std::move(*opened);
    config_ = encoder_->config();
  }
  libav::Frame fitting;
  if (fits(picture, config_.width, config_.height)) {
    fitting.reset(av_frame_clone(&picture));
    if (!fitting) throw std::bad_alloc();
  } else {
    auto scaled = scaler_.scale(picture, config_.width, config_.height);
    if (!scaled) return std::unexpected(scaled.error());
    fitting = std::move(*scaled);
  }
  times_.push_back(time_ns);
  return encoder_->push(*fitting, time_ns - from_ns_, sink());
}

Result<void> EncodedStart::finish() {
  encoding_ = false;
  auto decoded = decoder_->finish(
      [this](AVFrame& picture, std::int64_t time_ns) { return take_picture(picture, time_ns); });
  if (!decoded) return decoded;
  if (before_) {
    const libav::Frame first = std::move(before_);
    if (auto encoded = encode(*first, from_ns_); !encoded) return encoded;
  }
  return encoder_ ? encoder_->finish(sink()) : Result<void>{};
}

VideoEncoder::Sink EncodedStart::sink() {
  return [this](const Sample& sample) -> Result<void> {
    Encoded& made =
        ready_.emplace_back(like_, std::vector<std::byte>(sample.data.begin(), sample.data.end()));
    made.frame.frame.kind = sample.keyframe ? FrameKind::key : FrameKind::delta;
    // In order, a picture each: the encoder's times are whole milliseconds.
    made.frame.time_ns = times_.empty() ? from_ns_ + sample.time_ns : times_.front();
    if (!times_.empty()) times_.pop_front();
    made.frame.config = &config_;
    made.frame.codec = &codec_;
    made.frame.after_loss = false;
    return {};
  };
}

}  // namespace rtpx
