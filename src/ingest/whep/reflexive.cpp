#include "ingest/whep/reflexive.hpp"

#include <netdb.h>
#include <openssl/rand.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "ingest/webrtc/stun.hpp"
#include "ingest/whep/links.hpp"

namespace rtpx::whep {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxServers = 8;
constexpr auto kGathering = 1'500ms, kAskAgain = 500ms;

struct Question {
  std::size_t socket = 0;
  SocketAddress server;
  stun::TransactionId transaction{};
  bool answered = false;
};

void ask(std::span<UdpSocket> sockets, const Question& question) {
  stun::Writer request(stun::Type::binding_request, question.transaction);
  sockets[question.socket].send(request.finish(""), question.server);
}

std::vector<Question> questions_for(std::span<UdpSocket> sockets, std::span<const SocketAddress> servers) {
  std::vector<Question> out;
  for (std::size_t i = 0; i < sockets.size(); ++i)
    for (const SocketAddress& server : servers) {
      if (sockets[i].local().is_v6() != server.is_v6()) continue;
      Question& one = out.emplace_back(i, server);
      if (RAND_bytes(reinterpret_cast<unsigned char*>(one.transaction.data()),
                     static_cast<int>(one.transaction.size())) != 1)
        std::abort();
    }
  return out;
}

}  // namespace

std::vector<SocketAddress> resolve_stun_servers(std::span<const std::string> uris, const MayReach& may_reach) {
  std::vector<SocketAddress> out;
  for (const std::string& uri : uris) {
    const auto server = parse_stun_uri(uri);
    if (!server) continue;
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(server->host.c_str(), std::to_string(server->port).c_str(), &hints, &found) != 0) continue;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
    for (const addrinfo* one = found; one != nullptr && out.size() < kMaxServers; one = one->ai_next) {
      sockaddr_storage storage{};
      std::memcpy(&storage, one->ai_addr, std::min<std::size_t>(one->ai_addrlen, sizeof storage));
      const SocketAddress address = SocketAddress::from(storage);
      const bool known = std::ranges::find(out, address) != out.end();
      if (!known && address.port() != 0 && (!may_reach || may_reach(address))) out.push_back(address);
    }
  }
  return out;
}

std::vector<ReflexiveCandidate> gather_reflexive(std::span<UdpSocket> sockets,
                                                 std::span<const SocketAddress> servers,
                                                 const std::stop_token& stop) {
  std::vector<ReflexiveCandidate> out;
  std::vector<Question> questions = questions_for(sockets, servers);
  const auto all_answered = [&] { return std::ranges::all_of(questions, &Question::answered); };
  const auto take = [&](std::size_t socket, const Datagram& datagram) {
    const auto message = stun::parse(datagram.bytes);
    if (!message || message->type != stun::Type::binding_success || !message->mapped_address) return;
    for (Question& one : questions) {
      if (one.socket != socket || one.server != datagram.from || one.transaction != message->transaction) continue;
      one.answered = true;
      const SocketAddress& mapped = *message->mapped_address;
      const bool usable = mapped.port() != 0 && !mapped.is_any() && !mapped.is_multicast();
      if (usable && std::ranges::find(out, mapped, &ReflexiveCandidate::mapped) == out.end())
        out.push_back({socket, mapped});
    }
  };
  std::vector<pollfd> waiting;
  for (const UdpSocket& socket : sockets) waiting.push_back({socket.fd(), POLLIN, 0});
  const auto end = Clock::now() + kGathering;
  auto next_ask = Clock::now();
  while (!all_answered() && !stop.stop_requested() && Clock::now() < end) {
    if (Clock::now() >= next_ask) {
      next_ask = Clock::now() + kAskAgain;
      for (const Question& one : questions)
        if (!one.answered) ask(sockets, one);
    }
    if (::poll(waiting.data(), waiting.size(), 20) <= 0) continue;
    for (std::size_t i = 0; i < sockets.size(); ++i)
      if (waiting[i].revents != 0)
        for (const Datagram& datagram : sockets[i].receive()) take(i, datagram);
  }
  return out;
}

}  // namespace rtpx::whep
