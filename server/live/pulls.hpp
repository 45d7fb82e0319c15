#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ingest/whep/receiver.hpp"

namespace rtpx::server {

/// A WHEP server that is, or was, recorded.
struct Pull {
  std::string id;
  std::string url;                ///< without user, query and fragment, which may be secret
  std::optional<WhepEnd> ended;   ///< nullopt: it goes on
  WhepReceiver::Stats stats;
};

/// WHEP servers that are played from, each on a thread of its own. Those that have ended are remembered for a while, so
/// that why can be asked. Thread-safe.
class Pulls {
 public:
  struct Handlers {
    /// The sink of a connection; `first`: the pull's first one.
    std::function<Result<std::shared_ptr<PacketSink>>(const std::string& id, bool first,
                                                      std::span<const MediaStreamTrack> tracks)>
        open;
    std::function<void(const std::string& id)> connected;
    std::function<void(const std::string& id, const Error& why, bool again)> lost;
    /// On the pull's thread, its sink already let go.
    std::function<void(const std::string& id, WhepEnd reason, const WhepReceiver::Stats& last)> ended;
  };

  Pulls(std::size_t max_pulls, Handlers handlers) : max_pulls_(max_pulls), handlers_(std::move(handlers)) {}
  ~Pulls() { end_all(); }

  /// Begins, and answers its id at once; `named` hears it before anything else. Errors: those of WhepReceiver::create; denied when there are too many.
  [[nodiscard]] Result<std::string> start(WhepReceiver::Options options,
                                          const std::function<void(const std::string& id)>& named);
  /// Ends one and waits until its recording is written; one that has ended is forgotten. Errors: not_found.
  [[nodiscard]] Result<void> stop(const std::string& id);
  /// Ends one, and does not wait.
  void request_stop(const std::string& id);
  [[nodiscard]] std::vector<Pull> list() const;
  /// With the next feedback; nothing for others' ids.
  void request_keyframes(const std::string& id);
  void want_keyframes(const std::string& id);
  /// Ends all and waits for their handlers.
  void end_all();

 private:
  struct Running {
    std::string url;
    std::unique_ptr<WhepReceiver> receiver;
    std::uint64_t number = 0;
    bool opened = false;
    std::optional<WhepEnd> reason;
    bool done = false;    // its recording is written
    std::jthread thread;  // last: it uses the above
  };
  void forget_oldest(std::vector<std::shared_ptr<Running>>& forgotten);

  const std::size_t max_pulls_;
  const Handlers handlers_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Running>> pulls_;
  std::uint64_t next_number_ = 0;
};

}  // namespace rtpx::server
