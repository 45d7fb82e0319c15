#include "ingest/net/udp_socket.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

namespace rtpx {
namespace {

constexpr std::size_t kControlBytes = 128;

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

Error bind_error(const SocketAddress& local) {
  const Errc code = errno == EACCES ? Errc::denied : errno == EADDRINUSE ? Errc::already_exists : Errc::io;
  return {code, "Cannot listen on UDP " + local.to_string() + ": " + std::strerror(errno) + "."};
}

bool join_multicast(int fd, const SocketAddress& group) {
  if (group.is_v6()) {
    ipv6_mreq request{};
    std::memcpy(&request.ipv6mr_multiaddr, group.bytes().data(), 16);
    return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0;
  }
  ip_mreq request{};
  std::memcpy(&request.imr_multiaddr, group.bytes().data(), 4);
  return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0;
}

template <typename T>
T control_data(const cmsghdr* header) {
  T value{};
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

}  // namespace

struct UdpSocket::Batch {
  explicit Batch(std::size_t datagram_size)
      : bytes(std::make_unique_for_overwrite<std::byte[]>(kBatch * datagram_size)),
        control(std::make_unique_for_overwrite<std::byte[]>(kBatch * kControlBytes)) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      iov[i] = {bytes.get() + i * datagram_size, datagram_size};
      messages[i].msg_hdr.msg_iov = &iov[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &names[i];
    }
    rearm(kBatch);
  }
  /// recvmmsg changes these, of the messages that it has filled.
  void rearm(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      messages[i].msg_hdr.msg_namelen = sizeof names[i];
      messages[i].msg_hdr.msg_control = control.get() + i * kControlBytes;
      messages[i].msg_hdr.msg_controllen = kControlBytes;
    }
  }
  void read_control(msghdr& header, Datagram& out) {
    for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
      if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_TIMESTAMPNS) {
        const auto time = control_data<timespec>(at);
        out.kernel_time = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
      } else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_addr = control_data<in_pktinfo>(at).ipi_addr;
        sockaddr_storage storage{};
        std::memcpy(&storage, &v4, sizeof v4);
        out.to = SocketAddress::from(storage);
      } else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
        const auto info = control_data<in6_pktinfo>(at);
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_addr = info.ipi6_addr;
        v6.sin6_scope_id = info.ipi6_ifindex;
        sockaddr_storage storage{};
        std::memcpy(&storage, &v6, sizeof v6);
        out.to = SocketAddress::from(storage);
      }
    }
  }

  std::unique_ptr<std::byte[]> bytes, control;  // touched, and so resident, as far as batches have reached
  std::array<iovec, kBatch> iov{};
  std::array<sockaddr_storage, kBatch> names{};
  std::array<mmsghdr, kBatch> messages{};
  std::array<Datagram, kBatch> datagrams;
  std::size_t used = 0;  // by the last recvmmsg
  std::uint64_t oversized = 0;
};

UdpSocket::UdpSocket(int fd, SocketAddress local, std::size_t datagram_size)
    : fd_(fd), local_(local), batch_(std::make_unique<Batch>(datagram_size)) {}
UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), local_(other.local_), batch_(std::move(other.batch_)) {}
UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(local_, other.local_);
  std::swap(batch_, other.batch_);
  return *this;
}
UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<UdpSocket> UdpSocket::bind(const SocketAddress& local, std::size_t receive_buffer,
                                  std::size_t datagram_size) {
  const int fd = ::socket(local.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(bind_error(local));
  UdpSocket out(fd, local, datagram_size);
  if (local.is_v6()) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (local.is_any())
    set_option(fd, local.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP, local.is_v6() ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
  set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  set_option(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(receive_buffer));
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, static_cast<int>(receive_buffer));  // beyond rmem_max, for root
  if (local.is_multicast()) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

  sockaddr_storage name{};
  socklen_t size = local.write(name);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0)
    return std::unexpected(bind_error(local));
  if (local.is_multicast() && !join_multicast(fd, local)) return std::unexpected(bind_error(local));
  size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0)
    return std::unexpected(bind_error(local));
  out.local_ = SocketAddress::from(name);
  return out;
}

std::span<const Datagram> UdpSocket::receive() noexcept {
  batch_->rearm(std::exchange(batch_->used, 0));
  const int count = ::recvmmsg(fd_, batch_->messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  batch_->used = static_cast<std::size_t>(std::max(count, 0));
  std::size_t kept = 0;
  for (int i = 0; i < count; ++i) {
    mmsghdr& message = batch_->messages[static_cast<std::size_t>(i)];
    if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      ++batch_->oversized;
      continue;
    }
    Datagram& out = batch_->datagrams[kept++];
    out = Datagram{};
    out.bytes = {static_cast<std::byte*>(message.msg_hdr.msg_iov->iov_base), message.msg_len};
    out.from = SocketAddress::from(batch_->names[static_cast<std::size_t>(i)]);
    batch_->read_control(message.msg_hdr, out);
  }
  return {batch_->datagrams.data(), kept};
}

void UdpSocket::send(Bytes bytes, const SocketAddress& to, const SocketAddress* from) noexcept {
  sockaddr_storage name{};
  iovec iov{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = to.write(name);
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
  if (from != nullptr && !from->is_any()) {
    message.msg_control = control.data();
    message.msg_controllen = from->is_v6() ? CMSG_SPACE(sizeof(in6_pktinfo)) : CMSG_SPACE(sizeof(in_pktinfo));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (from->is_v6()) {
      header->cmsg_level = IPPROTO_IPV6;
      header->cmsg_type = IPV6_PKTINFO;
      header->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, from->bytes().data(), 16);
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    } else {
      header->cmsg_level = IPPROTO_IP;
      header->cmsg_type = IP_PKTINFO;
      header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, from->bytes().data(), 4);
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
  }
  (void)::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::size_t UdpSocket::receive_buffer() const noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &value, &size) == 0 ? static_cast<std::size_t>(value) : 0;
}
std::uint64_t UdpSocket::dropped_by_kernel() const noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  return ::getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}
std::uint64_t UdpSocket::oversized() const noexcept {
  return batch_->oversized;
}

std::chrono::nanoseconds wall_clock_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace rtpx
