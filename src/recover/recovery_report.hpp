#pragma once

#include <string>

#include "rtpx/recover.hpp"

namespace rtpx {

inline constexpr const char* kRecoveryReportName = "recovery.json";

/// The report as recovery.json holds it, with names relative to the recording's folder.
[[nodiscard]] std::string serialize_recovery(const RecoverReport& report);

}  // namespace rtpx
