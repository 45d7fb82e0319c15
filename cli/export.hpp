#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "storage/location.hpp"

namespace rtpx::cli {

/// A recording to export, and which of its tracks.
struct ExportSource {
  Manifest manifest;
  std::filesystem::path folder;
  std::string name;
  std::vector<std::string> tracks;
  Outside outside = Outside::refused;
  Identities identities;
};

struct Exported {
  std::uint64_t packets = 0, left_out = 0, damaged_bytes = 0;
  std::uint64_t missing = 0;  ///< packets that the manifest counts and the files do not hold
};

/// Writes the tracks repaired and media-only as a recording of its own, for ex_webrtc_recorder's converter.
[[nodiscard]] Result<Exported> export_repaired(const ExportSource& source,
                                               const std::filesystem::path& output,
                                               const std::stop_token& stop);

}  // namespace rtpx::cli
