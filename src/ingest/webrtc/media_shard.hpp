#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/task_thread.hpp"
#include "ingest/net/arrival_clock.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/webrtc/endpoint.hpp"
#include "ingest/webrtc/ice_lite.hpp"
#include "ingest/webrtc/inbox.hpp"
#include "ingest/webrtc/negotiation.hpp"
#include "ingest/webrtc/session.hpp"

namespace rtpx {

/// A session and the way to its publisher.
struct WebRtcPeer {
  using Time = ReceiveClock::time_point;
  WebRtcPeer(IceCredentials credentials, Time now) : ice(std::move(credentials)), accepted(now) {}
  IceLite ice;
  std::unique_ptr<Session> session;
  SessionHandlers handlers;
  LocalTransport local;
  UdpSocket* socket = nullptr;  // null until the first valid check
  SocketAddress remote, from;
  Time accepted;
  bool announced = false;  // handlers.connected was posted
  std::size_t timer = 0;   // its place among the shard's
};

/// One media thread with its sockets and its sessions: receives, decrypts, hands on and feeds back. The
/// sessions are that thread's; whoever else wants something of them asks by the Inbox. The public members may
/// be called from any thread but that one.
class MediaShard {
 public:
  using Time = ReceiveClock::time_point;

  /// `handlers` runs what the sessions' owners want to hear, and must outlive the shard.
  MediaShard(WebRtcEndpoint::Options options, std::vector<UdpSocket> sockets, TaskThread& handlers);
  ~MediaShard();
  MediaShard(const MediaShard&) = delete;
  MediaShard& operator=(const MediaShard&) = delete;
  /// Starts the thread. Errors: io.
  [[nodiscard]] Result<void> run(const std::string& thread_name);
  /// Ends the thread and all sessions. What is asked afterwards is answered as before.
  void stop();

  [[nodiscard]] std::span<const UdpSocket> sockets() const noexcept { return sockets_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return sockets_.front().local().port(); }

  void add(std::unique_ptr<WebRtcPeer> peer);
  /// These answer not_found, nullopt or false for a session of another shard.
  Result<PatchedSession> patch(std::string_view id, const IceFragment& fragment,
                               std::optional<std::string_view> ice_tag);
  Result<void> close(std::string_view id, SessionEnd reason);
  Result<void> request_keyframes(std::string_view id);
  Result<void> want_keyframes(std::string_view id);
  [[nodiscard]] std::optional<SessionStats> session_stats(std::string_view id);

  /// The session that has waited longest for its publisher, past connect_grace. One that has shown itself by
  /// a STUN request counts as later than all that have not.
  struct Waiting {
    std::pair<bool, Time> rank;
    std::string id;
  };
  [[nodiscard]] std::optional<Waiting> waits_longest(Time now);
  /// Ends it as never_connected, unless it is connected by now.
  bool give_up(std::string_view id);

  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t connected_sessions() const noexcept {
    return connected_.load(std::memory_order_relaxed);
  }
  /// Asks for a few at a time, so that packets do not wait for all of them.
  void add_session_stats(std::vector<SessionStats>& out);
  [[nodiscard]] EndpointStats stats();

 private:
  using Peers = std::map<std::string, std::unique_ptr<WebRtcPeer>, std::less<>>;

  /// An address that a STUN check has proven for a session.
  struct Path {
    WebRtcPeer* peer = nullptr;
    Time media{};            // the last authentic packet from there
    bool nominated = false;  // by USE-CANDIDATE
  };
  /// A packet of media that waits for its turn in the batch.
  struct Pending {
    Path* path = nullptr;
    const Datagram* datagram = nullptr;
    Time arrival;
  };
  /// When a session's tick() is due: all of them in one row, so that looking is cheap.
  struct Timer {
    Time due;
    WebRtcPeer* peer = nullptr;
  };

  template <typename Work>
  Result<void> with(std::string_view id, Work work);

  void media_loop();
  void receive(std::size_t socket);
  void on_datagram(const Datagram& datagram, UdpSocket& socket, Time arrival);
  void on_dtls(Path& path, const Datagram& datagram, UdpSocket& socket, Time arrival);
  void on_stun(const Datagram& datagram, UdpSocket& socket, Time arrival);
  [[nodiscard]] bool take_check(const Datagram& datagram, UdpSocket& socket, Time arrival);
  void deliver(UdpSocket& socket);
  static void move(WebRtcPeer& peer, const Datagram& datagram, UdpSocket& socket);
  void tick(Time now);
  void hurry(const WebRtcPeer& peer, Time due);
  void forget(const SocketAddress& address, const WebRtcPeer& peer);
  void announce(WebRtcPeer& peer);
  void remove(Peers::iterator at, Time now);
  [[nodiscard]] SessionStats stats_of(const WebRtcPeer& peer, Time now) const;
  static void count(EndpointStats& into, const SessionStats& of);

  const WebRtcEndpoint::Options options_;
  TaskThread& handlers_;
  const int epoll_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> sessions_ = 0, connected_ = 0;
  Inbox inbox_;

  // The media thread's.
  std::vector<UdpSocket> sockets_;
  std::vector<ArrivalClock> clocks_;
  Peers peers_;
  std::unordered_map<std::string, WebRtcPeer*> by_ufrag_;
  std::unordered_map<SocketAddress, Path, SocketAddressHash> paths_;
  std::vector<Timer> timers_;
  std::vector<Pending> pending_;
  EndpointStats totals_;
  Time now_{};  // the last time that the clock was read
  Time last_tick_{};

  std::thread thread_;
};

}  // namespace rtpx
