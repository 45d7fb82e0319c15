#pragma once

#include <string>

#include "rtpx/inspect.hpp"

namespace rtpx::cli {

/// A self-contained HTML page: for each track a timeline (SVG) of bit rate, losses before and after repair, gaps, freezes
/// and changes, and what was found in figures. `name`: what people call the recording. Everything from it is escaped.
[[nodiscard]] std::string report_page(const RecordingReport& report, const std::string& name);

}  // namespace rtpx::cli
