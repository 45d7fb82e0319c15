#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "base/file_system.hpp"
#include "codec/orientation.hpp"
#include "media/libav.hpp"

namespace rtpx {

/// Of an MP4 display matrix or what FFmpeg makes of a Matroska projection; nullptr: as it is. Odd angles are
/// rounded to the next quarter.
[[nodiscard]] Orientation orientation_of(const std::int32_t* display_matrix) noexcept;

/// Width and height for a picture of `width` x `height` in which a side of -1 keeps the aspect (both: the
/// size itself), at least 1, rounded to the nearest `multiple`. Errors: invalid_argument (a side that is
/// neither -1 nor 1..16384).
[[nodiscard]] Result<std::pair<int, int>> wanted_size(std::pair<int, int> wanted, int width, int height,
                                                      int multiple = 1);

/// Scales pictures of any size and format into 4:2:0 pictures, in one go with the conversion of their colours;
/// keeps its tables from picture to picture.
class PictureScaler {
 public:
  enum class Range : std::uint8_t { video, full };  ///< full: JPEG's
  enum class Matrix : std::uint8_t { kept, bt601 };
  /// JPEG's pictures are BT.601's.
  explicit PictureScaler(Range range) : PictureScaler(range, range == Range::full ? Matrix::bt601 : Matrix::kept) {}
  PictureScaler(Range range, Matrix matrix) : range_(range), matrix_(matrix) {}

  /// Whether a picture is what scale() would make of it.
  [[nodiscard]] bool is_made(const AVFrame& picture, int width, int height) const noexcept;
  /// Errors: unsupported (a format that cannot be converted). Throws std::bad_alloc.
  [[nodiscard]] Result<libav::Frame> scale(const AVFrame& picture, int width, int height);

 private:
  /// What a scaler is made for.
  struct Work {
    int from_width = 0, from_height = 0, width = 0, height = 0;
    AVPixelFormat format = AV_PIX_FMT_NONE;
    bool full = false, bt709 = false;  ///< of the picture that comes
    friend bool operator==(const Work&, const Work&) = default;
  };
  [[nodiscard]] Result<void> prepare(const Work& work);

  Range range_;
  Matrix matrix_;
  Work work_;
  libav::Scaler scaler_;
};

/// A 4:2:0 picture mirrored and turned.
[[nodiscard]] Result<libav::Frame> oriented(libav::Frame picture, Orientation orientation);
/// Copies a 4:2:0 picture into another with its upper left corner at (x, y), both even; it must fit.
void paste(AVFrame& onto, const AVFrame& picture, int x, int y);
/// Black in the picture's range.
void blacken(AVFrame& picture, PictureScaler::Range range);

/// Variance of the luma, by about ten thousand of its samples; 0 for one flat colour. 4:2:0 and 4:2:2, 4:4:4
/// of 8 bits (others: by the high bytes).
[[nodiscard]] double luma_variance(const AVFrame& picture) noexcept;

/// A 4:2:0 full-range picture as JPEG. Errors: unsupported (no encoder here), malformed.
[[nodiscard]] Result<std::vector<std::byte>> encode_jpeg(const AVFrame& picture);
/// The same, written durably to `path`.
[[nodiscard]] Result<void> write_jpeg(const AVFrame& picture, const std::filesystem::path& path,
                                      FileSystem& files = real_file_system());

}  // namespace rtpx
