#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rtpx/describe.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::cli {

/// The recorder of `rtpx record` in each of its ways: into `folder`, told of as `about` says, sealed for `recipients`
/// (`--recipient`) where there are any. Errors: as parse_recipients() and Recorder::start().
[[nodiscard]] Result<std::unique_ptr<Recorder>> start_recording(const std::string& folder, const Description& about,
                                                                const std::vector<std::string>& recipients);

}  // namespace rtpx::cli
