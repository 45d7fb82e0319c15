#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace rtpx::bench {

/// What a recorder has done and used so far.
struct IngestFigures {
  double cpu_seconds = 0;
  long resident_kib = 0;
  std::uint64_t packets = 0;                                                  ///< recorded
  std::uint64_t refused = 0, kernel_drops = 0, undecryptable = 0, nacks = 0;  ///< where the recorder tells
};

/// A recorder under load, in a process of its own. What goes wrong ends the program with a message.
class IngestTarget {
 public:
  virtual ~IngestTarget() = default;
  /// Opens a session; answers its description, empty when it was refused.
  virtual std::string answer(const std::string& offer) = 0;
  virtual IngestFigures figures() = 0;
  [[nodiscard]] virtual pid_t pid() const = 0;
  /// Waits until so many packets have been taken; answers the time on the steady clock, in seconds.
  virtual double wait_for_packets(std::uint64_t count) = 0;
};

/// Our endpoint, recording into `folder` ("none": packets are counted only), forked here and now.
[[nodiscard]] std::unique_ptr<IngestTarget> fork_endpoint(const std::string& folder,
                                                          std::size_t media_threads);

/// A WHIP server that runs already: http://127.0.0.1:PORT/PATH. `GET /stats` there answers "packets N".
[[nodiscard]] std::unique_ptr<IngestTarget> whip_server(const std::string& url, pid_t pid);

}  // namespace rtpx::bench
