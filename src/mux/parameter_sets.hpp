#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "mux/codec_id.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Whether the codec is H.264 or H.265.
[[nodiscard]] inline bool has_parameter_sets(CodecId codec) noexcept {
  return codec == CodecId::h264 || codec == CodecId::h265;
}

/// The parameter sets of an avcC (ISO/IEC 14496-15 section 5.3.3) or hvcC (section 8.3.3), each with its NAL
/// unit header, in the record's order (VPS, SPS, PPS). Views into `record`. Errors: malformed.
[[nodiscard]] Result<std::vector<Bytes>> parameter_sets(CodecId codec, Bytes record);

/// Whether a length-prefixed (4 bytes) access unit brings a sequence parameter set. Total: stops at a length
/// that runs over the end.
[[nodiscard]] bool has_sequence_parameter_set(CodecId codec, Bytes access_unit) noexcept;

/// What has to stand before `access_unit` so that a decoder knows the sets of `record`: nothing where the
/// access unit brings its own (or the codec has none), else the sets, length-prefixed.
[[nodiscard]] Result<std::vector<std::byte>> missing_parameter_sets(CodecId codec, Bytes record,
                                                                    Bytes access_unit);

}  // namespace rtpx
