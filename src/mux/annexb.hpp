#pragma once

#include <vector>

#include "base/bytes.hpp"

/// From what our encoders give (4:2:0 of 8 bits) to what containers hold.
namespace rtpx {

/// The NAL units of a byte stream (H.264 annex B): between start codes, trailing zeros removed. Views into
/// `stream`.
[[nodiscard]] std::vector<Bytes> split_annexb(Bytes stream);
/// The same with a length of 4 bytes before each. `into` owns what is returned.
[[nodiscard]] Bytes length_prefixed(Bytes stream, std::vector<std::byte>& into);
/// avcC of the parameter sets in a byte stream; empty without an SPS.
[[nodiscard]] std::vector<std::byte> avcc_of_annexb(Bytes stream);
/// av1C (AV1 in ISOBMFF section 2.3.3) of OBUs that hold a sequence header; empty without one.
[[nodiscard]] std::vector<std::byte> av1c_of_obus(Bytes obus);

}  // namespace rtpx
