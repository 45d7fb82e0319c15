#include "compose/paint.hpp"

#include <libyuv.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

namespace rtpx::film {
namespace {

constexpr double kCoverLoses = 0.75;  // of a side that is left, at least, where a picture may be cut

std::uint8_t* at(AVFrame& frame, int plane, int x, int y) {
  const int shift = plane == 0 ? 0 : 1;
  return frame.data[plane] + static_cast<std::ptrdiff_t>(y >> shift) * frame.linesize[plane] + (x >> shift);
}
const std::uint8_t* at(const AVFrame& frame, int plane, int x, int y) {
  const int shift = plane == 0 ? 0 : 1;
  return frame.data[plane] + static_cast<std::ptrdiff_t>(y >> shift) * frame.linesize[plane] + (x >> shift);
}

int even_side(double value, int most) {
  return std::clamp(static_cast<int>(std::lround(value / 2)) * 2, 2, most);
}

/// A part of a picture, all even.
struct Part {
  int x = 0, y = 0, width = 0, height = 0;
};

/// What of the picture is seen, and where in the tile, both upright.
struct Fitted {
  Part from, to;
};

Fitted fitted(int width, int height, int tile_width, int tile_height, Fit fit, bool screen) {
  const double shape = static_cast<double>(width) / height;
  const double wanted = static_cast<double>(tile_width) / tile_height;
  const double kept = std::min(shape / wanted, wanted / shape);
  const bool cover = fit == Fit::cover || (fit == Fit::automatic && !screen && kept >= kCoverLoses);
  const bool wider = shape > wanted;  // than the tile
  Fitted out{{0, 0, width & ~1, height & ~1}, {0, 0, tile_width, tile_height}};
  if (kept > 0.995) return out;
  if (cover) {
    if (wider)
      out.from.width = even_side(height * wanted, width & ~1);
    else
      out.from.height = even_side(width / wanted, height & ~1);
    out.from.x = (width - out.from.width) / 4 * 2;
    out.from.y = (height - out.from.height) / 4 * 2;
  } else {
    if (wider)
      out.to.height = even_side(tile_width / shape, tile_height);
    else
      out.to.width = even_side(tile_height * shape, tile_width);
    out.to.x = (tile_width - out.to.width) / 4 * 2;
    out.to.y = (tile_height - out.to.height) / 4 * 2;
  }
  return out;
}

/// The part of a picture as it was sent of which `upright` is a part once it has been mirrored and turned.
Part as_sent(const Part& upright, int width, int height, Orientation how) {
  Part out = upright;
  switch (how.clockwise_degrees) {
    case 90:
      out = {upright.y, height - upright.x - upright.width, upright.height, upright.width};
      break;
    case 180:
      out = {width - upright.x - upright.width, height - upright.y - upright.height, upright.width,
             upright.height};
      break;
    case 270:
      out = {width - upright.y - upright.height, upright.x, upright.height, upright.width};
      break;
    default:
      break;
  }
  if (how.mirrored) out.x = width - out.x - out.width;
  out.x = std::clamp(out.x & ~1, 0, std::max(0, width - out.width));
  out.y = std::clamp(out.y & ~1, 0, std::max(0, height - out.height));
  return out;
}

libyuv::RotationMode mode_of(int degrees) {
  return degrees == 90    ? libyuv::kRotate90
         : degrees == 180 ? libyuv::kRotate180
         : degrees == 270 ? libyuv::kRotate270
                          : libyuv::kRotate0;
}

std::uint8_t mixed(std::uint8_t below, std::uint8_t above, std::uint8_t cover) {
  return static_cast<std::uint8_t>((below * (255 - cover) + above * cover + 127) / 255);
}

}  // namespace

Yuv yuv_of(const Colour& colour) noexcept {
  const double r = colour.red, g = colour.green, b = colour.blue;
  const auto octet = [](double value) {
    return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  };
  return {octet(16 + 0.256788 * r + 0.504129 * g + 0.097906 * b),
          octet(128 - 0.148223 * r - 0.290993 * g + 0.439216 * b),
          octet(128 + 0.439216 * r - 0.367788 * g - 0.071427 * b)};
}

Overlay overlay_of(const std::uint8_t* argb, int stride, int width, int height, std::endian order) {
  Overlay out;
  out.width = width;
  out.height = height;
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  out.luma.resize(pixels);
  out.cover.resize(pixels);
  out.u.resize(pixels / 4);
  out.v.resize(pixels / 4);
  out.chroma_cover.resize(pixels / 4);
  const auto colour_at = [&](int x, int y, int& alpha) {
    const auto* at = reinterpret_cast<const std::byte*>(argb + static_cast<std::ptrdiff_t>(y) * stride + 4 * x);
    const auto pixel = order == std::endian::little ? load_le<std::uint32_t>(at) : load_be<std::uint32_t>(at);
    alpha = static_cast<int>(pixel >> 24);
    const auto part = [&](int shift) {
      const int value = static_cast<int>(pixel >> shift & 0xFFU);
      return static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(255, value * 255 / alpha));
    };
    return Colour{part(16), part(8), part(0)};
  };
  for (int y = 0; y < height; y += 2)
    for (int x = 0; x < width; x += 2) {
      int cover = 0, u = 0, v = 0;
      for (int dy = 0; dy < 2; ++dy)
        for (int dx = 0; dx < 2; ++dx) {
          int alpha = 0;
          const Yuv yuv = yuv_of(colour_at(x + dx, y + dy, alpha));
          const auto i = static_cast<std::size_t>(y + dy) * static_cast<std::size_t>(width) +
                         static_cast<std::size_t>(x + dx);
          out.luma[i] = yuv.y;
          out.cover[i] = static_cast<std::uint8_t>(alpha);
          cover += alpha;
          u += yuv.u * alpha;
          v += yuv.v * alpha;
        }
      const auto i = static_cast<std::size_t>(y / 2) * static_cast<std::size_t>(width / 2) +
                     static_cast<std::size_t>(x / 2);
      out.chroma_cover[i] = static_cast<std::uint8_t>(cover / 4);
      out.u[i] = static_cast<std::uint8_t>(cover == 0 ? 128 : u / cover);
      out.v[i] = static_cast<std::uint8_t>(cover == 0 ? 128 : v / cover);
    }
  return out;
}

