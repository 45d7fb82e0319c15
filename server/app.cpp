#include "app.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "util/file_system.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;

/// Logs what an operator must know of a recorder's events.
void log_event(const std::string& recording, const Event& event) {
  struct Logger {
    const std::string& id;
    void operator()(const event::PacketsRefused& e) const {
      spdlog::warn("recording {}: {} packets of track {} refused ({})", id, e.packets, e.track_id, e.reason);
    }
    void operator()(const event::DiskSpace& e) const {
      static constexpr const char* kLevels[] = {"ok", "low", "full"};
      spdlog::warn("recording {}: disk space {}, {} bytes free", id, kLevels[static_cast<int>(e.level)],
                   e.free_bytes);
    }
    void operator()(const event::TrackRestarted& e) const {
      spdlog::error("recording {}: track {} goes on in {}: {}", id, e.track_id, e.new_file.string(),
                    e.cause.message);
    }
    void operator()(const event::Restarted& e) const {
      spdlog::error("recording {}: goes on in {}: {}", id, e.new_folder.string(), e.cause.message);
    }
    void operator()(const event::Failed& e) const {
      spdlog::error("recording {}: given up: {}", id, e.error.message);
    }
    void operator()(const event::TrackFlow& e) const {
      spdlog::info("recording {}: track {} {}", id, e.track_id, e.flowing ? "flows" : "is silent");
    }
    void operator()(const event::UnknownTarget& e) const {
      spdlog::warn("recording {}: {} packets for unknown track {} rid {}", id, e.packets, e.track_id, e.rid);
    }
    void operator()(const event::UploadComplete&) const { spdlog::info("recording {}: uploaded", id); }
    void operator()(const event::UploadFailed& e) const {
      spdlog::error("recording {}: upload failed: {}", id, e.error.message);
    }
  };
  std::visit(Logger{recording}, event);
}

}  // namespace

App::App(ServeOptions options)
    : options_(std::move(options)),
      access_(options_),
      library_(options_.base_dir),
      webhooks_(options_),
      conversions_(options_, library_, [this](const std::string& id, const std::string& error) {
        if (error.empty())
          spdlog::info("recording {}: converted", id);
        else
          spdlog::error("recording {}: not converted: {}", id, error);
        webhooks_.send(error.empty() ? "recording.converted" : "recording.failed",
                       {{"id", id}, {"error", error}});
      }) {}

Result<std::unique_ptr<App>> App::start(ServeOptions options) {
  if (auto ok = check(options); !ok) return std::unexpected(ok.error());
  if (auto made = real_file_system().create_directories(options.base_dir); !made)
    return std::unexpected(made.error());
  std::unique_ptr<App> app(new App(std::move(options)));
  LiveEvents events;
  App* self = app.get();
  events.started = [self](const std::string& id, const std::string& name) {
    spdlog::info("recording {}: started", id);
    self->webhooks_.send("recording.started", {{"id", id}, {"name", name}});
  };
  events.ended = [self](const std::string& id, const std::string& reason) {
    if (id.empty()) {
      spdlog::info("a session ended without a packet ({})", reason);
      return;
    }
    spdlog::info("recording {}: ended ({})", id, reason);
    self->webhooks_.send("recording.ended", {{"id", id}, {"reason", reason}});
    self->conversions_.add(id);
  };
  events.event = log_event;
  app->library_.sweep();
  app->finish_what_was_left();
  auto live = Live::start(app->options_, std::move(events));
  if (!live) return std::unexpected(live.error());
  app->live_ = std::move(*live);
  app->keeper_ = std::jthread([self](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any sleeping;
    while (!stop.stop_requested()) {
      self->delete_what_is_old();
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
      spdlog::info("recording {}: {}", id,
                   unfinished ? "was cut off; it is mended and converted" : "waits for conversion");
      conversions_.add(id, unfinished);
    }
  }
}

void App::delete_what_is_old() {
  if (options_.keep_days == 0 && options_.keep_bytes == 0) return;
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::uint64_t kept = 0;
  for (const std::string& id : library_.ids()) {  // newest first
    const auto entry = library_.entry(id);
    if (!entry) continue;
    const RecordingState state = state_of(*entry);
    if (state == RecordingState::recording || state == RecordingState::converting ||
        state == RecordingState::waiting)
      continue;
    kept += entry->bytes;
    const bool too_old =
        options_.keep_days > 0 && now - entry->info.created > std::chrono::days(options_.keep_days);
    const bool too_much = options_.keep_bytes > 0 && kept > options_.keep_bytes;
    if (!too_old && !too_much) continue;
    spdlog::info("recording {}: deleted by --keep-{}", id, too_old ? "days" : "bytes");
    if (library_.remove(id)) kept -= entry->bytes;
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
