#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>

#include "options.hpp"

namespace rtpx::server {

/// Tells other servers what happens to recordings, by POST of JSON, until they answer 2xx. What waits is on
/// disk, one file an event and receiver, so that a restart goes on. Signed: `Rtpx-Signature: t=<unix
/// time>,v1=<hex HMAC-SHA256 of
/// "<t>.<body>">` with the configured secret. Thread-safe.
class Webhooks {
 public:
  struct Counts {
    std::uint64_t delivered = 0, failed_tries = 0;
    std::size_t waiting = 0;
  };
  explicit Webhooks(const ServeOptions& options);
  ~Webhooks();

  /// `type` is "recording.started", "recording.ended", "recording.converted", "recording.failed" or
  /// "recording.uploaded".
  void send(const std::string& type, nlohmann::json data);
  [[nodiscard]] Counts counts() const;

 private:
  void run(std::stop_token stop);

  const ServeOptions& options_;
  std::filesystem::path queue_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool pending_ = true;
  Counts counts_;
  std::jthread thread_;
};

}  // namespace rtpx::server
