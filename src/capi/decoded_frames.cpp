#include <algorithm>
#include <deque>
#include <new>
#include <string>

#include "capi/picture_source.hpp"
#include "media/picture_decoder.hpp"

namespace rtpx::capi {
namespace {

/// Decodes the frames of a FrameReader.
class DecodedFrames final : public PictureSource {
 public:
  explicit DecodedFrames(FrameReader frames) : frames_(std::move(frames)) {}

  Result<std::optional<Shown>> next() override {
    while (waiting_.empty()) {
      if (ended_) return std::nullopt;
      MediaFrame frame;
      const auto next = frames_.next(frame);
      if (!next) return std::unexpected(next.error());
      if (*next == Next::not_yet) return std::nullopt;
      ended_ = *next == Next::end;
      if (auto done = ended_ ? finish() : decode(frame); !done) return std::unexpected(std::move(done).error());
    }
    shown_ = std::move(waiting_.front());
    waiting_.pop_front();
    return Shown{shown_.picture.get(), shown_.time_ns, shown_.orientation};
  }

  Result<void> seek(std::int64_t time_ns) override {
    decoder_.reset();
    waiting_.clear();
    ended_ = false;
    auto sought = frames_.seek(time_ns);
    return sought ? Result<void>() : std::unexpected(std::move(sought).error());
  }

 private:
  struct Decoded {
    libav::Frame picture;
    std::int64_t time_ns = 0;
    Orientation orientation;
  };

  Result<void> decode(const MediaFrame& frame) {
    const bool other = frame.mime_type != mime_type_ || !std::ranges::equal(frame.codec_private, codec_private_);
    if (!decoder_ || (frame.new_config && other)) {
      if (auto done = finish(); !done) return done;
      mime_type_ = frame.mime_type;
      codec_private_.assign(frame.codec_private.begin(), frame.codec_private.end());
      StreamConfig config;
      config.width = frame.width;
      config.height = frame.height;
      config.codec_private = codec_private_;
      auto decoder = PictureDecoder::open(mime_type_, config);
      if (!decoder) return std::unexpected(std::move(decoder).error());
      decoder_ = *std::move(decoder);
    }
    orientation_ = {frame.rotation, frame.mirrored};
    return decoder_->push(frame.data, frame.time_ns, frame.keyframe, sink_);
  }

  /// What the decoder has held back.
  Result<void> finish() { return decoder_ ? decoder_->finish(sink_) : Result<void>(); }

  FrameReader frames_;
  std::string mime_type_;
  std::vector<std::byte> codec_private_;
  std::unique_ptr<PictureDecoder> decoder_;
  Orientation orientation_;
  std::deque<Decoded> waiting_;
  Decoded shown_;
  bool ended_ = false;
  const PictureDecoder::Sink sink_ = [this](AVFrame& picture, std::int64_t time_ns) -> Result<void> {
    libav::Frame kept(av_frame_clone(&picture));
    if (!kept) throw std::bad_alloc();
    waiting_.push_back({std::move(kept), time_ns, orientation_});
    return {};
  };
};

}  // namespace

std::unique_ptr<PictureSource> decoded(FrameReader frames) {
  return std::make_unique<DecodedFrames>(std::move(frames));
}

}  // namespace rtpx::capi
