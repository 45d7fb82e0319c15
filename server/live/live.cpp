#include "server/live/live.hpp"

#include <algorithm>

#include "ingest/reception.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kQueueBytes =
    8U << 20;  // a publisher's 20 Mbit/s for 3 s: many of them share this machine
constexpr std::size_t kSharedQueueBytes = 4 * kQueueBytes;

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

std::vector<std::string> paused_tracks(const Recorder& recorder) {
  std::vector<std::string> out;
  for (const Recorder::TrackStats& track : recorder.stats().tracks)
    if (track.paused) out.push_back(track.id);
  return out;
}

}  // namespace

std::string why_not_connected(const SessionStats& stats) {
  if (stats.connected) return {};
  if (stats.stun_checks == 0)
    return "No STUN request of the publisher has come: it does not reach UDP port " +
           std::to_string(stats.udp_port) +
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
                 end({id, "", to_string(reason), {}, last.dropped, last.tracks, {}});
               }),
      pulls_(options.max_pulls, pull_handlers()) {}

Result<std::unique_ptr<Live>> Live::start(const ServeOptions& options, LiveEvents events) {
  std::unique_ptr<Live> live(new Live(options, std::move(events)));
  auto endpoint = WebRtcEndpoint::start(options.webrtc);
  if (!endpoint) return std::unexpected(endpoint.error());
  live->endpoint_ = std::move(*endpoint);
  live->lingering_ = std::jthread([self = live.get()](const std::stop_token& stop) { self->watch_empty(stop); });
  return live;
}

Live::~Live() {
  lingering_ = {};
  pulls_.end_all();  // whose threads use the endpoint
  endpoint_.reset();
  ingests_.end_all();
  std::map<std::string, std::shared_ptr<LiveRecording>> rest;
  {
    const std::lock_guard lock(mutex_);
    rest = recordings_;
  }
  for (const auto& [id, recording] : rest)
    if (recording->close()) finish(recording, "shutdown");
}

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
    end({id, "", to_string(reason), last, last.dropped, last.tracks, {}});
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

Pulls::Handlers Live::pull_handlers() {
  return {.open = [this](const std::string& id, bool first,
                         std::span<const MediaStreamTrack> tracks) { return open_pull(id, first, tracks); },
          .connected =
              [this](const std::string& id) {
                if (const auto recording = recording_of(id); recording && events_.connected)
                  events_.connected(id, *recording);
              },
          .lost =
              [](const std::string& id, const Error& why, bool again) {
                log(LogLevel::warn, why.message + (again ? " It is asked again." : ""), {.session = id});
              },
          .ended =
              [this](const std::string& id, WhepEnd reason, const WhepReceiver::Stats& last) {
                {
                  const std::lock_guard lock(mutex_);
                  ended_ingests_dropped_ += last.dropped;
                  pull_labels_.erase(id);
                }
                SessionStats stats = last.session;
                stats.id = id;
                end({id, "", to_string(reason), stats, last.dropped, last.tracks, {}});
              }};
}

/// The recording begins with the first connection; later ones go on in it.
Result<std::shared_ptr<PacketSink>> Live::open_pull(const std::string& id, bool first,
                                                    std::span<const MediaStreamTrack> tracks) {
  SessionLabel label;
  std::shared_ptr<LiveRecording> recording;
  {
    const std::lock_guard lock(mutex_);
    label = pull_labels_[id];
    if (const auto at = sessions_.find(id); at != sessions_.end()) recording = at->second;
  }
  if (first) return open(id, label, tracks);
  if (!recording) return fail(Errc::not_found, "The recording has ended.");
  return recording->rejoin(id, tracks);
}

Result<std::string> Live::pull(WhepReceiver::Options options, const SessionLabel& label) {
  return pulls_.start(std::move(options), [&](const std::string& id) {
    const std::lock_guard lock(mutex_);
    pull_labels_[id] = label;
  });
}

Result<void> Live::stop_pull(const std::string& id) {
  return pulls_.stop(id);
}

/// The one that the label's key names, or a new one.
Result<std::shared_ptr<LiveRecording>> Live::recording_for(const SessionLabel& label, bool& is_new) {
  std::unique_lock sharing(sharing_, std::defer_lock);
  if (!label.key.empty()) {
    sharing.lock();
    const std::lock_guard lock(mutex_);
    for (const auto& [id, recording] : recordings_)
      if (recording->key() == label.key && !recording->closed()) return recording;
  }
  Recorder::Options options;
  options.base_dir = options_.base_dir;
  options.recipients = options_.recipients;
  options.queue_bytes = label.key.empty() ? kQueueBytes : kSharedQueueBytes;
  options.full_space_bytes = options_.min_free_bytes;
  options.low_space_bytes = options_.min_free_bytes + options_.min_free_bytes / 4;
  auto started = LiveRecording::start(std::move(options), label);
  if (!started) return started;
  (*started)->recorder()->set_event_sink([this, id = (*started)->id()](const Event& event) {
    if (events_.event) events_.event(id, event);
  });
  is_new = true;
  const std::lock_guard lock(mutex_);
  recordings_[(*started)->id()] = *started;
  return started;
}

