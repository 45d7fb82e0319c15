#pragma once

namespace rtpx::timeline {

// What a clock is taken to do, wherever its samples come from. Slopes are ns per ns beside the nominal rate.
constexpr double kMaxSlope = 5e-3;
// A crystal's error and the noise of samples, before anything is known.
constexpr double kExpectedSlope = 1e-4;
constexpr double kExpectedNoise = 3e6;  // ns

// Steps. Smaller ones slide into place at a rate that nobody hears; greater ones are cut where the sender was
// silent.
constexpr double kSlideByReports = 32e6;   // ns: half of it is the greatest error on the way
constexpr double kSlideByArrivals = 64e6;  // ns
constexpr double kSlide = 0.01;            // 0.2 ms in a 20 ms packet
constexpr double kGreatSlide = 0.05;       // for more than 100 ms that no silence places, and near a segment's ends
constexpr double kGreatStep = 100e6;

}  // namespace rtpx::timeline
