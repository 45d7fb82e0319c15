#include "media/picture.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "mux/published_file.hpp"

namespace rtpx {
namespace {

constexpr int kLongestSide = 16'384;
constexpr int kJpegQuality = 3;  // mjpeg's qscale: 1 best, 31 worst

// 4:2:0: each chroma plane has half the samples, rounded up.
int plane_side(int side, int plane) {
  return plane == 0 ? side : (side + 1) / 2;
}

void turn_plane(AVFrame& to, const AVFrame& from, int plane, Orientation how) {
  const int width = plane_side(from.width, plane), height = plane_side(from.height, plane);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int mx = how.mirrored ? width - 1 - x : x;
      int tx = mx, ty = y;
      if (how.clockwise_degrees == 90) tx = height - 1 - y, ty = mx;
      if (how.clockwise_degrees == 180) tx = width - 1 - mx, ty = height - 1 - y;
      if (how.clockwise_degrees == 270) tx = y, ty = width - 1 - mx;
      to.data[plane][ty * to.linesize[plane] + tx] = from.data[plane][y * from.linesize[plane] + x];
    }
}

bool is_full(const AVFrame& picture) noexcept {
  return picture.color_range == AVCOL_RANGE_JPEG || picture.format == AV_PIX_FMT_YUVJ420P;
}

bool is_bt709(const AVFrame& picture) noexcept {
  return picture.colorspace == AVCOL_SPC_BT709;
}

// -1: asks for the aspect.
bool is_side(int side) {
  return side == -1 || (side >= 1 && side <= kLongestSide);
}

}  // namespace

Orientation orientation_of(const std::int32_t* matrix) noexcept {
  if (matrix == nullptr) return {};
  // A mirrored matrix has a negative determinant; its rows are the picture's axes, so the mirror comes first.
  const double determinant =
      static_cast<double>(matrix[0]) * matrix[4] - static_cast<double>(matrix[1]) * matrix[3];
  const bool mirrored = determinant < 0;
  const double angle = std::atan2(-static_cast<double>(matrix[3]), static_cast<double>(matrix[4]));
  const auto quarter = static_cast<int>(std::lround(angle / (M_PI / 2)));
  return {((quarter % 4) + 4) % 4 * 90, mirrored};
}

Result<std::pair<int, int>> wanted_size(std::pair<int, int> wanted, int width, int height, int multiple) {
  if (!is_side(wanted.first) || !is_side(wanted.second))
    return fail(Errc::invalid_argument, "a picture of " + std::to_string(wanted.first) + "x" +
                                            std::to_string(wanted.second) +
                                            " is not possible: a side is 1 to " +
                                            std::to_string(kLongestSide) + ", or -1 to keep the aspect");
  const double aspect = static_cast<double>(width) / height;
  double w = wanted.first, h = wanted.second;
  if (wanted.first == -1) w = wanted.second == -1 ? width : h * aspect;
  if (wanted.second == -1) h = wanted.first == -1 ? height : w / aspect;
  const auto rounded = [multiple](double side) {
    return std::clamp(static_cast<int>(std::lround(side / multiple)) * multiple, multiple, kLongestSide);
  };
  return std::pair(rounded(w), rounded(h));
}

bool PictureScaler::is_made(const AVFrame& picture, int width, int height) const noexcept {
  return picture.format == AV_PIX_FMT_YUV420P && picture.width == width && picture.height == height &&
         is_full(picture) == (range_ == Range::full) && !(matrix_ == Matrix::bt601 && is_bt709(picture));
}

// The ranges are options: told afterwards, they do not reach a scaler that was chosen for pictures of one size.
Result<void> PictureScaler::prepare(const Work& work) {
  if (scaler_ && work == work_) return {};
  scaler_.reset(sws_alloc_context());
  if (!scaler_) throw std::bad_alloc();
  const int full = range_ == Range::full ? 1 : 0;
  for (const auto& [option, value] : std::initializer_list<std::pair<const char*, int>>{{"srcw", work.from_width},
                                                                                        {"srch", work.from_height},
                                                                                        {"src_format", work.format},
                                                                                        {"src_range", work.full ? 1 : 0},
                                                                                        {"dstw", work.width},
                                                                                        {"dsth", work.height},
                                                                                        {"dst_format", AV_PIX_FMT_YUV420P},
                                                                                        {"dst_range", full},
                                                                                        {"sws_flags", SWS_BICUBIC}})
    (void)av_opt_set_int(scaler_.get(), option, value, 0);
  if (sws_init_context(scaler_.get(), nullptr, nullptr) < 0) {
    scaler_.reset();
    const char* const name = av_get_pix_fmt_name(work.format);
    return fail(Errc::unsupported, std::string("cannot scale a picture of format ") + (name != nullptr ? name : "?"));
  }
  const int from = work.bt709 ? SWS_CS_ITU709 : SWS_CS_ITU601;
  sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(from), work.full ? 1 : 0,
                           sws_getCoefficients(matrix_ == Matrix::kept ? from : SWS_CS_ITU601), full, 0, 1 << 16, 1 << 16);
  work_ = work;
  return {};
}