void fill(AVFrame& picture, int x, int y, int width, int height, const Yuv& colour) noexcept {
  for (int row = 0; row < height; ++row)
    std::memset(at(picture, 0, x, y + row), colour.y, static_cast<std::size_t>(width));
  for (int row = 0; row < height; row += 2) {
    std::memset(at(picture, 1, x, y + row), colour.u, static_cast<std::size_t>(width / 2));
    std::memset(at(picture, 2, x, y + row), colour.v, static_cast<std::size_t>(width / 2));
  }
}

void blend(AVFrame& onto, const Overlay& overlay, int x, int y) noexcept {
  x += overlay.x;
  y += overlay.y;
  for (int row = 0; row < overlay.height; ++row) {
    std::uint8_t* to = at(onto, 0, x, y + row);
    const std::size_t first = static_cast<std::size_t>(row) * static_cast<std::size_t>(overlay.width);
    for (std::size_t i = 0; i < static_cast<std::size_t>(overlay.width); ++i)
      if (const std::uint8_t cover = overlay.cover[first + i]; cover != 0)
        to[i] = mixed(to[i], overlay.luma[first + i], cover);
  }
  for (int row = 0; row < overlay.height / 2; ++row) {
    std::uint8_t* u = at(onto, 1, x, y + 2 * row);
    std::uint8_t* v = at(onto, 2, x, y + 2 * row);
    const std::size_t first = static_cast<std::size_t>(row) * static_cast<std::size_t>(overlay.width / 2);
    for (std::size_t i = 0; i < static_cast<std::size_t>(overlay.width / 2); ++i)
      if (const std::uint8_t cover = overlay.chroma_cover[first + i]; cover != 0) {
        u[i] = mixed(u[i], overlay.u[first + i], cover);
        v[i] = mixed(v[i], overlay.v[first + i], cover);
      }
  }
}

