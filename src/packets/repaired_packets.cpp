#include "packets/repaired_packets.hpp"

#include <algorithm>
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

/// The media of a layer, in order.
struct LayerMedia {
  std::uint8_t rid_index = 0;
  std::unique_ptr<PacketCursor> cursor;
  const OrderedPacket* next = nullptr;  ///< nullptr: that was all

  [[nodiscard]] Result<void> advance() {
    do {
      const auto packet = cursor->next();
      if (!packet) return std::unexpected(packet.error());
      next = *packet;
    } while (next != nullptr && next->media.role != PayloadRole::media);
    return {};
  }
};

Result<void> visit_track(const TrackScan& track, const SpillFile& spill, const std::stop_token& stop,
                         const std::function<Result<void>(const HealedPacket&)>& visit) {
  std::vector<LayerMedia> layers;
  for (const auto& [rid, layer] : track.layers) {
    auto cursor = PacketCursor::open(track, *layer, spill);
    if (!cursor) return std::unexpected(cursor.error());
    layers.push_back({layer->rid_index, std::move(*cursor)});
    if (auto begun = layers.back().advance(); !begun) return begun;
  }
  std::vector<std::byte> buffer;
  for (int count = 1;; ++count) {
    const auto earliest = std::ranges::min_element(layers, {}, [](const LayerMedia& layer) {
      return layer.next == nullptr ? INT64_MAX : layer.next->receive_ms;
    });
    if (earliest == layers.end() || earliest->next == nullptr) break;
    if (count % kPacketsPerLook == 0 && stop.stop_requested()) return fail(Errc::cancelled, "cancelled");
    const OrderedPacket& packet = *earliest->next;
    if (auto done = visit({earliest->rid_index, packet.receive_ms, without_red(packet, buffer)}); !done) return done;
    if (auto advanced = earliest->advance(); !advanced) return advanced;
  }
  for (const LayerMedia& layer : layers)
    if (!layer.cursor->unreadable().empty())
      return fail(Errc::io, "track " + track.files.track_id + ": " + layer.cursor->unreadable());
  return {};
}

}  // namespace

Result<std::uint64_t> for_each_repaired_packet(const Manifest& manifest, const std::filesystem::path& folder,
                                               Outside outside, const std::string& track_id,
                                               const std::filesystem::path& spill_folder, std::stop_token stop,
                                               const std::function<Result<void>(const HealedPacket&)>& visit,
                                               const Identities& identities) {
  if (!manifest.contains(track_id)) return fail(Errc::not_found, "the manifest has no track " + track_id);
  const auto recording = find_files(manifest, folder, {}, nullptr, outside, identities);
  if (!recording) return std::unexpected(recording.error());
  SpillFile spill(spill_folder);
  RtcpLogs rtcp(*recording);
  std::uint64_t missing = 0;
  for (const TrackFiles& files : recording->tracks) {
    if (files.track_id != track_id) continue;
    const auto scan = scan_track(files, rtcp.of(files.track), spill, {stop, {}});
    if (!scan) return std::unexpected(scan.error());
    if (!scan->refused.empty()) return fail(Errc::unsupported, "track " + track_id + ": " + scan->refused);
    if (auto done = visit_track(*scan, spill, stop, visit); !done) return std::unexpected(done.error());
    missing += missing_packets(*scan);
  }
  return missing;
}

}  // namespace rtpx
