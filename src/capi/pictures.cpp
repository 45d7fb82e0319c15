// Decoded pictures for programs that look at them.
#include "capi/call.hpp"
#include "capi/picture_source.hpp"
#include "media/video_reader.hpp"

namespace rtpx::capi {
namespace {

/// The pictures of a file.
class FilePictures final : public PictureSource {
 public:
  explicit FilePictures(std::unique_ptr<VideoReader> reader) : reader_(std::move(reader)) {}

  Result<std::optional<Shown>> next() override {
    const auto picture = reader_->next();
    if (!picture) return std::unexpected(picture.error());
    if (*picture == nullptr) return std::nullopt;
    return Shown{*picture, reader_->time_ns(**picture), reader_->orientation()};
  }
  Result<void> seek(std::int64_t time_ns) override { return reader_->seek(time_ns); }

 private:
  std::unique_ptr<VideoReader> reader_;
};

/// Pictures as packed RGB, upright.
class RgbPicture {
 public:
  Result<const AVFrame*> make(const PictureSource::Shown& shown) {
    auto upright = scaler_.scale(*shown.picture, shown.picture->width, shown.picture->height);
    if (upright) upright = oriented(*std::move(upright), shown.orientation);
    if (!upright) return std::unexpected(std::move(upright).error());
    if (auto converted = convert(**upright); !converted) return std::unexpected(std::move(converted).error());
    return rgb_.get();
  }

 private:
  Result<void> convert(const AVFrame& picture) {
    if (!rgb_ || rgb_->width != picture.width || rgb_->height != picture.height) {
      auto made = libav::make_picture(AV_PIX_FMT_RGB24, picture.width, picture.height);
      if (!made) return std::unexpected(std::move(made).error());
      rgb_ = *std::move(made);
    }
    SwsContext* const scaler = sws_getCachedContext(
        to_rgb_.release(), picture.width, picture.height, static_cast<AVPixelFormat>(picture.format), picture.width,
        picture.height, AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr);
    to_rgb_.reset(scaler);
    if (scaler == nullptr) return fail(Errc::unsupported, "A picture cannot be made RGB.");
    sws_scale(scaler, picture.data, picture.linesize, 0, picture.height, rgb_->data, rgb_->linesize);
    return {};
  }

  PictureScaler scaler_{PictureScaler::Range::video, PictureScaler::Matrix::bt601};  // as RGB is made from
  libav::Scaler to_rgb_;
  libav::Frame rgb_;
};

}  // namespace
}  // namespace rtpx::capi

using namespace rtpx;

struct rtpx_pictures {
  std::unique_ptr<capi::PictureSource> source;
  capi::RgbPicture rgb;

  /// False: there is no more.
  Result<bool> next(rtpx_picture& out) {
    auto shown = source->next();
    if (!shown) return std::unexpected(std::move(shown).error());
    if (!*shown) return false;
    const auto made = rgb.make(**shown);
    if (!made) return std::unexpected(made.error());
    const AVFrame& picture = **made;
    out.time_ns = (*shown)->time_ns;
    out.rgb = picture.data[0];
    out.stride = static_cast<std::size_t>(picture.linesize[0]);
    out.width = picture.width;
    out.height = picture.height;
    return true;
  }
};

rtpx_pictures* capi::make_pictures(std::unique_ptr<PictureSource> source) {
  return new rtpx_pictures{std::move(source), {}};
}

rtpx_pictures* rtpx_pictures_open(const char* file, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_pictures*>(nullptr), [&]() -> rtpx_pictures* {
    auto reader = VideoReader::open(capi::text_or_empty(file));
    if (reader) return capi::make_pictures(std::make_unique<capi::FilePictures>(*std::move(reader)));
    capi::set_error(error, std::move(reader).error());
    return nullptr;
  });
}

int rtpx_pictures_next(rtpx_pictures* pictures, rtpx_picture* picture, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    rtpx_picture out{};
    auto more = pictures->next(out);
    if (!more) {
      capi::set_error(error, std::move(more).error());
      return -1;
    }
    capi::give(out, picture);
    return *more ? 1 : 0;
  });
}

int rtpx_pictures_seek(rtpx_pictures* pictures, int64_t time_ns, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    auto sought = pictures->source->seek(time_ns);
    if (sought) return 0;
    capi::set_error(error, std::move(sought).error());
    return -1;
  });
}

void rtpx_pictures_free(rtpx_pictures* pictures) { delete pictures; }
