#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "rtpx/manifest.hpp"

namespace rtpx {

/// By its name, a file of RTP or RTCP records.
[[nodiscard]] inline bool is_record_file(const std::filesystem::path& file) {
  return file.extension() == ".rtpx" || file.extension() == ".rtcpx";
}

/// Whether the manifest says how many packets the track's files have to hold.
[[nodiscard]] inline bool counts_packets(const ManifestTrack& track) {
  return track.ended_at && track.packets;
}

/// Packets that were recorded, as the manifest counts them once a track has ended, beyond the `found` ones that its files
/// hold: they were cut off, or emptied. 0 also where no count is known.
[[nodiscard]] inline std::uint64_t missing_packets(const ManifestTrack& track, std::uint64_t found) {
  return counts_packets(track) ? *track.packets - std::min(*track.packets, found) : 0;
}

}  // namespace rtpx
