// A recorder's tracks: adding, ending, the manifest, the counters.

#include <algorithm>
#include <array>

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

constexpr std::size_t kEndedTracksShown = 64;

void add_refused(Recorder::Stats& sums, const std::array<std::uint64_t, kOutcomes>& refused) {
  const auto of = [&](Outcome outcome) { return refused[static_cast<std::size_t>(outcome)]; };
  sums.queue_full += of(Outcome::queue_full);
  sums.disk_full += of(Outcome::disk_full);
  sums.ended += of(Outcome::ended);
  sums.too_large += of(Outcome::too_large);
  sums.failed += of(Outcome::failed);
  sums.unknown_rid += of(Outcome::unknown_rid);
  sums.paused += of(Outcome::paused);
}

}  // namespace

Outcome RecorderImpl::refuse_unknown(std::string_view id) noexcept {
  {
    const std::shared_lock lock(table_mutex);
    if (forgotten.contains(id)) {
      ended_later.fetch_add(1);
      return Outcome::ended;
    }
  }
  unknown_track.fetch_add(1);
  unknown_targets.note(id, {});
  return Outcome::unknown_track;
}

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

Result<Manifest> RecorderImpl::add_tracks(std::span<const MediaStreamTrack> tracks,
                                          const std::string& participant) {
  std::set<std::string> fresh;
  for (const MediaStreamTrack& track : tracks) {
    if (auto good = check(track); !good) return std::unexpected(good.error());
    if (!fresh.insert(track.id).second)
      return fail(Errc::already_exists, "Track " + track.id + " is named twice.");
  }
  Tracks live;
  {
    const std::lock_guard guard(control_mutex);
    if (failure) return fail(Errc::storage_failed, "The recorder gave up: " + failure->message);
    if (stopping) return fail(Errc::storage_failed, "The recorder has ended.");
    const std::shared_lock table_lock(table_mutex);
    for (const std::string& id : fresh)
      if (table.contains(id) || forgotten.contains(id) || adding.contains(id))
        return fail(Errc::already_exists,
                    "Track " + id + " was added before; ids are unique within a recorder.");
    adding.insert(fresh.begin(), fresh.end());
    for (const MediaStreamTrack& track : tracks) {
      live.push_back(std::make_shared<LiveTrack>(track, shared));
      live.back()->participant = participant;
      live.back()->start_time = options.clock ? options.clock->utc : now();
    }
  }
  return ask_control_thread<Manifest>(
      [this, live](Wanted& wanted) {
        auto added = add_on_control_thread(live, wanted);
        const std::lock_guard guard(control_mutex);
        for (const auto& track : live) adding.erase(track->track.id);
        return added;
      },
      "add tracks", 2 * live.size());
}

// Ids may share a stem (encode_file_name()): what lies in the folder is never touched.
Result<void> RecorderImpl::assign_files(LiveTrack& track) {
  const std::string stem = encode_file_name(track.track.id);
  for (int n = 1; n < 1000; ++n) {
    const std::string name = n == 1 ? stem : stem + "+" + std::to_string(n);
    const auto rtcp = files.stat(folder / (name + ".rtcpx"));
    if (!rtcp) return std::unexpected(rtcp.error());
    if (*rtcp || file_stems.contains(name)) continue;
    const auto writer_of = [&](const std::shared_ptr<PacketQueue>& queue, IndexContent content,
                               const QueueWriter::Options& how) {
      return std::make_shared<QueueWriter>(track.track.id, queue, folder, name, content, how, syncer);
    };
    track.media_writer = writer_of(track.media, IndexContent::rtp, media_options);
    track.rtcp_writer = writer_of(track.rtcp, IndexContent::rtcp, rtcp_options);
    const auto output = track.media_writer->output();
    const auto file = files.open(output->path, OpenMode::create_new);
    if (!file && file.error().code == Errc::already_exists) continue;
    if (!file) return std::unexpected(file.error());
    output->created.store(true);
    file_stems.insert(name);
    track.file_stem = name;
    track.folder_number = folder_number;
    track.clock = anchor;
    return {};
  }
  return fail(Errc::already_exists, "There are too many files named like " + stem + ".");
}

// Of tracks that are not added after all.
void RecorderImpl::drop_files(const Tracks& tracks) {
  for (const auto& track : tracks) {
    if (track->file_stem.empty()) continue;
    (void)files.remove(track->media_writer->output()->path);
    file_stems.erase(track->file_stem);
  }
}

