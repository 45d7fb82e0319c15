#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rtpx/converter.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// The first file that a recording converts into, in `out`. A failure is the test's.
[[nodiscard]] ConvertedFile converted(const std::filesystem::path& recording, const TempDir& out,
                                      ConvertOptions options = {});

/// The same of a recording of one track, made in `folder`, of which nothing may be lost.
[[nodiscard]] ConvertedFile converted_track(const TempDir& folder, const Codec& codec, MediaKind kind,
                                            const std::vector<std::string>& packets,
                                            ConvertOptions options = {});

/// The file's report, and what it says of its first track.
[[nodiscard]] nlohmann::json report_of(const ConvertedFile& file);
[[nodiscard]] nlohmann::json track_report(const ConvertedFile& file);

}  // namespace rtpx::test
