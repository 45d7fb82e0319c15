#pragma once

#include <string>

#include "rtpx/inspect.hpp"

namespace rtpx::cli {

/// A self-contained HTML page: for each track a timeline (SVG) of bit rate, losses before and after repair,
/// gaps, freezes and changes, and what was found in figures. Everything from the recording is escaped.
[[nodiscard]] std::string report_page(const RecordingReport& report);

}  // namespace rtpx::cli
