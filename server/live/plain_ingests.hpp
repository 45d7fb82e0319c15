#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ingest/udp/receiver.hpp"

namespace rtpx::server {

/// Plain RTP that is being received.
struct PlainIngest {
  std::string id;
  std::vector<MediaStreamTrack> tracks;
  std::vector<UdpReceiver::Port> ports;  ///< of each track
  UdpReceiver::Stats stats;
};

/// Senders of plain RTP over UDP (media servers, FFmpeg, GStreamer), each received on a thread of its own as
/// its session description says. Thread-safe.
class PlainIngests {
 public:
  /// Makes the sink of an ingest, inside start().
  using Open = std::function<Result<std::shared_ptr<PacketSink>>(const std::string& id,
                                                                 std::span<const MediaStreamTrack> tracks)>;
  /// On the ingest's thread, ports and sink already let go; `last` is what was received in all.
  using OnEnded = std::function<void(const std::string& id, UdpEnd reason, const UdpReceiver::Stats& last)>;

  PlainIngests(std::size_t max_ingests, OnEnded on_ended)
      : max_ingests_(max_ingests), on_ended_(std::move(on_ended)) {}
  ~PlainIngests() { end_all(); }

  /// Errors: those of UdpReceiver::open and of `open`; denied when there are too many.
  [[nodiscard]] Result<PlainIngest> start(std::string_view sdp, const UdpReceiver::Options& options,
                                          const Open& open);
  /// Ends one and waits until its recording is written. Errors: not_found.
  [[nodiscard]] Result<void> stop(const std::string& id);
  [[nodiscard]] std::vector<PlainIngest> list() const;
  /// Asks one's sender for keyframes, where its description says that it listens.
  void request_keyframes(const std::string& id);
  /// Ends all and waits for their handlers.
  void end_all();

 private:
  struct Running {
    std::unique_ptr<UdpReceiver> receiver;
    std::shared_ptr<PacketSink> sink;
    bool over = false, done = false;  // it receives no longer; its recording is written
    std::jthread thread;              // last: it uses the above
  };
  void reap();

  const std::size_t max_ingests_;
  const OnEnded on_ended_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Running>> running_;
};

}  // namespace rtpx::server
