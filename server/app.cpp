#include "server/app.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/random_text.hpp"
#include "server/log.hpp"
#include "server/news/announcement.hpp"
#include "server/work/conversion_limits.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;

/// Logs what an operator must know of a recorder's events.
struct RecorderLog {
  const std::string& id;

  [[nodiscard]] LogFields about(const std::string& track = {}, const std::string& rid = {}) const {
    return {.recording = id, .track = track, .rid = rid};
  }
  void operator()(const event::PacketsRefused& e) const {
    log(LogLevel::warn, std::to_string(e.packets) + " packets refused: " + e.reason, about(e.track_id));
  }
  void operator()(const event::WritesLate& e) const {
    const auto ms = std::to_string(e.oldest / 1ms) + " ms";
    if (e.late)
      log(LogLevel::warn, "writing is late: a crash would cost the last " + ms, about());
    else
      log(LogLevel::info, "writing keeps up again; it was late by up to " + ms, about());
  }
  void operator()(const event::DiskSpace& e) const {
    static constexpr const char* kLevels[] = {"ok", "low", "full"};
    log(LogLevel::warn,
        "disk space " + std::string(kLevels[static_cast<int>(e.level)]) + ", " +
            std::to_string(e.free_bytes) + " bytes free",
        about());
  }
  void operator()(const event::TrackRestarted& e) const {
    log(LogLevel::error, "track goes on in " + e.new_file.string() + ": " + e.cause.message,
        about(e.track_id));
  }
  void operator()(const event::Restarted& e) const {
    log(LogLevel::error, "recording goes on in " + e.new_folder.string() + ": " + e.cause.message, about());
  }
  void operator()(const event::Failed& e) const {
    log(LogLevel::error, "recording given up: " + e.error.message, about());
  }
  void operator()(const event::TrackFlow& e) const {
    log(LogLevel::info, e.flowing ? "track flows" : "track is silent", about(e.track_id));
  }
  void operator()(const event::UnknownTarget& e) const {
    log(LogLevel::warn, std::to_string(e.packets) + " packets for an unknown track",
        about(e.track_id, e.rid));
  }
  void operator()(const event::UploadComplete&) const {}  // Uploads tells of these
  void operator()(const event::UploadFailed&) const {}
};

nlohmann::json about(const std::string& recording, const LiveRecording::Participant& participant) {
  return {{"id", recording}, {"participant", participant.id}, {"name", participant.name}};
}

void log_end(const EndedSession& session) {
  if (session.reason == to_string(SessionEnd::never_connected))
    log(LogLevel::warn, why_not_connected(session.stats), {.session = session.session_id});
  for (const TrackStats& track : session.stats.tracks)
    for (const StreamStats& stream : track.streams)
      log(LogLevel::info,
          "stream ended: " + std::to_string(stream.packets) + " packets, " + std::to_string(stream.lost) +
              " lost, " + std::to_string(stream.recovered) + " came again",
          {session.recording_id, session.session_id, track.id, stream.rid, stream.ssrc});
  log(LogLevel::info, "session ended: " + session.reason,
      {.recording = session.recording_id, .session = session.session_id});
}

}  // namespace

App::App(ServeOptions options, FolderLock lock)
    : lock_(std::move(lock)),
      options_(std::move(options)),
      run_(random_text(12)),
      access_(options_),
      library_(options_.base_dir, options_.identities),
      index_(library_, [this](const RecordingEntry& entry) { return state_of(entry); }),
      events_(std::make_shared<EventHub>(*this)),
      webhooks_(options_),
      hooks_(options_),
      uploads_(options_, library_,
               [this](const std::string& id, const StepState& state) {
                 tell_end(id, "upload", "uploaded", state);
                 if (fleet_ && state.state == "done") fleet_->order(fleet_->conversion_of(id), false);
               }),
      conversions_(options_, library_,
                   [this](const std::string& id, const StepState& state) {
                     if (state.state != "prepared") tell_end(id, "conversion", "converted", state);
                     if (!options_.upload_url.empty()) uploads_.add(id);
                   }),
      films_(options_, library_, [this](const std::string& id) { events_->changed(id); }),
      live_films_(options_, library_, [this](const std::string& id) { events_->changed(id); }),
      retention_(options_, library_, index_, uploads_,
                 [this](const RecordingEntry& entry) { return state_of(entry); }) {
  library_.on_change([this](const std::string& id) { index_.touch(id); });
}

