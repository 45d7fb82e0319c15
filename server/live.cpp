#include "live.hpp"

#include <algorithm>

#include "ingest/reception.hpp"
#include "log.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kQueueBytes =
    8U << 20;  // a publisher's 20 Mbit/s for 3 s: many of them share this machine

void add(Live::Totals& totals, const Recorder::Stats& stats) {
  totals.packets += stats.packets;
  totals.bytes += stats.bytes;
  const auto refused = [&](const char* outcome, std::uint64_t count) {
    totals.refused += count;
    totals.refused_by[outcome] += count;
  };
  refused("queue_full", stats.queue_full);
  refused("disk_full", stats.disk_full);
  refused("unknown_track", stats.unknown_track);
  refused("unknown_rid", stats.unknown_rid);
  refused("too_large", stats.too_large);
  refused("ended", stats.ended);
  refused("failed", stats.failed);
  totals.queued_bytes += stats.queued_bytes;
  totals.worst_flush = std::max(totals.worst_flush, stats.worst_flush);
  totals.worst_sync = std::max(totals.worst_sync, stats.worst_sync);
}

std::uint64_t bits_per_second(const std::vector<TrackStats>& tracks) {
  std::uint64_t out = 0;
  for (const TrackStats& track : tracks)
    for (const StreamStats& stream : track.streams) out += stream.bits_per_second;
  return out;
}

}  // namespace

std::string why_not_connected(const SessionStats& stats, std::uint16_t udp_port) {
  if (stats.connected) return {};
  if (stats.stun_checks == 0)
    return "No STUN request of the publisher has come: it does not reach UDP port " +
           std::to_string(udp_port) +
           " at the addresses of the answer; --advertise names the one that it can reach.";
  return "STUN requests of the publisher come, but its DTLS handshake is not done.";
}

Live::Live(const ServeOptions& options, LiveEvents events)
    : options_(options),
      events_(std::move(events)),
      ingests_(options.max_ingests,
               [this](const std::string& id, UdpEnd reason, const UdpReceiver::Stats& last) {
                 {
                   const std::lock_guard lock(mutex_);
                   ended_ingests_dropped_ += last.dropped;
                 }
                 end({id, "", to_string(reason), {}, last.dropped, last.tracks});
               }) {}

Result<std::unique_ptr<Live>> Live::start(const ServeOptions& options, LiveEvents events) {
  std::unique_ptr<Live> live(new Live(options, std::move(events)));
  auto endpoint = WebRtcEndpoint::start(options.webrtc);
  if (!endpoint) return std::unexpected(endpoint.error());
  live->endpoint_ = std::move(*endpoint);
  return live;
}

Live::~Live() = default;

Result<AcceptedSession> Live::accept(const std::string& offer, const SessionLabel& label) {
  SessionHandlers handlers;
  handlers.open = [this, label](const std::string& id, std::span<const MediaStreamTrack> tracks) {
    return open(id, label, tracks);
  };
  handlers.connected = [this](const std::string& id) {
    if (const auto recording = recording_of(id); recording && events_.connected)
      events_.connected(id, *recording);
  };
  handlers.ended = [this](const std::string& id, SessionEnd reason, const SessionStats& last) {
    end({id, "", to_string(reason), last, last.dropped, last.tracks});
  };
  return endpoint_->accept(offer, std::move(handlers));
}

Result<PatchedSession> Live::patch(const std::string& session_id, const std::string& fragment,
                                   std::optional<std::string_view> ice_tag) {
  return endpoint_->patch(session_id, fragment, ice_tag);
}

Result<void> Live::close(const std::string& session_id) {
  return endpoint_->close(session_id);
}

Result<PlainIngest> Live::ingest(std::string_view sdp, const SessionLabel& label,
                                 const UdpReceiver::Options& options) {
  return ingests_.start(sdp, options, [&](const std::string& id, std::span<const MediaStreamTrack> tracks) {
    return open(id, label, tracks);
  });
}

