#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "ingest/net/socket_address.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// One received datagram. The bytes may be changed in place (SRTP does) until the next receive().
struct Datagram {
  std::span<std::byte> bytes;
  SocketAddress from;
  /// The local address that it was sent to, without port: the answer must leave from there. Not set where the
  /// socket is bound to one address.
  SocketAddress to;
  std::optional<std::chrono::nanoseconds> kernel_time;  ///< wall clock at arrival (SO_TIMESTAMPNS)
};

/// A non-blocking UDP socket that reads many datagrams with one system call. One thread at a time.
class UdpSocket {
 public:
  /// Binds. A multicast address is joined, on the system's default interface. Errors: denied, io,
  /// already_exists (the port is in use).
  [[nodiscard]] static Result<UdpSocket> bind(const SocketAddress& local, std::size_t receive_buffer,
                                              std::size_t datagram_size = 2048);
  UdpSocket(UdpSocket&&) noexcept;
  UdpSocket& operator=(UdpSocket&&) noexcept;
  ~UdpSocket();

  /// What is there now, at most kBatch; larger datagrams than `datagram_size` are left out and counted.
  [[nodiscard]] std::span<const Datagram> receive() noexcept;
  /// Sends, or drops when the system has no room. `from`: Datagram::to of what this answers.
  void send(Bytes bytes, const SocketAddress& to, const SocketAddress* from = nullptr) noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] SocketAddress local() const noexcept { return local_; }
  /// Bytes that the kernel keeps for it, with its own overhead (SO_RCVBUF).
  [[nodiscard]] std::size_t receive_buffer() const noexcept;
  /// Datagrams that did not fit the kernel's buffer (a system call; SO_MEMINFO).
  [[nodiscard]] std::uint64_t dropped_by_kernel() const noexcept;
  [[nodiscard]] std::uint64_t oversized() const noexcept;

  static constexpr std::size_t kBatch = 256;

 private:
  struct Batch;
  UdpSocket(int fd, SocketAddress local, std::size_t datagram_size);
  int fd_ = -1;
  SocketAddress local_;
  std::unique_ptr<Batch> batch_;
};

/// The machine's wall clock (CLOCK_REALTIME), for ArrivalClock.
[[nodiscard]] std::chrono::nanoseconds wall_clock_now() noexcept;

}  // namespace rtpx
