#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx {

/// How long an audio packet plays by its own payload, ns; 0: its codec does not tell.
[[nodiscard]] std::int64_t play_time_ns(const Codec& codec, Bytes payload) noexcept;

}  // namespace rtpx
