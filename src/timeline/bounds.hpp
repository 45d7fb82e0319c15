#pragma once

namespace rtpx::timeline {

// What a clock is taken to do, wherever its samples come from. Slopes are ns per ns beside the nominal rate.
constexpr double kSmallJump = 100e6;  // ns; below, time slides into place instead of being cut
constexpr double kSlide = 0.01;       // 0.2 ms in a 20 ms packet
constexpr double kMaxSlope = 5e-3;
// A crystal's error and the noise of samples, before anything is known.
constexpr double kExpectedSlope = 1e-4;
constexpr double kExpectedNoise = 3e6;  // ns

}  // namespace rtpx::timeline
