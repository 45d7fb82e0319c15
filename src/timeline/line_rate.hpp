#pragma once

#include <memory>

#include "timeline/samples.hpp"

namespace rtpx::timeline {

/// A clock that lies further from its rate than any crystal, and from every rate in use: cameras that stamp pictures with
/// their nominal distance, whatever it really is, and sound whose samples were taken at another rate than was told. Where
/// all reports agree on one line, or arrivals over a long while, that line is its rate: answers the samples with it.
/// nullptr: it is as negotiated, or found before, or not known.
[[nodiscard]] std::unique_ptr<SegmentClock::Samples> with_line_rate(const SegmentClock::Samples& samples);

}  // namespace rtpx::timeline
