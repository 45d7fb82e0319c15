#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/result.hpp"
#include "server/http/message.hpp"

namespace rtpx::server {

/// A node that asks for one of its viewers: "Authorization: Rtpx-Node NAME PASS".
struct AskingNode {
  std::string name;
  std::string pass;  ///< empty: it has none
};
[[nodiscard]] std::optional<AskingNode> asking_node(const http::Request& request);
/// Its header.
[[nodiscard]] std::string authorization_of(const AskingNode& node);

/// GET and HEAD of other nodes. Bounded: a body is read as fast as it is taken, some 256 KiB ahead; a node that is silent
/// for longer than it may let wait has failed. Connections are kept for the next question. Thread-safe.
class NodeClient {
  struct Exchange;

 public:
  /// `stopped`: asked while waiting; true ends it.
  explicit NodeClient(std::function<bool()> stopped);
  ~NodeClient();

  struct Question {
    std::string url;
    std::vector<std::string> headers;  ///< "Name: value"
    bool head = false;
    /// Asked when the node has been silent for long: true: it is waited for further.
    std::function<bool()> patient = {};
  };
  /// What has come of an answer; not to outlive its client.
  class Answer {
   public:
    explicit Answer(std::unique_ptr<Exchange> exchange);
    ~Answer();
    [[nodiscard]] long status() const;
    /// Empty: there is none. `name` in lower case.
    [[nodiscard]] std::string header(const std::string& name) const;
    /// Waits for more of the body. False: that was its end. Errors: network, cancelled.
    [[nodiscard]] Result<bool> read(std::string& piece);

   private:
    std::unique_ptr<Exchange> exchange_;
  };
  /// Waits for its head; any status is an answer. Errors: network, cancelled.
  [[nodiscard]] Result<std::shared_ptr<Answer>> ask(const Question& question);

 private:
  const std::function<bool()> stopped_;
  std::mutex mutex_;
  std::vector<void*> idle_;  // libcurl's multi handles, with their connections
};

}  // namespace rtpx::server
