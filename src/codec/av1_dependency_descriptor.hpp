#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// A frame as the dependency descriptor extension describes it (AV1 RTP specification, appendix A).
struct DependencyDescriptor {
  bool starts_frame = false, ends_frame = false;
  std::uint16_t frame_number = 0;  ///< one more for each frame of any layer; wraps at 16 bits
  std::uint8_t spatial_layer = 0, temporal_layer = 0;
  std::vector<std::uint16_t> differences;  ///< how many frame numbers back it refers, 1..4096
  bool has_structure = false;              ///< this packet brought the templates: a keyframe
};

/// Reads the descriptors of a stream. They lean on templates that the last keyframe brought, so the reader
/// keeps them.
class DependencyDescriptorReader {
 public:
  /// In sequence order. nullopt: malformed, or its template has not come.
  std::optional<DependencyDescriptor> read(Bytes extension);
  void reset() { templates_.clear(); }
  struct Resolution {
    int width = 0, height = 0;
  };
  /// What the last structure says of a spatial layer; nullopt: nothing.
  [[nodiscard]] std::optional<Resolution> resolution(std::uint8_t spatial_layer) const;

 private:
  struct Template {
    std::uint8_t spatial_layer = 0, temporal_layer = 0;
    std::vector<std::uint16_t> differences;
  };
  bool read_structure(BitReader& in);

  std::vector<Template> templates_;      // at most 64
  std::vector<Resolution> resolutions_;  // of each spatial layer, or none
  unsigned template_id_offset_ = 0;
  unsigned decode_targets_ = 0;  // 1..32
  unsigned chains_ = 0;          // 0..32
};

}  // namespace rtpx
