// What a WHEP server says: lines of a first byte 'l' and a Link header; else, up to a zero byte, its answer, and behind it
// datagrams that reach ICE's controlling side: { length (1 byte), bytes } repeated. What is not from the peer proves nothing.
#include "ingest/webrtc/negotiation.hpp"
#include "ingest/whep/answer_candidates.hpp"
#include "ingest/whep/ice_agent.hpp"
#include "ingest/whep/links.hpp"
#include "require.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.starts_with('l')) {
    const auto links = whep::ice_server_links(input.substr(1));
    require(links.size() <= whep::kMaxIceServers);
    for (const std::string& uri : links)
      if (const auto server = whep::parse_stun_uri(uri)) require(!server->host.empty() && server->port != 0);
    return 0;
  }
  const std::string_view text = input.substr(0, input.find('\0'));
  std::vector<whep::RemoteCandidate> candidates;
  if (const auto answer = sdp::parse(text)) {
    candidates = whep::answer_candidates(*answer, [](const SocketAddress& one) { return !one.is_loopback(); }).usable;
    require(candidates.size() <= 32);
    for (const auto& one : candidates) require(!one.address.is_loopback() && one.address.port() != 0);
  }
  whep::IceAgent agent({"evtj", "VOkJxbRl1RmTxUk/WvJxBt"}, {false, true},
                       [](std::size_t, Bytes datagram, const SocketAddress&) {
                         require(stun::parse(datagram).has_value());
                       });
  using Role = whep::IceAgent::Role;
  agent.set_remote({"h6vY", "another password 0123456"}, candidates, size % 2 == 0 ? Role::controlling : Role::controlled);
  ReceiveClock::time_point now{std::chrono::seconds(1000)};
  ByteReader in(as_bytes(input.substr(std::min(text.size() + 1, size))));
  while (in.remaining() > 0) {
    const Bytes datagram = in.take(std::min<std::size_t>(in.u8(), in.remaining()));
    (void)agent.on_stun(datagram.size() % 2, datagram, *SocketAddress::parse("192.0.2.1", 1000), now);
    now += std::chrono::milliseconds(50);
    agent.tick(now);
    require(agent.pairs() <= whep::IceAgent::kMaxPairs && !agent.selected());
  }
  return 0;
}
