#pragma once

#include <cstdint>
#include <vector>

#include "rtp/packet.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Whether the NAL unit that begins in this payload of H.264 or H.265 is a slice within a picture: not the
/// first one (H.264's first_mb_in_slice, H.265's first_slice_segment_in_pic_flag).
[[nodiscard]] bool h264_begins_later_slice(Bytes payload) noexcept;
[[nodiscard]] bool h265_begins_later_slice(Bytes payload) noexcept;

/// Tells from the packets of H.264 or H.265, before any frame is put together, whether the sender sets the
/// marker at the end of each NAL unit and not of each picture (RFC 6184 section 5.1 has it there).
class SliceMarkerWatch {
 public:
  explicit SliceMarkerWatch(const Codec& codec);  ///< of H.264 or H.265
  void push(const RtpPacket& packet, Bytes payload);
  [[nodiscard]] bool markers_within_pictures() const noexcept { return within_; }

 private:
  bool h265_ = false, has_donl_ = false;
  bool within_ = false;
  bool marker_ = false;  // of the packet before
  std::uint16_t sequence_ = 0;
  std::uint32_t timestamp_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace rtpx
