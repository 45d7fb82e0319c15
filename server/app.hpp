#pragma once

#include <atomic>
#include <memory>
#include <stop_token>

#include "base/folder_lock.hpp"
#include "server/fleet/fleet_node.hpp"
#include "server/fleet/node_client.hpp"
#include "server/front/access.hpp"
#include "server/library/library_index.hpp"
#include "server/library/playback.hpp"
#include "server/library/retention.hpp"
#include "server/live/live.hpp"
#include "server/news/event_hub.hpp"
#include "server/news/hooks.hpp"
#include "server/news/webhooks.hpp"
#include "server/options.hpp"
#include "server/work/conversions.hpp"
#include "server/work/cuts.hpp"
#include "server/work/films.hpp"
#include "server/work/live_films.hpp"
#include "server/work/opened_recordings.hpp"
#include "server/work/reports.hpp"
#include "server/work/uploads.hpp"

namespace rtpx::server {

/// The parts of a running server, tied together: an ended recording is converted, and the world is told.
class App {
 public:
  /// Errors: invalid_argument, io, denied.
  [[nodiscard]] static Result<std::unique_ptr<App>> start(ServeOptions options);
  ~App();

  [[nodiscard]] const ServeOptions& options() const { return options_; }
  [[nodiscard]] Access& access() { return access_; }
  [[nodiscard]] Library& library() { return library_; }
  [[nodiscard]] const Library& library() const { return library_; }
  [[nodiscard]] LibraryIndex& index() { return index_; }
  [[nodiscard]] Live& live() { return *live_; }
  [[nodiscard]] const Live& live() const { return *live_; }
  [[nodiscard]] Conversions& conversions() { return conversions_; }
  [[nodiscard]] const Conversions& conversions() const { return conversions_; }
  [[nodiscard]] Playback& playback() { return playback_; }
  [[nodiscard]] Cuts& cuts() { return cuts_; }
  [[nodiscard]] Films& films() { return films_; }
  [[nodiscard]] const Films& films() const { return films_; }
  [[nodiscard]] LiveFilms& live_films() { return live_films_; }
  [[nodiscard]] const LiveFilms& live_films() const { return live_films_; }
  [[nodiscard]] Reports& reports() { return reports_; }
  [[nodiscard]] OpenedRecordings& opened() { return opened_; }
  [[nodiscard]] Uploads& uploads() { return uploads_; }
  [[nodiscard]] const Uploads& uploads() const { return uploads_; }
  [[nodiscard]] EventHub& events() { return *events_; }
  [[nodiscard]] const Webhooks& webhooks() const { return webhooks_; }
  [[nodiscard]] const Hooks& hooks() const { return hooks_; }
  /// Null: this server is in no fleet.
  [[nodiscard]] FleetNode* fleet() { return fleet_.get(); }
  [[nodiscard]] const FleetNode* fleet() const { return fleet_.get(); }
  [[nodiscard]] NodeClient& nodes() { return nodes_; }

  /// A recording's state with what runs now.
  [[nodiscard]] RecordingState state_of(const RecordingEntry& entry) const;
  /// Another one after each start of the server.
  [[nodiscard]] const std::string& run() const { return run_; }
  /// Why no new session can be taken; empty: ready.
  [[nodiscard]] std::string not_ready() const;
  /// Refuses new sessions from now on; those under way go on until the App ends.
  void drain() { draining_ = true; }

 private:
  App(ServeOptions options, FolderLock lock);
  [[nodiscard]] Result<void> join_fleet();
  void follow_job(const fleet::JobRecord& record);
  void note_clock(const std::string& id, const std::optional<ClockAnchor>& clock,
                  std::optional<ClockOffset> RecordingClock::* when);
  [[nodiscard]] std::vector<std::string> stored_and_not_converted() const;
  [[nodiscard]] std::uint64_t unproven() const;
  [[nodiscard]] std::vector<fleet::UnderWay> under_way() const;
  void finish_what_was_left();
  void tell_end(const std::string& id, const std::string& step, const std::string& done,
                const StepState& state);

  FolderLock lock_;  // first: no other server has the folder while any part of this one lives
  ServeOptions options_;
  const std::string run_;
  std::atomic<bool> draining_ = false;
  Access access_;
  Library library_;
  LibraryIndex index_;
  std::shared_ptr<EventHub> events_;
  Webhooks webhooks_;
  Hooks hooks_;
  std::unique_ptr<FleetNode> fleet_;  // before what orders jobs of it
  Uploads uploads_;
  Conversions conversions_;
  Playback playback_{library_, options_.identities};
  NodeClient nodes_{[this] { return playback_.stopped(); }};
  Cuts cuts_{options_, library_};
  Films films_;
  LiveFilms live_films_;
  Reports reports_{options_, library_};
  OpenedRecordings opened_{options_, library_};
  std::unique_ptr<Live> live_;
  Retention retention_;
  std::jthread keeper_;  // applies it
};

/// Serves until a stop is asked for: then new sessions are refused, recordings end cleanly, conversions stop.
/// `on_listening(url)` runs once the server answers.
[[nodiscard]] Result<void> serve(ServeOptions options, std::stop_token stop,
                                 const std::function<void(const std::string& url)>& on_listening);

}  // namespace rtpx::server
