// A recorder's tracks: adding, ending, the manifest, the counters.

#include <algorithm>

#include "base/file_name.hpp"
#include "base/utc_time.hpp"
#include "recorder/recorder_impl.hpp"

namespace rtpx {
namespace {

Result<void> check(const MediaStreamTrack& track) {
  if (track.rids.size() > 254)
    return fail(Errc::invalid_argument, "Track " + track.id + " has more than 254 rids.");
  if (std::set<std::string>(track.rids.begin(), track.rids.end()).size() != track.rids.size())
    return fail(Errc::invalid_argument, "Track " + track.id + " names a rid twice.");
  for (const Codec& codec : track.codecs)
    if (codec.payload_type > 127)
      return fail(Errc::invalid_argument, "Track " + track.id + " has a payload type over 127.");
  return {};
}

}  // namespace

std::shared_ptr<LiveTrack> RecorderImpl::find(std::string_view id) const noexcept {
  const std::shared_lock lock(table_mutex);
  const auto found = table.find(id);
  return found != table.end() ? found->second : nullptr;
}

std::vector<std::shared_ptr<LiveTrack>> RecorderImpl::all_tracks() const {
  std::vector<std::shared_ptr<LiveTrack>> out;
  const std::shared_lock lock(table_mutex);
  out.reserve(table.size());
  for (const auto& [id, track] : table) out.push_back(track);
  return out;
}

Result<Manifest> RecorderImpl::add_tracks(std::span<const MediaStreamTrack> tracks) {
  std::set<std::string> fresh;
  for (const MediaStreamTrack& track : tracks) {
    if (auto good = check(track); !good) return std::unexpected(good.error());
    if (!fresh.insert(track.id).second)
      return fail(Errc::already_exists, "Track " + track.id + " is named twice.");
  }
  std::vector<std::shared_ptr<LiveTrack>> live;
  {
    const std::lock_guard lock(control_mutex);
    if (failure) return fail(Errc::storage_failed, "The recorder gave up: " + failure->message);
    if (stopping) return fail(Errc::storage_failed, "The recorder has ended.");
    for (const std::string& id : fresh)
      if (ids.contains(id))
        return fail(Errc::already_exists,
                    "Track " + id + " was added before; ids are unique within a recorder.");
    ids.insert(fresh.begin(), fresh.end());
    for (const MediaStreamTrack& track : tracks) {
      live.push_back(std::make_shared<LiveTrack>(track, shared));
      live.back()->start_time = options.clock ? options.clock->utc : utc_now();
    }
  }
  return ask_control_thread<Manifest>(
      [this, live] {
        auto added = add_on_control_thread(live);
        if (added) return added;
        const std::lock_guard lock(control_mutex);
        for (const auto& track : live) ids.erase(track->track.id);
        return added;
      },
      "add tracks", 2 * live.size());
}

void RecorderImpl::assign_files(LiveTrack& track) {
  std::string name = encode_file_name(track.track.id);
  for (int n = 2; !file_names.insert(name).second; ++n)
    name = encode_file_name(track.track.id) + "+" + std::to_string(n);
  const auto writer_of = [&](const std::shared_ptr<PacketQueue>& queue, IndexContent content,
                             const QueueWriter::Options& how) {
    return std::make_shared<QueueWriter>(track.track.id, queue, folder, name, content, how, syncer);
  };
  track.media_writer = writer_of(track.media, IndexContent::rtp, media_options);
  track.rtcp_writer = writer_of(track.rtcp, IndexContent::rtcp, rtcp_options);
  track.folder_number = folder_number;
  track.clock = anchor;
}

Result<void> RecorderImpl::create_files(std::span<const std::shared_ptr<LiveTrack>> tracks) {
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const auto output = tracks[i]->media_writer->output();
    const auto file = files.open(output->path, OpenMode::create_new);
    if (file) {
      output->created.store(true);
      continue;
    }
    for (std::size_t j = 0; j < i; ++j) (void)files.remove(tracks[j]->media_writer->output()->path);
    return std::unexpected(file.error());
  }
  return {};
}