// Nobody can record for the tracks before everything that can fail is done.
Result<Manifest> RecorderImpl::add_on_control_thread(const Tracks& tracks, Wanted& wanted) {
  {
    const std::lock_guard guard(control_mutex);
    if (failure) return fail(Errc::storage_failed, "The recorder gave up: " + failure->message);
  }
  Result<void> done;
  for (const auto& track : tracks)
    if (done) done = assign_files(*track);
  const bool named = done.has_value();
  if (done) done = publish(false, tracks);
  if (done) {
    const std::lock_guard guard(control_mutex);
    if (stopping)
      done = fail(Errc::storage_failed, "The recorder has ended.");
    else if (!wanted.commit())
      done = fail(Errc::io, "The recording's disk did not answer in time to add tracks.");
    if (done) {
      std::vector<std::shared_ptr<QueueWriter>> queues;
      Manifest part;
      for (const auto& track : tracks) {
        queues.push_back(track->media_writer);
        queues.push_back(track->rtcp_writer);
        track->set_pausing(all_paused);
        if (all_paused) publish_wanted.store(true);
        part.emplace(track->track.id, describe(*track));
      }
      writer.add(std::move(queues));
      const std::unique_lock table_lock(table_mutex);
      for (const auto& track : tracks) table[track->track.id] = track;
      return part;
    }
  }
  if (named && !publish()) publish_wanted.store(true);  // perhaps the manifest names them already
  drop_files(tracks);
  return std::unexpected(done.error());
}

Result<EndedTracks> RecorderImpl::end_tracks(std::span<const std::string> wanted, std::string_view reason) {
  Tracks ending;
  {
    const std::lock_guard guard(control_mutex);
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
      [this, ending, why = std::string(reason)](Wanted&) { return end_on_control_thread(ending, why); },
      "end tracks", 2 * ending.size());
}

Result<EndedTracks> RecorderImpl::end_on_control_thread(const Tracks& tracks, const std::string& reason) {
  std::vector<std::shared_ptr<QueueWriter>> queues;
  for (const auto& track : tracks) {
    queues.push_back(track->media_writer);
    queues.push_back(track->rtcp_writer);
  }
  const auto until = deadline();
  bool drained = writer.drain(queues, until);
  while (!drained && writer.suspended() && Writer::Clock::now() < until) {
    handle_failed_storage();  // on this thread: its own turn would come after this task
    drained = writer.drain(queues, until);
  }
  Result<void> result;
  if (!drained) result = fail(Errc::io, "The disk did not take all data of the ended tracks in time.");
  if (drained) result = syncer.sync_now();
  if (!result && result.error().code == Errc::no_space && reserve_taken) {  // the index's entries
    release_reserve();
    result = syncer.sync_now();
  }
  EndedTracks ended;
  Tracks here;  // not of a folder that was left since they were done
  {
    const std::lock_guard guard(control_mutex);
    for (const auto& track : tracks) {
      track->ended_at = now();
      track->end_reason = failure ? "storage_failed" : reason;
      if (track->folder_number == folder_number) here.push_back(track);
    }
  }
  for (const auto& track : tracks) ended.manifest.emplace(track->track.id, describe(*track));
  if (const auto published = publish(); !published) {
    publish_wanted.store(true);
    if (result) result = published;
  }
  if (result) ended.upload = start_upload(here, ended.manifest);
  forget_ended();
  if (!result) return std::unexpected(result.error());
  return ended;
}

// What has ended leaves its entry of the manifest and its counts behind, so that tracks may come and go for
// months.
void RecorderImpl::forget_ended() {
  const std::lock_guard guard(control_mutex);
  if (failure) return;
  for (const auto& track : all_tracks()) {
    if (!track->ended_at || !track->media_writer->done.load() || !track->rtcp_writer->done.load()) continue;
    const std::string& id = track->track.id;
    if (track->folder_number == folder_number) ended_entries[id] = entry_text(id, describe(*track));
    const PacketQueue::Counters media = track->media->retire(), rtcp = track->rtcp->retire();
    ended_stats.push_back(count(ended_sums, *track, media, rtcp));
    if (ended_stats.size() > kEndedTracksShown) ended_stats.pop_front();
    file_stems.erase(track->file_stem);
    const std::unique_lock table_lock(table_mutex);
    forgotten.insert(id);
    table.erase(id);
  }
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
  if (!track.participant.empty()) out.participant = track.participant;
  out.pauses = track.pauses;
  const auto media_files = track.media_writer->files();
  out.location = (media_files.empty() ? track.media_writer->output() : media_files.front())->path.string();
  for (std::size_t i = 1; i < media_files.size(); ++i)
    out.more_locations.push_back(media_files[i]->path.string());
  const auto rtcp_files = track.rtcp_writer->files();
  if (!rtcp_files.empty()) out.rtcp_location = rtcp_files.front()->path.string();
  for (std::size_t i = 1; i < rtcp_files.size(); ++i)
    out.more_rtcp_locations.push_back(rtcp_files[i]->path.string());
  if (options.checksums)
    out.index_location = (std::filesystem::path(out.location).parent_path() / kIndexFileName).string();
  if (track.stored) move_locations(out, *track.stored);
  out.ended_at = track.ended_at;
  if (!track.end_reason.empty()) out.end_reason = track.end_reason;
  if (track.ended_at) {
    out.packets = out.bytes = 0;
    for (const auto& file : media_files) {
      *out.packets += file->records.load();
      *out.bytes += file->written.load();
    }
    out.refused_packets = track.refused() - track.refused_before;
  }
  return out;
}

