// rtpx export --format rtpx
#include "export.hpp"

#include <algorithm>
#include <map>

#include "ingest/capture/new_recording.hpp"
#include "ingest/capture/payload_types.hpp"
#include "packets/repaired_packets.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::cli {
namespace {

MediaStreamTrack media_only(const std::string& id, const ManifestTrack& track) {
  MediaStreamTrack out{.id = id, .kind = track.kind, .streams = track.streams};
  std::map<std::uint8_t, std::string> by_index;
  for (const auto& [rid, index] : track.rid_map)
    if (rid) by_index[index] = *rid;
  for (const auto& [index, rid] : by_index) {
    while (out.rids.size() < index) out.rids.push_back("unused" + std::to_string(out.rids.size()));
    out.rids.push_back(rid);
  }
  const auto is_media = [](const Codec& codec) {
    return !capture::repairs(codec) && !codec.mime_type.ends_with("/red");
  };
  for (const Codec& codec : track.codecs)
    if (is_media(codec)) out.codecs.push_back(codec);
  if (out.codecs.empty() && track.codec && is_media(*track.codec)) out.codecs.push_back(*track.codec);
  out.header_extensions = track.header_extensions;
  return out;
}

/// People, marks and pauses are of the recording, not of its packets: without its pauses what was not recorded would be lost.
capture::NewRecording::Corrections facts_of(const ExportSource& source) {
  capture::NewRecording::Corrections out;
  out.manifest = [&source](Manifest& made) {
    for (auto& [id, track] : made) {
      track.pauses = source.manifest.at(id).pauses;
      track.participant = source.manifest.at(id).participant;
    }
  };
  if (auto info = read_recording_info(*sealed::reading_files(source.identities), source.folder))
    out.info = [info = *std::move(info)](RecordingInfo& made) {
      made.name = info.name;
      made.facts = info.facts;
    };
  return out;
}

}  // namespace

Result<Exported> export_repaired(const ExportSource& source, const std::filesystem::path& output,
                                 const std::stop_token& stop) {
  Recorder::Options options;
  options.folder = output;
  options.name = source.name;
  std::optional<UtcTime> ended;
  for (const std::string& id : source.tracks) {
    const ManifestTrack& track = source.manifest.at(id);
    if (!options.clock) options.clock = track.clock;
    if (track.ended_at) ended = std::max(ended.value_or(*track.ended_at), *track.ended_at);
  }
  auto made = capture::NewRecording::start(std::move(options));
  if (!made) return std::unexpected(made.error());
  Recorder& recorder = (*made)->recorder();
  Exported out;
  for (const std::string& id : source.tracks) {
    const MediaStreamTrack track = media_only(id, source.manifest.at(id));
    if (auto added = recorder.add_tracks(std::span(&track, 1)); !added) return std::unexpected(added.error());
    auto handle = recorder.track(id);
    if (!handle) return std::unexpected(handle.error());
    const auto missing = for_each_repaired_packet(
        source.manifest, source.folder, source.outside, id, recorder.folder(), stop,
        [&](const HealedPacket& packet) -> Result<void> {
          const PacketInfo info{
              .arrival = ReceiveClock::time_point(std::chrono::milliseconds(packet.receive_time_ms))};
          const auto outcome = (*made)->take(
              packet.packet.size(), [&] { return handle->record(packet.rid_index, packet.packet, info); });
          if (!outcome) return std::unexpected(outcome.error());
          ++(*outcome == Outcome::accepted ? out.packets : out.left_out);
          return {};
        },
        source.identities);
    if (!missing) return std::unexpected(missing.error());
    out.missing += *missing;
  }
  if (auto finished = (*made)->finish(ended, facts_of(source)); !finished) return std::unexpected(finished.error());
  return out;
}

}  // namespace rtpx::cli
