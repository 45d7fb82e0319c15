#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"

namespace rtpx::test {

struct Arrival {
  std::int64_t ms = 0;
  std::string track;
  std::vector<std::byte> packet;
};

/// All RTP packets of a recording, of all its tracks, as they came: to be recorded again.
[[nodiscard]] inline std::vector<Arrival> arrivals_of(const std::filesystem::path& folder) {
  std::vector<Arrival> all;
  const auto manifest = read_manifest(folder);
  for (const auto& [id, track] : *manifest) {
    auto records = RecordReader::open({*resolve_location(track.location, folder)});
    for (auto record = (*records)->next(); record && *record; record = (*records)->next())
      all.push_back(
          {(*record)->header.receive_time_ms, id, {(*record)->packet.begin(), (*record)->packet.end()}});
  }
  std::ranges::stable_sort(all, {}, &Arrival::ms);
  return all;
}

}  // namespace rtpx::test