Result<std::shared_ptr<PacketSink>> Live::open(const std::string& session_id, const SessionLabel& label,
                                               std::span<const MediaStreamTrack> tracks) {
  bool is_new = false;
  auto found = recording_for(label, is_new);
  if (!found) return std::unexpected(found.error());
  const std::shared_ptr<LiveRecording>& recording = *found;
  {
    const std::lock_guard lock(mutex_);
    sessions_[session_id] = recording;
  }
  auto joined = recording->join(session_id, label, tracks, [this](const std::string& before) {
    if (!endpoint_->close(before, SessionEnd::replaced)) pulls_.request_stop(before);
  });
  if (!joined) {
    {
      const std::lock_guard lock(mutex_);
      sessions_.erase(session_id);
    }
    if (is_new && recording->close()) finish(recording, "failed");
    return std::unexpected(joined.error());
  }
  LiveSession session{session_id, recording->id(), recording->name(), std::nullopt, {}, joined->participant};
  if (is_new) session.clock = recording->clock();
  if (is_new && events_.started) events_.started(session);
  if (joined->participant && events_.joined) events_.joined(session);
  return joined->sink;
}

void Live::end(EndedSession ended) {
  std::shared_ptr<LiveRecording> recording;
  {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(ended.session_id);
    if (at == sessions_.end()) return;
    recording = at->second;
  }
  ended.recording_id = recording->id();
  ended.participant = recording->participant_of(ended.session_id);
  const bool empty = recording->leave(ended.session_id, ended.dropped, ended.tracks);
  {
    const std::lock_guard lock(mutex_);
    sessions_.erase(ended.session_id);
    somebody_left_ = true;
  }
  if (events_.left) events_.left(ended);
  const bool last = recording->shared() ? empty && recording->closed() : recording->close();
  if (last) finish(recording, recording->shared() ? "ended" : ended.reason);
  emptied_.notify_all();
}

/// Of a recording that was closed and has no session any more: once.
void Live::finish(const std::shared_ptr<LiveRecording>& recording, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!recordings_.contains(recording->id()) || !finishing_.insert(recording->id()).second) return;
  }
  const LiveRecording::End ended = recording->end(reason);
  const bool empty = ended.stats.packets == 0;
  {
    const std::lock_guard lock(mutex_);
    recordings_.erase(recording->id());
    finishing_.erase(recording->id());
    add(ended_, ended.stats);
    ended_.queued_bytes = 0;
    ++ended_.recordings;
    if (empty) ++ended_.empty;
  }
  EndedRecording out{"", reason};
  if (!empty) {
    out.id = ended.folder.filename().string();
    out.clock = ended.clock;
    if (const auto noted = note_reception(ended.folder, recording->dropped(), recording->tracks()); !noted)
      log(LogLevel::warn, noted.error().message, {.recording = out.id});
  } else {
    // Nobody ever sent a packet: there is nothing to keep.
    std::error_code ignored;
    fs::remove_all(ended.folder, ignored);
  }
  if (events_.ended) events_.ended(out);
}

void Live::watch_empty(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<std::shared_ptr<LiveRecording>> due;
    {
      std::unique_lock lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      auto next = now + std::chrono::hours(1);
      for (const auto& [id, recording] : recordings_) {
        const auto since = recording->shared() && !recording->closed() ? recording->empty_since() : std::nullopt;
        if (!since) continue;
        if (*since + options_.linger <= now)
          due.push_back(recording);
        else
          next = std::min(next, *since + options_.linger);
      }
      if (due.empty()) (void)emptied_.wait_until(lock, stop, next, [this] { return somebody_left_; });
      somebody_left_ = false;
    }
    for (const auto& recording : due)
      if (recording->close_if_empty()) finish(recording, "everyone_left");
  }
}

std::shared_ptr<LiveRecording> Live::find(const std::string& recording_id) const {
  const std::lock_guard lock(mutex_);
  const auto at = recordings_.find(recording_id);
  return at != recordings_.end() ? at->second : nullptr;
}

Result<void> Live::end_recording(const std::string& recording_id) {
  const auto recording = find(recording_id);
  if (!recording) return fail(Errc::not_found, "It is not being recorded.");
  if (recording->shared() && !recording->close()) return {};  // it is ending
  const auto sessions = recording->sessions();
  for (const std::string& session : sessions)
    if (!endpoint_->close(session) && !ingests_.stop(session)) (void)pulls_.stop(session);
  if (recording->shared() && recording->sessions().empty()) finish(recording, "ended");
  return {};
}

