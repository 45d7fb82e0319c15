#pragma once

#include "codec/nal.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Tells from the packets of H.264 or H.265, before any frame is put together, whether the parameter sets
/// change after the first picture: a container wants to know that in its header. Sets in fragmentation units
/// are not seen.
class ParameterSetWatch {
 public:
  /// `codec` is H.264 or H.265; its sprop-* sets are the first ones.
  explicit ParameterSetWatch(const Codec& codec);
  void push(Bytes payload);
  [[nodiscard]] bool changes() const noexcept { return changes_; }

 private:
  void take_aggregate(Bytes units);
  void take_nal(Bytes nal);

  bool h265_ = false, has_donl_ = false;
  std::vector<std::byte> buffer_;
  ParameterSets sets_;
  bool pictures_ = false;  // one has come that these sets may be for
  bool changes_ = false;
};

}  // namespace rtpx
