#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "ingest/framed/framed_input.hpp"
#include "rtpx/describe.hpp"

namespace rtpx::cli {

/// `rtpx record --stdin` and `--socket PATH` (empty: standard input): framed packets become the recording `folder`,
/// sealed for `recipients` where there are any.
/// Answers the exit status.
int record_framed_packets(const std::string& socket, const std::string& folder, const Description& about,
                          const std::vector<std::string>& recipients, const FramedLimits& limits, bool json,
                          const std::stop_token& stop);

}  // namespace rtpx::cli
