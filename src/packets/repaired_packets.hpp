#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "storage/location.hpp"

namespace rtpx {

/// One packet of a track as if nothing had gone wrong on the way: repaired, in sequence order, media only.
struct HealedPacket {
  std::uint8_t rid_index = 0;
  std::int64_t receive_time_ms =
      0;         ///< never goes back; a packet that was late has the time of the one after it
  Bytes packet;  ///< whole RTP packet, of RED the primary block; lives until the visit returns
};

/// Visits the healed packets of `track_id`, of all rids by the time they were received. `spill_folder` takes a
/// temporary file for packets that were given back. Stops at the first error that `visit` returns. Answers how many
/// packets were recorded, as the manifest counts them, and are not in the track's files.
/// Errors: not_found, io, cancelled, unsupported (no codec known and none recognised).
[[nodiscard]] Result<std::uint64_t> for_each_repaired_packet(
    const Manifest& manifest, const std::filesystem::path& folder, Outside outside, const std::string& track_id,
    const std::filesystem::path& spill_folder, std::stop_token stop,
    const std::function<Result<void>(const HealedPacket&)>& visit, const Identities& identities = {});

}  // namespace rtpx
