#include "app.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "ingest/webrtc/ice_lite.hpp"
#include "log.hpp"

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

void log_end(const EndedSession& session, std::uint16_t udp_port) {
  if (session.reason == to_string(SessionEnd::never_connected))
    log(LogLevel::warn, why_not_connected(session.stats, udp_port), {.session = session.session_id});
  if (session.recording_id.empty()) {
    log(LogLevel::info, "session ended without a packet: " + session.reason, {.session = session.session_id});
    return;
  }
  for (const TrackStats& track : session.stats.tracks)
    for (const StreamStats& stream : track.streams)
      log(LogLevel::info,
          "stream ended: " + std::to_string(stream.packets) + " packets, " + std::to_string(stream.lost) +
              " lost, " + std::to_string(stream.recovered) + " came again",
          {session.recording_id, session.session_id, track.id, stream.rid, stream.ssrc});
  log(LogLevel::info, "recording ended: " + session.reason,
      {.recording = session.recording_id, .session = session.session_id});
}

}  // namespace

App::App(ServeOptions options, FolderLock lock)
    : lock_(std::move(lock)),
      options_(std::move(options)),
      run_(random_text(12)),
      access_(options_),
      library_(options_.base_dir),
      events_(std::make_shared<EventHub>(*this)),
      webhooks_(options_),
      uploads_(options_, library_,
               [this](const std::string& id, const StepState& state) {
                 tell_end(id, "upload", "uploaded", state);
               }),
      conversions_(options_, library_,
                   [this](const std::string& id, const StepState& state) {
                     tell_end(id, "conversion", "converted", state);
                     if (!options_.upload_url.empty()) uploads_.add(id);
                   }),
      retention_(options_, library_, uploads_,
                 [this](const RecordingEntry& entry) { return state_of(entry); }) {}

/// To the log and the webhooks: a step is done, or it failed.
void App::tell_end(const std::string& id, const std::string& step, const std::string& done,
                   const StepState& state) {
  events_->changed(id);
  if (state.state == "done") {
    log(LogLevel::info, "recording " + done, {.recording = id});
    webhooks_.send("recording." + done, {{"id", id}});
  } else if (state.state == "failed") {
    log(LogLevel::error, step + " failed: " + state.error, {.recording = id});
    webhooks_.send("recording.failed", {{"id", id}, {"step", step}, {"error", state.error}});
  }
}

Result<std::unique_ptr<App>> App::start(ServeOptions options) {
  if (auto ok = check(options); !ok) return std::unexpected(ok.error());
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
    self->events_->changed(session.recording_id);
    self->webhooks_.send("recording.started", {{"id", session.recording_id}, {"name", session.name}});
  };
  events.connected = [](const std::string& session, const std::string& recording) {
    log(LogLevel::info, "publisher connected", {.recording = recording, .session = session});
  };
  events.ended = [self](const EndedSession& session) {
    log_end(session, self->options_.webrtc.udp_port);
    if (session.recording_id.empty()) return;
    self->webhooks_.send("recording.ended", {{"id", session.recording_id}, {"reason", session.reason}});
    if (!self->options_.upload_url.empty())  // also after a crash between conversion and upload
      (void)self->library_.set_upload(session.recording_id, {"waiting", "", 0});
    self->conversions_.add(session.recording_id);
    self->events_->changed(session.recording_id);
  };
  events.event = [](const std::string& id, const Event& event) { std::visit(RecorderLog{id}, event); };
  app->library_.sweep();
  app->finish_what_was_left();
  auto live = Live::start(app->options_, std::move(events));
  if (!live) return std::unexpected(live.error());
  app->live_ = std::move(*live);
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
  live_.reset();  // ends the recordings while the conversions can still take note of them
}

void App::finish_what_was_left() {
  for (const std::string& id : library_.ids()) {
    const auto entry = library_.entry(id);
    if (!entry) continue;
    const bool unfinished = !entry->info.ended_at;
    if (entry->conversion.state == "waiting" || entry->conversion.state == "running" ||
        (entry->conversion.state.empty() && entry->outputs.empty())) {
      log(LogLevel::info,
          unfinished ? "recording was cut off: it is mended and converted" : "waits for conversion",
          {.recording = id});
      conversions_.add(id, unfinished);
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
  const auto free = real_file_system().free_bytes(options_.base_dir);
  if (!free) return free.error().message;
  if (*free < options_.min_free_bytes) return "The disk is nearly full.";
  return {};
}

}  // namespace rtpx::server
