#include "packets/repaired_packets.hpp"

#include <vector>

#include "packets/limits.hpp"
#include "packets/packet_cursor.hpp"

namespace rtpx {
namespace {

/// The packet as it would have been sent without RED: the same header, the primary block's type and payload.
Bytes without_red(const OrderedPacket& ordered, std::vector<std::byte>& buffer) {
  const RtpPacket& packet = ordered.packet;
  if (ordered.media.payload_type == packet.payload_type) return packet.whole;
  const auto header = static_cast<std::size_t>(packet.payload.data() - packet.whole.data());
  buffer.assign(packet.whole.begin(), packet.whole.begin() + static_cast<std::ptrdiff_t>(header));
  buffer[0] &= std::byte{0xDF};  // no padding (RFC 3550 section 5.1)
  buffer[1] = (buffer[1] & std::byte{0x80}) | static_cast<std::byte>(ordered.media.payload_type);
  buffer.insert(buffer.end(), ordered.media.payload.begin(), ordered.media.payload.end());
  return buffer;
}

Result<void> visit_layer(const TrackScan& track, const LayerScan& layer, const SpillFile& spill,
                         const std::stop_token& stop,
                         const std::function<Result<void>(const HealedPacket&)>& visit) {
  auto cursor = PacketCursor::open(track, layer, spill);
  if (!cursor) return std::unexpected(cursor.error());
  std::vector<std::byte> buffer;
  for (int count = 1;; ++count) {
    const auto packet = (*cursor)->next();
    if (!packet) return std::unexpected(packet.error());
    if (*packet == nullptr) break;
    if (count % kPacketsPerLook == 0 && stop.stop_requested()) return fail(Errc::cancelled, "cancelled");
    if ((*packet)->media.role != PayloadRole::media) continue;
    if (auto done = visit({layer.rid_index, (*packet)->receive_ms, without_red(**packet, buffer)}); !done)
      return done;
  }
  if (!(*cursor)->unreadable().empty())
    return fail(Errc::io, "track " + track.files.track_id + ": " + (*cursor)->unreadable());
  return {};
}

}  // namespace

Result<std::uint64_t> for_each_repaired_packet(const Manifest& manifest, const std::filesystem::path& folder,
                                               Outside outside, const std::string& track_id,
                                               const std::filesystem::path& spill_folder, std::stop_token stop,
                                               const std::function<Result<void>(const HealedPacket&)>& visit,
                                               const Identities& identities) {
  if (!manifest.contains(track_id)) return fail(Errc::not_found, "the manifest has no track " + track_id);
  const Recording recording = find_files(manifest, folder, {}, nullptr, outside, identities);
  SpillFile spill(spill_folder);
  RtcpLogs rtcp(recording);
  std::uint64_t missing = 0;
  for (const TrackFiles& files : recording.tracks) {
    if (files.track_id != track_id) continue;
    const auto scan = scan_track(files, rtcp.of(files.track), spill, {stop, {}});
    if (!scan) return std::unexpected(scan.error());
    if (!scan->refused.empty()) return fail(Errc::unsupported, "track " + track_id + ": " + scan->refused);
    for (const auto& [rid, layer] : scan->layers)
      if (auto done = visit_layer(*scan, *layer, spill, stop, visit); !done) return std::unexpected(done.error());
    missing += missing_packets(*scan);
  }
  return missing;
}

}  // namespace rtpx
