#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "codec/orientation.hpp"
#include "compose/layout.hpp"
#include "media/libav.hpp"
#include "media/picture.hpp"

namespace rtpx::film {

/// A colour as the film's pictures have it: BT.601, video range.
struct Yuv {
  std::uint8_t y = 16, u = 128, v = 128;
};
[[nodiscard]] Yuv yuv_of(const Colour& colour) noexcept;

/// A drawing that is laid over a picture: luma for each pixel, chroma for each 2 x 2, and how much it covers.
struct Overlay {
  int x = 0, y = 0, width = 0, height = 0;  ///< even; where it goes
  std::vector<std::uint8_t> luma, u, v;
  std::vector<std::uint8_t> cover, chroma_cover;
  [[nodiscard]] bool empty() const noexcept { return width == 0; }
};
/// From ARGB of 32 bits (alpha multiplied in) in `order`: cairo's is the machine's. `width` x `height`, both even.
[[nodiscard]] Overlay overlay_of(const std::uint8_t* argb, int stride, int width, int height, std::endian order);

/// All of a 4:2:0 picture, or a part of it (even), in one colour.
void fill(AVFrame& picture, int x, int y, int width, int height, const Yuv& colour) noexcept;
/// Lays `overlay` on a 4:2:0 picture, moved by (x, y), both even; it must fit.
void blend(AVFrame& onto, const Overlay& overlay, int x = 0, int y = 0) noexcept;
/// A frame of `thickness` (even) along the edges.
void draw_border(AVFrame& picture, int thickness, const Yuv& colour) noexcept;
/// Copies a 4:2:0 picture onto another at (x, y), both even; it must fit.
void copy_onto(AVFrame& onto, const AVFrame& picture, int x, int y) noexcept;

/// Brings pictures of any size, format and orientation into tiles.
class TileScaler {
 public:
  /// Scales `from` into all of `tile`, a 4:2:0 picture with even sides: turned upright, and cut or with
  /// borders in `background` as `fit` says. `screen`: what Fit::automatic means. Errors: unsupported (a
  /// format that cannot be converted). Throws std::bad_alloc.
  [[nodiscard]] Result<void> scale(const AVFrame& from, Orientation orientation, Fit fit, bool screen,
                                   const Yuv& background, AVFrame& tile);

 private:
  [[nodiscard]] Result<const AVFrame*> as_i420(const AVFrame& from);
  [[nodiscard]] AVFrame& scratch(libav::Frame& frame, int width, int height);

  PictureScaler converter_{PictureScaler::Range::video, PictureScaler::Matrix::bt601};  // as a film is
  libav::Frame converted_, scaled_, mirrored_;
};

}  // namespace rtpx::film