Result<std::shared_ptr<PacketSink>> Live::open(const std::string& session_id, const SessionLabel& label,
                                               std::span<const MediaStreamTrack> tracks) {
  Recorder::Options options;
  options.base_dir = options_.base_dir;
  options.name = label.name;
  options.continues = label.continues;
  options.queue_bytes = kQueueBytes;
  options.full_space_bytes = options_.min_free_bytes;
  options.low_space_bytes = options_.min_free_bytes + options_.min_free_bytes / 4;
  auto started = Recorder::start(std::move(options));
  if (!started) return std::unexpected(started.error());
  std::shared_ptr<Recorder> recorder = std::move(*started);
  const std::string recording_id = recorder->folder().filename();
  recorder->set_event_sink([this, recording_id](const Event& event) {
    if (events_.event) events_.event(recording_id, event);
  });
  if (auto added = recorder->add_tracks(tracks); !added) return std::unexpected(added.error());
  auto sink = make_recorder_sink(*recorder, tracks);
  if (!sink) return std::unexpected(sink.error());
  {
    const std::lock_guard lock(mutex_);
    sessions_[session_id] = {recording_id, label.name, recorder};
  }
  if (events_.started) events_.started({session_id, recording_id, label.name, std::nullopt, {}});
  return sink;
}

void Live::end(EndedSession ended) {
  const std::string& session_id = ended.session_id;
  Session session;
  {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(session_id);
    if (at == sessions_.end()) return;
    session = at->second;
  }
  const fs::path folder = session.recorder->folder();
  std::vector<std::string> ids;
  for (const auto& [id, track] : session.recorder->manifest()) ids.push_back(id);
  (void)session.recorder->end_tracks(ids, ended.reason);
  const Recorder::Stats stats = session.recorder->stats();
  const bool empty = stats.packets == 0;
  {
    const std::lock_guard lock(mutex_);
    sessions_.erase(session_id);
    add(ended_, stats);
    ended_.queued_bytes = 0;
    ++ended_.recordings;
    if (empty) ++ended_.empty;
  }
  session.recorder.reset();  // the last owner but for a stats() under way: all is on disk after this
  if (!empty) {
    ended.recording_id = folder.filename().string();
    if (const auto noted = note_reception(folder, ended.dropped, ended.tracks); !noted)
      log(LogLevel::warn, noted.error().message, {.recording = ended.recording_id});
  } else {
    // Nobody ever sent a packet: there is nothing to keep.
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  if (events_.ended) events_.ended(ended);
}

DropCounts Live::dropped() const {
  DropCounts out = endpoint_->stats().dropped;
  for (const PlainIngest& one : ingests_.list()) out += one.stats.dropped;
  const std::lock_guard lock(mutex_);
  return out += ended_ingests_dropped_;
}

std::vector<LiveSession> Live::sessions() const {
  std::map<std::string, Session> copy;
  {
    const std::lock_guard lock(mutex_);
    copy = sessions_;
  }
  std::map<std::string, SessionStats> of_ingests;
  for (PlainIngest& one : ingests_.list())
    of_ingests[one.id] = {.id = one.id,
                          .connected = one.stats.packets > 0,
                          .rtt_ms = one.stats.rtt_ms,
                          .packets = one.stats.packets + one.stats.rtcp_packets,
                          .bytes = one.stats.bytes,
                          .bits_per_second = bits_per_second(one.stats.tracks),
                          .dropped = one.stats.dropped,
                          .tracks = std::move(one.stats.tracks)};
  std::vector<LiveSession> out;
  for (const auto& [id, session] : copy) {
    LiveSession& live = out.emplace_back(id, session.recording_id, session.name, endpoint_->stats(id),
                                         session.recorder->stats());
    if (const auto ingest = of_ingests.find(id); ingest != of_ingests.end()) live.stats = ingest->second;
  }
  return out;
}

bool Live::is_recording(const std::string& recording_id) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(sessions_, [&](const auto& session) {
    return session.second.recording_id == recording_id ||
           session.second.recorder->folder().filename() == recording_id;  // another one after a restart
  });
}

std::optional<std::string> Live::recording_of(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session_id);
  if (at == sessions_.end()) return std::nullopt;
  return at->second.recording_id;
}

Live::Totals Live::totals() const {
  std::vector<std::shared_ptr<Recorder>> recorders;
  Totals out;
  {
    const std::lock_guard lock(mutex_);
    out = ended_;
    for (const auto& [id, session] : sessions_) recorders.push_back(session.recorder);
  }
  for (const auto& recorder : recorders) add(out, recorder->stats());
  return out;
}

}  // namespace rtpx::server
