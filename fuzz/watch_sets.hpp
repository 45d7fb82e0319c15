#pragma once

#include <algorithm>

#include "codec/parameter_set_watch.hpp"

namespace rtpx::fuzz {

/// Input: repeated { length, payload }. What was seen to change stays changed.
inline void watch_sets(const Codec& codec, const std::uint8_t* data, std::size_t size) {
  ParameterSetWatch watch(codec);
  ByteReader in(Bytes(reinterpret_cast<const std::byte*>(data), size));
  bool changed = false;
  while (in.remaining() > 0) {
    watch.push(in.take(std::min<std::size_t>(in.u8(), in.remaining())));
    require(watch.changes() || !changed);
    changed = watch.changes();
  }
}

}  // namespace rtpx::fuzz