Result<Manifest> RecorderImpl::add_on_control_thread(const std::vector<std::shared_ptr<LiveTrack>>& tracks) {
  {
    const std::lock_guard lock(control_mutex);
    if (failure) return fail(Errc::storage_failed, "The recorder gave up: " + failure->message);
    for (const auto& track : tracks) assign_files(*track);
  }
  if (auto created_files = create_files(tracks); !created_files)
    return std::unexpected(created_files.error());
  {
    const std::unique_lock lock(table_mutex);
    for (const auto& track : tracks) table[track->track.id] = track;
  }
  if (auto published = publish(false); !published) {
    {
      const std::unique_lock lock(table_mutex);
      for (const auto& track : tracks) table.erase(track->track.id);
    }
    for (const auto& track : tracks) (void)files.remove(track->media_writer->output()->path);
    return std::unexpected(published.error());
  }
  std::vector<std::shared_ptr<QueueWriter>> queues;
  Manifest part;
  for (const auto& track : tracks) {
    queues.push_back(track->media_writer);
    queues.push_back(track->rtcp_writer);
    part.emplace(track->track.id, describe(*track));
  }
  writer.add(std::move(queues));
  return part;
}

Result<EndedTracks> RecorderImpl::end_tracks(std::span<const std::string> wanted, std::string_view reason) {
  std::vector<std::shared_ptr<LiveTrack>> ending;
  {
    const std::lock_guard lock(control_mutex);
    for (const std::string& id : wanted) {
      const auto track = find(id);
      if (!track || !track->live) continue;
      track->live = false;
      ending.push_back(track);
    }
    if (ending.empty()) return fail(Errc::tracks_not_found, "None of the ids names a live track.");
  }
  for (const auto& track : ending) {
    track->media->close(Outcome::ended);
    track->rtcp->close(Outcome::ended);
  }
  return ask_control_thread<EndedTracks>(
      [this, ending, why = std::string(reason)] { return end_on_control_thread(ending, why); }, "end tracks",
      2 * ending.size());
}

Result<EndedTracks> RecorderImpl::end_on_control_thread(const std::vector<std::shared_ptr<LiveTrack>>& tracks,
                                                        const std::string& reason) {
  std::vector<std::shared_ptr<QueueWriter>> queues;
  for (const auto& track : tracks) {
    queues.push_back(track->media_writer);
    queues.push_back(track->rtcp_writer);
  }
  const bool drained = writer.drain(queues, deadline());
  Result<void> result;
  if (!drained) result = fail(Errc::io, "The disk did not take all data of the ended tracks in time.");
  if (drained) result = syncer.sync_now();
  if (!result && result.error().code == Errc::no_space && reserve_taken) {  // the index's entries
    release_reserve();
    result = syncer.sync_now();
  }
  EndedTracks ended;
  {
    const std::lock_guard lock(control_mutex);
    for (const auto& track : tracks) {
      track->ended_at = utc_now();
      track->end_reason = failure ? "storage_failed" : reason;
    }
  }
  for (const auto& track : tracks) ended.manifest.emplace(track->track.id, describe(*track));
  if (const auto published = publish(); !published && result) result = published;
  if (!result) return std::unexpected(result.error());
  ended.upload = start_upload(tracks, ended.manifest);
  return ended;
}