void draw_border(AVFrame& picture, int thickness, const Yuv& colour) noexcept {
  const int width = picture.width, height = picture.height;
  if (width < 2 * thickness || height < 2 * thickness) return;
  fill(picture, 0, 0, width, thickness, colour);
  fill(picture, 0, height - thickness, width, thickness, colour);
  fill(picture, 0, thickness, thickness, height - 2 * thickness, colour);
  fill(picture, width - thickness, thickness, thickness, height - 2 * thickness, colour);
}

void copy_onto(AVFrame& onto, const AVFrame& picture, int x, int y) noexcept {
  libyuv::I420Copy(picture.data[0], picture.linesize[0], picture.data[1], picture.linesize[1],
                   picture.data[2], picture.linesize[2], at(onto, 0, x, y), onto.linesize[0],
                   at(onto, 1, x, y), onto.linesize[1], at(onto, 2, x, y), onto.linesize[2], picture.width,
                   picture.height);
}

AVFrame& TileScaler::scratch(libav::Frame& frame, int width, int height) {
  if (!frame || frame->width != width || frame->height != height) {
    auto made = libav::make_picture(AV_PIX_FMT_YUV420P, width, height);
    if (!made) throw std::bad_alloc();
    frame = std::move(*made);
  }
  return *frame;
}

Result<const AVFrame*> TileScaler::as_i420(const AVFrame& from) {
  if (converter_.is_made(from, from.width, from.height)) return &from;
  auto converted = converter_.scale(from, from.width, from.height);
  if (!converted) return std::unexpected(converted.error());
  converted_ = std::move(*converted);
  return converted_.get();
}

Result<void> TileScaler::scale(const AVFrame& picture, Orientation how, Fit fit, bool screen,
                               const Yuv& background, AVFrame& tile) {
  if (picture.width < 2 || picture.height < 2) return {};
  const auto converted = as_i420(picture);
  if (!converted) return std::unexpected(converted.error());
  const AVFrame& from = **converted;
  const bool swaps = how.swaps_sides();
  const Fitted fits = fitted(swaps ? from.height : from.width, swaps ? from.width : from.height, tile.width,
                             tile.height, fit, screen);
  if (fits.to.width != tile.width || fits.to.height != tile.height)
    fill(tile, 0, 0, tile.width, tile.height, background);
  const Part part = as_sent(fits.from, from.width, from.height, how);
  const bool straight = how == Orientation{};
  AVFrame& scaled = straight ? tile
                             : scratch(scaled_, swaps ? fits.to.height : fits.to.width,
                                       swaps ? fits.to.width : fits.to.height);
  const int x = straight ? fits.to.x : 0, y = straight ? fits.to.y : 0;
  const int width = straight ? fits.to.width : scaled.width,
            height = straight ? fits.to.height : scaled.height;
  const bool much_smaller = width * 2 < part.width || height * 2 < part.height;
  libyuv::I420Scale(at(from, 0, part.x, part.y), from.linesize[0], at(from, 1, part.x, part.y),
                    from.linesize[1], at(from, 2, part.x, part.y), from.linesize[2], part.width, part.height,
                    at(scaled, 0, x, y), scaled.linesize[0], at(scaled, 1, x, y), scaled.linesize[1],
                    at(scaled, 2, x, y), scaled.linesize[2], width, height,
                    much_smaller ? libyuv::kFilterBox : libyuv::kFilterBilinear);
  if (straight) return {};
  AVFrame* upright = &scaled;
  if (how.mirrored) {
    upright = &scratch(mirrored_, scaled.width, scaled.height);
    libyuv::I420Mirror(scaled.data[0], scaled.linesize[0], scaled.data[1], scaled.linesize[1], scaled.data[2],
                       scaled.linesize[2], upright->data[0], upright->linesize[0], upright->data[1],
                       upright->linesize[1], upright->data[2], upright->linesize[2], scaled.width,
                       scaled.height);
  }
  libyuv::I420Rotate(upright->data[0], upright->linesize[0], upright->data[1], upright->linesize[1],
                     upright->data[2], upright->linesize[2], at(tile, 0, fits.to.x, fits.to.y),
                     tile.linesize[0], at(tile, 1, fits.to.x, fits.to.y), tile.linesize[1],
                     at(tile, 2, fits.to.x, fits.to.y), tile.linesize[2], upright->width, upright->height,
                     mode_of(how.clockwise_degrees));
  return {};
}

}  // namespace rtpx::film
