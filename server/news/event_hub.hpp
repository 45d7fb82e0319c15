#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "server/http/message.hpp"
#include "server/library/folder_watch.hpp"

namespace rtpx::server {

class App;

/// What /api/events tells: live sessions once a second, and of recordings those whose state changed. One text
/// a second is made for all streams; a recording that does not change costs nothing, and neither does
/// anything while nobody watches. Thread-safe.
class EventHub : public http::EventFeed, public std::enable_shared_from_this<EventHub> {
 public:
  explicit EventHub(App& app);
  ~EventHub() override;

  /// `publish` wakes the streams; `streams` says how many there are.
  void start(std::function<void()> publish, std::function<std::size_t()> streams);
  void stop();

  /// A recording may have another state now, or be new, or gone.
  void changed(const std::string& id);
  [[nodiscard]] bool has_room() const;
  /// `last_id`: of the event that the client had last; empty: none. Does not wait: what there is to tell
  /// comes soon.
  [[nodiscard]] http::EventBody subscribe(std::string_view last_id);

  [[nodiscard]] std::shared_ptr<const std::string> next(std::uint64_t& cursor) override;

 private:
  struct Change {
    std::uint64_t at = 0;  ///< the tick
    std::string id;
    std::string text;  ///< JSON of its state
  };
  struct State {
    std::string runs;     ///< what_runs(), when it was asked
    std::string text;     ///< JSON
    bool settled = true;  ///< it will not change without a call of changed()
  };
  using Text = std::shared_ptr<const std::string>;

  void run(const std::stop_token& stop);
  void see_folder();
  void tick();
  [[nodiscard]] bool stale() const;
  [[nodiscard]] std::string what_runs(const std::string& id) const;
  [[nodiscard]] State state_of(const std::string& id) const;
  [[nodiscard]] Text event(const std::string& figures, std::uint64_t after) const;

  App& app_;
  std::function<void()> publish_;
  std::function<std::size_t()> streams_;
  FolderWatch folder_;

  mutable std::mutex mutex_;
  std::condition_variable_any waking_;
  std::set<std::string> touched_;                 ///< since the last tick
  std::map<std::string, std::string> unsettled_;  ///< and what_runs() of each: asked again at each tick
  bool wanted_ = false;                           ///< a stream waits for its first event
  bool overflown_ = false;                        ///< more was touched than is remembered
  std::deque<Change> changes_;                    ///< of the last minute
  std::uint64_t tick_ = 0;
  std::chrono::steady_clock::time_point ticked_;
  Text newest_, recent_, reset_;  ///< for streams that are one tick behind, up to a minute, longer
  std::jthread thread_;
};

}  // namespace rtpx::server
