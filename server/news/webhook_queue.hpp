#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>

#include "server/news/event_files.hpp"

namespace rtpx::server {

/// The events for one receiver, a file each in a folder of its own, posted in their order by a thread of its own
/// until it answers 2xx: one that is away holds up no other. A restart goes on. Thread-safe.
class WebhookQueue {
 public:
  struct Counts {
    std::uint64_t delivered = 0, failed_tries = 0;
    std::size_t waiting = 0;
  };
  WebhookQueue(std::string url, std::filesystem::path folder, std::string secret);
  ~WebhookQueue();

  /// `name`: of its file; sorts after those of earlier events.
  void add(const std::string& name, const nlohmann::json& event);
  [[nodiscard]] Counts counts() const;

 private:
  void run(const std::stop_token& stop);
  /// False: the receiver did not take one, and the rest waits too.
  bool deliver_all(const std::stop_token& stop);
  [[nodiscard]] bool post(const std::string& body, const std::stop_token& stop) const;

  const std::string url_;
  const EventFiles files_;
  const std::string secret_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool pending_ = true;
  Counts counts_;
  std::jthread thread_;
};

}  // namespace rtpx::server
