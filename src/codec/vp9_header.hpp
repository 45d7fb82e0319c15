#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

struct Vp9Size {
  int width = 0, height = 0;
};

/// What the uncompressed header of a VP9 frame says (VP9 bitstream specification, section 6.2).
struct Vp9Header {
  std::uint8_t profile = 0;     ///< 0..3
  bool shows_existing = false;  ///< shows `shown_slot`, holds no picture
  std::uint8_t shown_slot = 0;
  bool keyframe = false, shown = false, intra_only = false;
  std::uint8_t refreshes = 0;  ///< bit mask of the reference slots that this frame goes to
  // Keyframes and intra-only frames:
  std::uint8_t bit_depth = 8, color_space = 0;
  bool full_range = false, subsampling_x = true, subsampling_y = true;
  std::optional<Vp9Size> size;      ///< when coded in this frame
  std::uint8_t size_from_slot = 0;  ///< otherwise
};
/// nullopt: no VP9 frame, or cut.
[[nodiscard]] std::optional<Vp9Header> parse_vp9_header(Bytes frame) noexcept;

/// Follows the sizes in the eight reference slots, since a frame may take its size from one.
class Vp9Sizes {
 public:
  /// The size of the picture that this frame shows or holds; nothing known: zero.
  Vp9Size next(const Vp9Header& frame) noexcept;

 private:
  std::array<Vp9Size, 8> slots_{};
};

/// Writes `frame`, a shown one of this width, to `out` as one that is not shown: in the superframes of SVC,
/// FFmpeg's decoder gives out every shown layer, libvpx only the last. One bit is cleared, in frames that are
/// no keyframe one more is put in after it; nothing else of the bits changes. A decoder treats the following
/// frame differently only if that has the same size, so callers hide frames of another size alone. False: not
/// a frame whose header can be walked.
[[nodiscard]] bool hide_vp9_frame(Bytes frame, int width, std::vector<std::byte>& out);

/// Body of a vpcC box, version and flags included (VP Codec ISO Media File Format Binding, section 2.2). The
/// level is the lowest whose picture size fits, for up to 30 pictures a second. Matroska wants none of this
/// for VP9.
[[nodiscard]] std::vector<std::byte> make_vpcc(const Vp9Header& keyframe, Vp9Size size);

}  // namespace rtpx