Result<void> Live::pause(const std::string& recording_id, const std::vector<std::string>* tracks, bool paused) {
  const auto recording = find(recording_id);
  const auto recorder = recording ? recording->recorder() : nullptr;
  if (!recorder) return fail(Errc::not_found, "It is not being recorded.");
  Result<void> done;
  if (tracks != nullptr)
    done = paused ? recorder->pause(*tracks) : recorder->resume(*tracks);
  else
    done = paused ? recorder->pause() : recorder->resume();
  // Who goes on with a recording goes on with all of it.
  if (const auto left = paused_tracks(*recorder); done && tracks == nullptr && !paused && !left.empty())
    done = recorder->resume(left);
  if (!paused)
    for (const std::string& session : recording->sessions())
      if (!endpoint_->request_keyframes(session)) {
        ingests_.request_keyframes(session);
        pulls_.request_keyframes(session);
      }
  return done;
}

Result<void> Live::mark(const std::string& recording_id, std::string_view text) {
  const auto recording = find(recording_id);
  const auto recorder = recording ? recording->recorder() : nullptr;
  if (!recorder) return fail(Errc::not_found, "It is not being recorded.");
  return recorder->mark(text);
}

std::optional<Live::Course> Live::course(const std::string& recording_id) const {
  const auto recording = find(recording_id);
  const auto recorder = recording ? recording->recorder() : nullptr;
  if (!recorder) return std::nullopt;
  Course out{recorder->paused(), paused_tracks(*recorder), {}};
  for (const std::string& session : recording->sessions())
    if (const auto participant = recording->participant_of(session)) out.present.push_back(participant->id);
  return out;
}

DropCounts Live::dropped() const {
  DropCounts out = endpoint_->stats().dropped;
  for (const PlainIngest& one : ingests_.list()) out += one.stats.dropped;
  for (const Pull& one : pulls_.list())
    if (!one.ended) out += one.stats.dropped;
  const std::lock_guard lock(mutex_);
  return out += ended_ingests_dropped_;
}

std::vector<LiveSession> Live::sessions() const {
  std::map<std::string, std::shared_ptr<LiveRecording>> copy;
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
  std::map<std::string, SessionStats> of_pulls;
  for (Pull& one : pulls_.list()) {
    one.stats.session.id = one.id;
    of_pulls[one.id] = std::move(one.stats.session);
  }
  std::vector<LiveSession> out;
  for (const auto& [id, recording] : copy) {
    LiveSession& live = out.emplace_back(id, recording->id(), recording->name(), endpoint_->stats(id),
                                         recording->stats(id), recording->participant_of(id));
    if (const auto ingest = of_ingests.find(id); ingest != of_ingests.end()) live.stats = ingest->second;
    if (const auto pull = of_pulls.find(id); pull != of_pulls.end()) {
      live.stats = pull->second;
      live.pulled = true;
    }
  }
  return out;
}

std::vector<std::shared_ptr<const LiveRecording>> Live::recordings() const {
  std::vector<std::shared_ptr<const LiveRecording>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, recording] : recordings_) out.push_back(recording);
  return out;
}

bool Live::has_key(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return !key.empty() && std::ranges::any_of(recordings_, [&](const auto& one) {
    return one.second->key() == key && !one.second->closed();
  });
}

bool Live::is_recording(const std::string& recording_id) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(recordings_, [&](const auto& one) {
    if (one.first == recording_id) return true;
    const auto recorder = one.second->recorder();
    return recorder && recorder->folder().filename() == recording_id;  // another one after a restart
  });
}

void Live::want_keyframes(const std::string& recording_id) {
  std::vector<std::string> senders;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, session] : sessions_)
      if (session->id() == recording_id) senders.push_back(id);
  }
  for (const std::string& id : senders)  // plain RTP has no such way
    if (!endpoint_->want_keyframes(id)) pulls_.want_keyframes(id);
}

std::optional<std::string> Live::recording_of(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session_id);
  if (at == sessions_.end()) return std::nullopt;
  return at->second->id();
}

std::optional<LiveRecording::Participant> Live::participant_of(const std::string& session_id) const {
  std::shared_ptr<LiveRecording> recording;
  {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(session_id);
    if (at == sessions_.end()) return std::nullopt;
    recording = at->second;
  }
  return recording->participant_of(session_id);
}

Live::Totals Live::totals() const {
  std::vector<std::shared_ptr<Recorder>> recorders;
  Totals out;
  {
    const std::lock_guard lock(mutex_);
    out = ended_;
    for (const auto& [id, recording] : recordings_)
      if (auto recorder = recording->recorder()) recorders.push_back(std::move(recorder));
  }
  for (const auto& recorder : recorders) {
    const Recorder::Stats stats = recorder->stats();
    add(out, stats);
    out.oldest_unwritten = std::max(out.oldest_unwritten, stats.oldest_unwritten);
    if (stats.oldest_unsynced) out.oldest_unsynced = std::max(out.oldest_unsynced, *stats.oldest_unsynced);
  }
  return out;
}

}  // namespace rtpx::server