ManifestTrack RecorderImpl::describe(const LiveTrack& track) const {
  ManifestTrack out;
  out.start_time = track.start_time;
  out.kind = track.track.kind;
  out.streams = track.track.streams;
  if (track.track.rids.empty()) out.rid_map[std::nullopt] = 0;
  for (std::size_t i = 0; i < track.track.rids.size(); ++i)
    out.rid_map[track.track.rids[i]] = static_cast<std::uint8_t>(i);
  out.codecs = track.codecs();
  if (const Codec* codec = media_codec(out.codecs)) out.codec = *codec;
  out.header_extensions = track.track.header_extensions;
  out.clock = track.clock;
  const auto media_files = track.media_writer->files();
  out.location = (media_files.empty() ? track.media_writer->output() : media_files.front())->path.string();
  for (std::size_t i = 1; i < media_files.size(); ++i)
    out.more_locations.push_back(media_files[i]->path.string());
  if (const auto rtcp_files = track.rtcp_writer->files(); !rtcp_files.empty())
    out.rtcp_location = rtcp_files.front()->path.string();
  if (options.checksums)
    out.index_location = (std::filesystem::path(out.location).parent_path() / kIndexFileName).string();
  if (track.stored) {
    out.location = track.stored->location;
    out.more_locations = track.stored->more_locations;
    out.rtcp_location = track.stored->rtcp_location;
  }
  out.ended_at = track.ended_at;
  if (!track.end_reason.empty()) out.end_reason = track.end_reason;
  if (track.ended_at) {
    const PacketQueue::Counters counters = track.media->counters();
    const std::uint64_t lost = track.media_writer->lost();
    out.packets = counters.packets - lost;
    std::uint64_t bytes = 0;
    for (const auto& file : media_files) bytes += file->written.load();
    out.bytes = bytes;
    out.refused_packets = counters.refused_packets() + lost;
  }
  return out;
}

Manifest RecorderImpl::manifest() const {
  Manifest out;
  const std::lock_guard lock(control_mutex);
  for (const auto& track : all_tracks())
    if (track->folder_number == folder_number) out.emplace(track->track.id, describe(*track));
  return out;
}

Result<void> RecorderImpl::publish(bool from_reserve) {
  publish_wanted.store(false);
  std::filesystem::path path;
  {
    const std::lock_guard lock(control_mutex);
    path = folder / "manifest.json";
  }
  const std::string text = serialize_manifest(manifest());
  auto written = write_file_atomically(files, path, as_bytes(text));
  if (written || written.error().code != Errc::no_space || !from_reserve || !reserve_taken) return written;
  release_reserve();
  return write_file_atomically(files, path, as_bytes(text));
}

Recorder::Stats RecorderImpl::stats() const {
  Recorder::Stats out;
  const auto refused = [](const PacketQueue::Counters& counters, Outcome outcome) {
    return counters.refused[static_cast<std::size_t>(outcome)];
  };
  for (const auto& track : all_tracks()) {
    const PacketQueue::Counters media = track->media->counters(), rtcp = track->rtcp->counters();
    Recorder::TrackStats one;
    one.id = track->track.id;
    one.packets = media.packets;
    one.bytes = media.bytes;
    one.rtcp_packets = rtcp.packets;
    one.refused_packets = media.refused_packets();
    {
      const std::lock_guard lock(control_mutex);
      one.live = track->live;
    }
    out.packets += one.packets;
    out.bytes += one.bytes;
    out.rtcp_packets += one.rtcp_packets;
    for (const PacketQueue::Counters* counters : {&media, &rtcp}) {
      out.queue_full += refused(*counters, Outcome::queue_full);
      out.disk_full += refused(*counters, Outcome::disk_full);
      out.ended += refused(*counters, Outcome::ended);
      out.too_large += refused(*counters, Outcome::too_large);
      out.failed += refused(*counters, Outcome::failed);
      out.unknown_rid += refused(*counters, Outcome::unknown_rid);
    }
    out.lost_after_accept += track->media_writer->lost() + track->rtcp_writer->lost();
    out.queued_bytes += track->media->queued() + track->rtcp->queued();
    out.tracks.push_back(std::move(one));
  }
  std::ranges::sort(out.tracks, {}, &Recorder::TrackStats::id);
  out.unknown_track = unknown_track.load();
  const Writer::Stats writes = writer.stats();
  out.writes = writes.writes;
  out.worst_flush = writes.worst_flush;
  const Syncer::Stats syncs = syncer.stats();
  out.syncs = syncs.syncs;
  out.worst_sync = syncs.worst_sync;
  out.sink_exceptions = sink_exceptions.load();
  out.restarts = restart_count.load();
  return out;
}

}  // namespace rtpx
