#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "server/news/webhook_queue.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// Tells other servers what happens to recordings, by POST of JSON, until they answer 2xx; each has a queue of
/// its own. Signed: `Rtpx-Signature: t=<unix time>,v1=<hex HMAC-SHA256 of "<t>.<body>">` with the configured
/// secret. Thread-safe.
class Webhooks {
 public:
  explicit Webhooks(const ServeOptions& options);

  /// `type` is "recording.started", "recording.ended", "recording.converted", "recording.failed",
  /// "recording.uploaded", "participant.joined" or "participant.left".
  void send(const std::string& type, const nlohmann::json& data);
  /// Of all queues together.
  [[nodiscard]] WebhookQueue::Counts counts() const;

 private:
  std::vector<std::unique_ptr<WebhookQueue>> queues_;
};

}  // namespace rtpx::server