Result<libav::Frame> PictureScaler::scale(const AVFrame& picture, int width, int height) {
  if (auto prepared = prepare({picture.width, picture.height, width, height, static_cast<AVPixelFormat>(picture.format),
                               is_full(picture), is_bt709(picture)});
      !prepared)
    return std::unexpected(std::move(prepared).error());
  auto scaled = libav::make_picture(AV_PIX_FMT_YUV420P, width, height);
  if (!scaled) return scaled;
  const int rows = sws_scale(scaler_.get(), picture.data, picture.linesize, 0, picture.height,
                             (*scaled)->data, (*scaled)->linesize);
  if (rows < 0) return std::unexpected(libav::error("scale a picture", rows));
  (*scaled)->color_range = range_ == Range::full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  (*scaled)->colorspace = matrix_ == Matrix::kept ? picture.colorspace : AVCOL_SPC_SMPTE170M;
  return scaled;
}

Result<libav::Frame> oriented(libav::Frame picture, Orientation how) {
  if (how.clockwise_degrees == 0 && !how.mirrored) return picture;
  auto turned = libav::make_picture(AV_PIX_FMT_YUV420P, how.swaps_sides() ? picture->height : picture->width,
                                    how.swaps_sides() ? picture->width : picture->height);
  if (!turned) return turned;
  for (int plane = 0; plane < 3; ++plane) turn_plane(**turned, *picture, plane, how);
  (*turned)->color_range = picture->color_range;
  (*turned)->colorspace = picture->colorspace;
  return turned;
}

void paste(AVFrame& onto, const AVFrame& picture, int x, int y) {
  for (int plane = 0; plane < 3; ++plane) {
    const int shift = plane == 0 ? 0 : 1;
    const int width = plane_side(picture.width, plane), height = plane_side(picture.height, plane);
    for (int row = 0; row < height; ++row)
      std::memcpy(onto.data[plane] + ((y >> shift) + row) * onto.linesize[plane] + (x >> shift),
                  picture.data[plane] + row * picture.linesize[plane], static_cast<std::size_t>(width));
  }
}

void blacken(AVFrame& picture, PictureScaler::Range range) {
  for (int plane = 0; plane < 3; ++plane)
    for (int row = 0; row < plane_side(picture.height, plane); ++row)
      std::memset(picture.data[plane] + row * picture.linesize[plane],
                  plane != 0                            ? 128
                  : range == PictureScaler::Range::full ? 0
                                                        : 16,
                  static_cast<std::size_t>(plane_side(picture.width, plane)));
}

double luma_variance(const AVFrame& picture) noexcept {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture.format));
  if (description == nullptr || picture.data[0] == nullptr) return 0;
  const int step = description->comp[0].step, offset = step > 1 ? step - 1 : 0;
  const int pace =
      std::max(1, static_cast<int>(std::sqrt(static_cast<double>(picture.width) * picture.height / 10'000)));
  double sum = 0, squares = 0;
  std::int64_t count = 0;
  for (int y = 0; y < picture.height; y += pace)
    for (int x = 0; x < picture.width; x += pace, ++count) {
      const double value = picture.data[0][y * picture.linesize[0] + x * step + offset];
      sum += value;
      squares += value * value;
    }
  const double mean = sum / static_cast<double>(std::max<std::int64_t>(count, 1));
  return squares / static_cast<double>(std::max<std::int64_t>(count, 1)) - mean * mean;
}

Result<std::vector<std::byte>> encode_jpeg(const AVFrame& picture) {
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  if (codec == nullptr) return fail(Errc::unsupported, "this build of FFmpeg has no JPEG encoder");
  const libav::Codec encoder(avcodec_alloc_context3(codec));
  if (!encoder) throw std::bad_alloc();
  encoder->width = picture.width;
  encoder->height = picture.height;
  encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
  encoder->color_range = AVCOL_RANGE_JPEG;
  encoder->time_base = {1, 1};
  encoder->thread_count = 1;
  encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
  encoder->global_quality = FF_QP2LAMBDA * kJpegQuality;
  if (const int opened = avcodec_open2(encoder.get(), codec, nullptr); opened < 0)
    return std::unexpected(libav::error("open the JPEG encoder", opened));

  const libav::Frame frame(av_frame_clone(&picture));
  if (!frame) throw std::bad_alloc();
  frame->format = AV_PIX_FMT_YUVJ420P;
  frame->quality = encoder->global_quality;
  frame->pts = 0;
  const libav::Packet packet = libav::make_packet();
  int code = avcodec_send_frame(encoder.get(), frame.get());
  if (code >= 0) code = avcodec_receive_packet(encoder.get(), packet.get());
  if (code < 0) return std::unexpected(libav::error("encode a picture as JPEG", code));

  const auto bytes = std::as_bytes(std::span(packet->data, static_cast<std::size_t>(packet->size)));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Result<void> write_jpeg(const AVFrame& picture, const std::filesystem::path& path, FileSystem& files) {
  const auto bytes = encode_jpeg(picture);
  if (!bytes) return std::unexpected(Error{bytes.error().code, path.string() + ": " + bytes.error().message});
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  if (auto written = (*out)->append(*bytes); !written) return written;
  return (*out)->publish();
}

}  // namespace rtpx