/// To the log and the webhooks: a step is done, or it failed.
void App::tell_end(const std::string& id, const std::string& step, const std::string& done,
                   const StepState& state) {
  events_->changed(id);
  if (state.state == "done") {
    log(LogLevel::info, "recording " + done, {.recording = id});
    nlohmann::json data = announcement_of(*this, id);
    if (!data.is_object()) data = {{"id", id}};
    if (done == "converted")
      hooks_.converted(id, data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    if (done == "uploaded") data["uploaded_to"] = options_.upload_url;
    webhooks_.send("recording." + done, std::move(data));
  } else if (state.state == "failed") {
    log(LogLevel::error, step + " failed: " + state.error, {.recording = id});
    webhooks_.send("recording.failed", {{"id", id}, {"step", step}, {"error", state.error}});
  }
}

/// Each node stores below a prefix of its own: names of recordings are times, which two nodes may share.
Result<void> App::join_fleet() {
  FleetNode::Events events;
  events.changed = [this](const fleet::JobRecord& record) { follow_job(record); };
  events.describe = [this] {
    const auto free = real_file_system().free_bytes(options_.base_dir);
    const std::uint64_t most = options_.webrtc.max_sessions;
    return fleet::Member{.sessions = live_ ? live_->endpoint().sessions : 0,
                         .most_sessions = most,
                         .free_bytes = free.value_or(0),
                         .unproven = unproven(),
                         .under_way = under_way()};
  };
  events.stored_here = [this] { return stored_and_not_converted(); };
  // As it lies there: of a sealed recording it tells the fleet nothing that is sealed.
  events.about = [this](const std::string& id) -> Result<RecordingInfo> {
    const auto folder = library_.folder(id);
    if (!folder) return std::unexpected(folder.error());
    return read_recording_info(real_file_system(), *folder);
  };
  auto node = FleetNode::start(options_, std::move(events));
  if (!node) return std::unexpected(node.error());
  fleet_ = *std::move(node);
  access_.know_nodes_by([this](const http::Request& request) {
    const auto asking = asking_node(request);
    return asking && fleet_->is_pass(request.target.text(), asking->pass);
  });
  const auto stored = [this](const std::string& id) -> Result<fleet::Job> {
    const auto slash = id.find('/');
    fleet::Job out{.node = id.substr(0, slash), .recording = id.substr(slash + 1)};
    if (!fleet_->recording(out.node, out.recording) && !fleet_->is_stored(out.node, out.recording))
      return fail(Errc::not_found, "The fleet has no recording of that name.");
    return out;
  };
  playback_.look_elsewhere([this, stored](const std::string& id) -> Result<std::string> {
    const auto job = stored(id);
    if (!job) return std::unexpected(job.error());
    return fleet_->store().url_of(*job);
  });
  cuts_.look_elsewhere([this, stored](const std::string& id, std::stop_token stop) -> Result<Cuts::Place> {
    const auto job = stored(id);
    if (!job) return std::unexpected(job.error());
    auto objects = fleet_->store().relay(*job);
    if (!objects) return std::unexpected(objects.error());
    const std::string url = fleet_->store().url_of(*job);
    return Cuts::Place{.path = url,
                       .state = "stored",
                       .objects = *std::move(objects),
                       .file_bytes = conversion_limits(*fleet_->store().objects(stop), url).file_bytes};
  });
  return {};
}

/// The recording's own file says what became of it, also where the fleet forgets.
void App::follow_job(const fleet::JobRecord& record) {
  using fleet::JobState;
  const std::string& id = record.job.recording;
  if (record.job.kind != fleet::JobKind::convert || !library_.folder(id)) {
    events_->changed(id);
    return;
  }
  StepState state{"waiting", "", 0};
  if (record.state == JobState::running) state.state = "running";
  if (record.state == JobState::cancelled) state.state = "cancelled";
  if (record.state == JobState::failed) state = {"failed", record.error, 0};
  if (record.state == JobState::done) state = {"done", "", record.result.exit_code};
  const auto entry = library_.entry(id);
  if (!entry || (entry->conversion.state == state.state && entry->conversion.error == state.error)) {
    events_->changed(id);
    return;
  }
  (void)library_.set_conversion(id, state);
  tell_end(id, "conversion", "converted", state);
}

/// For the fleet: what is recorded here. Of what is sealed it is not told who or what it is.
std::vector<fleet::UnderWay> App::under_way() const {
  std::vector<fleet::UnderWay> out;
  if (!live_) return out;
  const bool sealed = !options_.recipients.empty();
  for (const auto& one : live_->recordings()) {
    fleet::UnderWay& view = out.emplace_back();
    view.recording = one->id();
    view.from_ms = std::chrono::duration_cast<fleet::Milliseconds>(one->began().time_since_epoch()).count();
    if (sealed) continue;
    view.name = one->name();
    view.key = one->key().size() <= fleet::kMaxKey ? one->key() : "";
  }
  return out;
}

/// In the recording's own file, how far its clock is from the fleet's now.
void App::note_clock(const std::string& id, const std::optional<ClockAnchor>& clock,
                     std::optional<ClockOffset> RecordingClock::* when) {
  if (!fleet_ || !clock) return;
  const auto offset = fleet_->clock_offset(*clock);
  if (!offset) return;
  if (const auto noted = library_.set_clock(id, when, *offset); !noted)
    log(LogLevel::warn, noted.error().message, {.recording = id});
}

std::vector<std::string> App::stored_and_not_converted() const {
  std::vector<std::string> out;
  for (const std::string& id : library_.ids()) {
    const auto entry = library_.entry(id);
    if (entry && entry->upload.state == "done" && entry->conversion.state == "waiting") out.push_back(id);
  }
  return out;
}

std::uint64_t App::unproven() const {
  const Uploads::Counts counts = uploads_.counts();
  return counts.waiting + counts.running;
}

Result<std::unique_ptr<App>> App::start(ServeOptions options) {
  if (auto ok = check(options); !ok) return std::unexpected(ok.error());
  if (is_fleet_node(options)) {
    options.store_url = options.upload_url;
    for (std::string* url : {&options.upload_url, &options.node_url})
      while (url->ends_with('/')) url->pop_back();
    options.upload_url += "/recordings/" + options.node_name;
  }
  if (auto made = real_file_system().create_directories(options.base_dir); !made)
    return std::unexpected(made.error());
  auto own = FolderLock::take(options.base_dir, "rtpx serve");
  if (!own) return std::unexpected(own.error());
  std::unique_ptr<App> app(new App(std::move(options), *std::move(own)));
  if (auto loaded = app->access_.load(); !loaded) return std::unexpected(loaded.error());
  LiveEvents events;
  App* self = app.get();
  events.started = [self](const LiveSession& session) {
    log(LogLevel::info, "recording started",
        {.recording = session.recording_id, .session = session.session_id});
    self->note_clock(session.recording_id, session.clock, &RecordingClock::begin);
    self->uploads_.begin(session.recording_id);
    if (self->fleet_) self->fleet_->tell_under_way();
    self->events_->changed(session.recording_id);
    self->webhooks_.send("recording.started", {{"id", session.recording_id}, {"name", session.name}});
  };
  events.connected = [](const std::string& session, const std::string& recording) {
    log(LogLevel::info, "publisher connected", {.recording = recording, .session = session});
  };
  events.joined = [self](const LiveSession& session) {
    log(LogLevel::info, "participant " + session.participant->id + " joined",
        {.recording = session.recording_id, .session = session.session_id});
    self->events_->changed(session.recording_id);
    self->webhooks_.send("participant.joined", about(session.recording_id, *session.participant));
  };
  events.left = [self](const EndedSession& session) {
    log_end(session);
    if (!session.participant) return;  // or somebody has come in its place
    self->events_->changed(session.recording_id);
    self->webhooks_.send("participant.left", about(session.recording_id, *session.participant));
  };
  events.ended = [self](const EndedRecording& recording) {
    if (recording.id.empty()) {
      log(LogLevel::info, "recording ended without a packet: " + recording.reason);
      return;
    }
    log(LogLevel::info, "recording ended: " + recording.reason, {.recording = recording.id});
    self->webhooks_.send("recording.ended", {{"id", recording.id}, {"reason", recording.reason}});
    self->note_clock(recording.id, recording.clock, &RecordingClock::end);
    if (!self->options_.upload_url.empty())  // also after a crash between conversion and upload
      (void)self->library_.set_upload(recording.id, {"waiting"});
    self->conversions_.add(recording.id);
    if (self->fleet_) self->fleet_->tell_under_way();
    self->events_->changed(recording.id);
  };
  events.event = [](const std::string& id, const Event& event) { std::visit(RecorderLog{id}, event); };
  app->library_.sweep();
  if (is_fleet_node(app->options_))
    if (auto joined = app->join_fleet(); !joined) return std::unexpected(joined.error());
  app->finish_what_was_left();
  auto live = Live::start(app->options_, std::move(events));
  if (!live) return std::unexpected(live.error());
  app->live_ = std::move(*live);
  if (app->fleet_) app->fleet_->begin();
  app->keeper_ = std::jthread([self](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any sleeping;
    while (!stop.stop_requested()) {
      self->retention_.apply(stop);
      std::unique_lock lock(mutex);
      sleeping.wait_for(lock, stop, 60s, [] { return false; });
    }
  });
  return app;
}

App::~App() {
  keeper_ = {};
  if (fleet_) fleet_->stop();
  live_.reset();  // ends the recordings while the conversions can still take note of them
}

void App::finish_what_was_left() {
  for (const std::string& id : index_.unfinished()) {
    const auto entry = library_.entry(id);
    if (!entry) continue;
    const bool unfinished = !entry->info.ended_at;
    if (fleet_ && !unfinished && entry->upload.state == "done") {
      if (entry->conversion.state != "done") fleet_->order(fleet_->conversion_of(id), false);
    } else if (entry->conversion.state == "waiting" || entry->conversion.state == "running" ||
        (entry->conversion.state.empty() && entry->outputs.empty())) {
      log(LogLevel::info,
          unfinished ? "recording was cut off: it is mended and converted" : "waits for conversion",
          {.recording = id});
      conversions_.add(id, unfinished, entry->conversion.outputs);
      events_->changed(id);
    } else if (!options_.upload_url.empty() &&
               (entry->upload.state == "waiting" || entry->upload.state == "running")) {
      uploads_.add(id);
      events_->changed(id);
    }
  }
}

RecordingState App::state_of(const RecordingEntry& entry) const {
  if (live_ && live_->is_recording(entry.id)) return RecordingState::recording;
  if (conversions_.running(entry.id)) return RecordingState::converting;
  if (conversions_.waiting(entry.id)) return RecordingState::waiting;
  return entry.state;
}

std::string App::not_ready() const {
  if (draining_) return "The server is shutting down.";
  if (fleet_ && fleet_->draining()) return "The server takes no new sessions: it is drained.";
  const auto free = real_file_system().free_bytes(options_.base_dir);
  if (!free) return free.error().message;
  if (*free < options_.min_free_bytes) return "The disk is nearly full.";
  return {};
}

}  // namespace rtpx::server