std::string entry_text(const std::string& id, const ManifestTrack& track) {
  const std::string text = serialize_manifest({{id, track}});
  return text.substr(1, text.size() - 2);
}

ManifestTrack track_of_entry(const std::string& entry) {
  const auto manifest = parse_manifest("{" + entry + "}");
  return manifest && !manifest->empty() ? manifest->begin()->second : ManifestTrack();
}

void move_locations(ManifestTrack& track, const ManifestTrack& stored) {
  track.location = stored.location;
  track.more_locations = stored.more_locations;
  track.rtcp_location = stored.rtcp_location;
  track.more_rtcp_locations = stored.more_rtcp_locations;
}

Manifest RecorderImpl::manifest() const {
  Manifest out;
  const std::lock_guard guard(control_mutex);
  for (const auto& [id, entry] : ended_entries) out.emplace(id, track_of_entry(entry));
  for (const auto& track : all_tracks())
    if (track->folder_number == folder_number) out.emplace(track->track.id, describe(*track));
  return out;
}

// As serialize_manifest() writes it, of entries that are not made anew each time.
std::string RecorderImpl::manifest_text(const Tracks& more) const {
  const std::lock_guard guard(control_mutex);
  std::map<std::string, std::string> live;
  const auto add = [&](const LiveTrack& track) {
    live.emplace(track.track.id, entry_text(track.track.id, describe(track)));
  };
  for (const auto& track : all_tracks())
    if (track->folder_number == folder_number && !ended_entries.contains(track->track.id)) add(*track);
  for (const auto& track : more) add(*track);
  std::string out = "{";
  const auto append = [&](const std::string& entry) {
    if (out.size() > 1) out += ',';
    out += entry;
  };
  auto next = ended_entries.begin();
  for (const auto& [id, entry] : live) {
    for (; next != ended_entries.end() && next->first < id; ++next) append(next->second);
    append(entry);
  }
  for (; next != ended_entries.end(); ++next) append(next->second);
  return out + "}";
}

Result<void> RecorderImpl::publish(bool from_reserve, const Tracks& more) {
  publish_wanted.store(false);
  const std::filesystem::path path = folder / "manifest.json";
  const std::string text = manifest_text(more);
  auto written = write_file_atomically(files, path, as_bytes(text));
  if (written || written.error().code != Errc::no_space || !from_reserve || !reserve_taken) return written;
  release_reserve();
  return write_file_atomically(files, path, as_bytes(text));
}

Recorder::TrackStats RecorderImpl::count(Recorder::Stats& sums, const LiveTrack& track,
                                         const PacketQueue::Counters& media,
                                         const PacketQueue::Counters& rtcp) const {
  Recorder::TrackStats one;
  one.id = track.track.id;
  one.packets = media.packets;
  one.bytes = media.bytes;
  one.rtcp_packets = rtcp.packets;
  one.refused_packets = media.refused_packets();
  one.paused_packets = media.refused[static_cast<std::size_t>(Outcome::paused)];
  one.live = track.live;
  one.paused = track.live && track.pausing();
  sums.packets += one.packets;
  sums.bytes += one.bytes;
  sums.rtcp_packets += one.rtcp_packets;
  add_refused(sums, media.refused);
  add_refused(sums, rtcp.refused);
  sums.lost_after_accept += track.media_writer->lost() + track.rtcp_writer->lost();
  return one;
}

Recorder::Stats RecorderImpl::stats() const {
  const auto now = Writer::Clock::now();  // first: what comes meanwhile is younger
  const std::lock_guard guard(control_mutex);
  Recorder::Stats out = ended_sums;
  out.tracks.assign(ended_stats.begin(), ended_stats.end());
  for (const auto& track : all_tracks()) {
    out.queued_bytes += track->media->queued() + track->rtcp->queued();
    out.tracks.push_back(count(out, *track, track->media->counters(), track->rtcp->counters()));
  }
  std::array<std::uint64_t, kOutcomes> refused_late{};
  for (std::size_t i = 0; i < refused_late.size(); ++i) refused_late[i] = shared->refused_late[i].load();
  add_refused(out, refused_late);
  out.ended += ended_later.load();
  std::ranges::sort(out.tracks, {}, &Recorder::TrackStats::id);
  out.unknown_track = unknown_track.load();
  const auto since = [&](Writer::Clock::time_point time) {
    return std::chrono::ceil<std::chrono::microseconds>(std::max(now - time, Writer::Clock::duration(0)));
  };
  if (out.queued_bytes != 0) out.oldest_unwritten = since(writer.written_until());
  if (options.sync_interval.count() != 0) out.oldest_unsynced = since(syncer.synced_until());
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
