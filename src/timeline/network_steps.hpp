#pragma once

#include <string>
#include <vector>

#include "timeline/arrivals.hpp"

namespace rtpx::timeline {

/// The arrivals of one segment, and who sent it on which track.
struct SentArrivals {
  Arrivals* arrivals = nullptr;
  double first_receive = 0, last_receive = 0;  // ns since the origin
  const std::string* sender = nullptr;
  const std::string* track = nullptr;
};

/// Marks steps that several tracks of a sender show at the same moment: there the way to us got longer or
/// shorter, and no clock moved.
void mark_network_steps(const std::vector<SentArrivals>& segments);

}  // namespace rtpx::timeline
