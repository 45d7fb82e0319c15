// What playing from a WHEP server is made of: ICE's controlling side against ICE-lite, the offer, links.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "ingest/webrtc/negotiation.hpp"
#include "ingest/whep/answer_candidates.hpp"
#include "ingest/whep/http_exchange.hpp"
#include "ingest/whep/ice_agent.hpp"
#include "ingest/whep/links.hpp"
#include "ingest/whep/offer.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using whep::IceAgent;

SocketAddress ip(const char* text, std::uint16_t port = 1000) {
  return *SocketAddress::parse(text, port);
}

/// Simulated time, one agent, and an ICE-lite peer at some of the addresses that the answer names.
class Network {
 public:
  Network() {
    agent.emplace(local, std::vector<bool>{false, true},
                  [this](std::size_t socket, Bytes datagram, const SocketAddress& to) { carry(socket, datagram, to); });
  }

  void answer(const std::vector<whep::RemoteCandidate>& candidates) {
    agent->set_remote(peer.current(), candidates);
  }
  void run(std::chrono::milliseconds duration) {
    for (const auto end = now + duration; now < end; now += 10ms) {
      agent->tick(now);
      auto arrived = std::exchange(back_, {});
      for (const auto& [socket, from, datagram] : arrived) (void)agent->on_stun(socket, datagram, from, now);
    }
  }

  const IceCredentials local{"ours", "0123456789012345678901"};
  IceLite peer{{"lite", "9876543210987654321098"}};
  std::vector<SocketAddress> alive;
  int lose_every = 0;  // each so-manieth check is lost; 0: none
  std::optional<IceAgent> agent;
  IceAgent::Time now{std::chrono::hours(1)};
  int checks = 0, nominations = 0;
  std::vector<IceAgent::Time> check_times;
  std::map<std::string, int> sent_to;

 private:
  struct Arriving {
    std::size_t socket;
    SocketAddress from;
    std::vector<std::byte> datagram;
  };
  void carry(std::size_t socket, Bytes datagram, const SocketAddress& to) {
    const auto message = stun::parse(datagram);
    ASSERT_TRUE(message.has_value());
    if (message->type != stun::Type::binding_request) return;
    EXPECT_TRUE(message->ice_controlling);
    EXPECT_TRUE(message->priority.has_value());
    ++checks;
    ++sent_to[to.ip()];
    check_times.push_back(now);
    if (lose_every != 0 && checks % lose_every == 0) return;
    if (std::ranges::find(alive, to) == alive.end()) return;
    if (message->use_candidate) ++nominations;
    auto outcome = peer.on_request(datagram, *message, ip("192.0.2.99", 5000), [](const auto&) { return false; });
    EXPECT_TRUE(outcome.valid);
    back_.push_back({socket, to, std::move(outcome.response)});
  }
  std::vector<Arriving> back_;
};

TEST(IceAgent, NominatesTheBestPairThatWorks) {
  Network network;
  network.alive = {ip("192.0.2.2"), ip("192.0.2.3")};
  network.answer({{ip("192.0.2.1"), 3000}, {ip("192.0.2.2"), 2000}, {ip("192.0.2.3"), 1000}, {ip("2001:db8::1"), 500}});
  network.run(1s);
  ASSERT_TRUE(network.agent->selected().has_value());
  EXPECT_EQ(network.agent->selected()->remote, ip("192.0.2.2"));
  EXPECT_EQ(network.agent->selected()->socket, 0U);
  EXPECT_EQ(network.nominations, 1);
  EXPECT_TRUE(network.agent->is_proven(0, ip("192.0.2.2")));
  EXPECT_FALSE(network.agent->is_proven(0, ip("192.0.2.1")));
  EXPECT_FALSE(network.agent->is_proven(1, ip("192.0.2.2")));
}

TEST(IceAgent, RepeatsWhatIsLostAndAsksAgainWhereAPeerComesLate) {
  Network network;
  network.lose_every = 2;
  network.alive = {ip("192.0.2.1")};
  network.answer({{ip("192.0.2.1"), 1}});
  network.run(5s);
  EXPECT_TRUE(network.agent->selected().has_value());

  Network late;
  late.answer({{ip("192.0.2.1"), 1}});
  late.run(20s);
  EXPECT_FALSE(late.agent->selected().has_value());
  late.alive = {ip("192.0.2.1")};
  late.run(5s);
  EXPECT_TRUE(late.agent->selected().has_value());
}

TEST(IceAgent, AsksForConsentEveryFewSecondsAndLosesIt) {
  Network network;
  network.alive = {ip("192.0.2.1")};
  network.answer({{ip("192.0.2.1"), 1}});
  network.run(1s);
  network.check_times.clear();
  network.run(60s);
  EXPECT_FALSE(network.agent->consent_expired(network.now));
  ASSERT_GE(network.check_times.size(), 10U);
  for (std::size_t i = 1; i < network.check_times.size(); ++i) {  // RFC 7675 section 5.1: 4 to 6 seconds
    EXPECT_GE(network.check_times[i] - network.check_times[i - 1], 4s);
    EXPECT_LE(network.check_times[i] - network.check_times[i - 1], 6s + 20ms);
  }
  network.alive.clear();
  network.run(23s);
  EXPECT_FALSE(network.agent->consent_expired(network.now));
  network.run(10s);
  EXPECT_TRUE(network.agent->consent_expired(network.now));
  const int before = network.checks;
  network.run(10s);
  EXPECT_EQ(network.checks, before) << "nothing is sent without consent";
}

/// A check of the peer's, as a full agent sends it.
std::vector<std::byte> peers_check(const Network& network, const std::string& password, bool controlling,
                                   std::uint8_t number = 1) {
  stun::TransactionId transaction{};
  transaction[0] = std::byte{number};
  stun::Writer out(stun::Type::binding_request, transaction);
  out.username(network.local.ufrag + ":lite");
  out.priority(77);
  if (controlling) out.ice_controlling(5);
  const Bytes bytes = out.finish(password);
  return {bytes.begin(), bytes.end()};
}

TEST(IceAgent, LearnsWhereThePeerIsFromItsOwnChecks) {
  Network network;
  network.alive = {ip("192.0.2.7", 7)};
  network.answer({});
  network.run(100ms);
  EXPECT_FALSE(network.agent->on_stun(0, peers_check(network, "another password 123456", false), ip("192.0.2.7", 7),
                                      network.now));
  EXPECT_EQ(network.agent->pairs(), 0U);
  EXPECT_TRUE(network.agent->on_stun(0, peers_check(network, network.local.pwd, false), ip("192.0.2.7", 7), network.now));
  network.run(1s);
  ASSERT_TRUE(network.agent->selected().has_value());
  EXPECT_EQ(network.agent->selected()->remote, ip("192.0.2.7", 7));
}

TEST(IceAgent, APeerThatWouldControlIsToldThatItMayNot) {
  std::optional<std::uint16_t> error;
  const IceCredentials local{"ours", "0123456789012345678901"};
  IceAgent agent(local, {false}, [&](std::size_t, Bytes datagram, const SocketAddress&) {
    error = stun::parse(datagram)->error_code;
  });
  Network network;
  EXPECT_TRUE(agent.on_stun(0, peers_check(network, local.pwd, true), ip("192.0.2.7"), network.now));
  EXPECT_EQ(error, 487);
  EXPECT_EQ(agent.pairs(), 0U);
}

/// A full agent that answers each check, and nominates when it is told to.
class FullPeer {
 public:
  explicit FullPeer(const std::vector<whep::RemoteCandidate>& candidates) {
    agent.set_remote(remote, candidates, IceAgent::Role::controlled);
  }
  void run(std::chrono::milliseconds duration) {
    for (const auto end = now + duration; now < end; now += 10ms) {
      agent.tick(now);
      for (const auto& [from, datagram] : std::exchange(answers_, {})) EXPECT_TRUE(agent.on_stun(0, datagram, from, now));
    }
  }
  void check(const SocketAddress& from, bool controls, bool nominates) {
    stun::TransactionId transaction{};
    transaction[0] = static_cast<std::byte>(++checks_);
    stun::Writer out(stun::Type::binding_request, transaction);
    out.username(local.ufrag + ":" + remote.ufrag);
    out.priority(77);
    controls ? out.ice_controlling(5) : out.ice_controlled(5);
    if (nominates) out.use_candidate();
    EXPECT_TRUE(agent.on_stun(0, out.finish(local.pwd), from, now));
    EXPECT_EQ(last_answer, stun::Type::binding_success);
  }

  const IceCredentials local{"ours", "0123456789012345678901"}, remote{"full", "9876543210987654321098"};
  int controlled_checks = 0, nominations = 0;
  std::optional<stun::Type> last_answer;
  IceAgent::Time now{std::chrono::hours(1)};
  IceAgent agent{local, {false}, [this](std::size_t, Bytes datagram, const SocketAddress& to) { carry(datagram, to); }};

 private:
  void carry(Bytes datagram, const SocketAddress& to) {
    const auto message = stun::parse(datagram);
    ASSERT_TRUE(message.has_value());
    if (message->type != stun::Type::binding_request) {
      last_answer = message->type;
      return;
    }
    EXPECT_NE(message->ice_controlled, message->ice_controlling);
    controlled_checks += message->ice_controlled;
    nominations += message->use_candidate;
    stun::Writer out(stun::Type::binding_success, message->transaction);
    out.xor_mapped_address(ip("192.0.2.99", 5000));
    const Bytes bytes = out.finish(remote.pwd);
    answers_.push_back({to, {bytes.begin(), bytes.end()}});
  }
  std::vector<std::pair<SocketAddress, std::vector<std::byte>>> answers_;
  int checks_ = 0;
};

TEST(IceAgent, TheControlledSideTakesThePairThatThePeerNominates) {
  FullPeer peer({{ip("192.0.2.1"), 2000}, {ip("192.0.2.2"), 1000}});
  peer.run(1s);
  EXPECT_FALSE(peer.agent.selected().has_value());
  EXPECT_EQ(peer.controlled_checks, 2);
  peer.check(ip("192.0.2.2"), true, false);
  EXPECT_FALSE(peer.agent.selected().has_value());
  peer.check(ip("192.0.2.2"), true, true);
  ASSERT_TRUE(peer.agent.selected().has_value());
  EXPECT_EQ(peer.agent.selected()->remote, ip("192.0.2.2"));
  EXPECT_EQ(peer.nominations, 0);
  peer.run(20s);
  EXPECT_FALSE(peer.agent.consent_expired(peer.now));
  peer.check(ip("192.0.2.1"), true, true);  // it has changed its mind
  EXPECT_EQ(peer.agent.selected()->remote, ip("192.0.2.1"));
  peer.run(40s);
  EXPECT_FALSE(peer.agent.consent_expired(peer.now));
}

TEST(IceAgent, ANominationCountsOnceItsOwnCheckIsAnsweredToo) {
  FullPeer peer({});
  peer.check(ip("192.0.2.7"), true, true);
  EXPECT_FALSE(peer.agent.selected().has_value()) << "an address that has only been claimed";
  peer.run(100ms);
  ASSERT_TRUE(peer.agent.selected().has_value());
  EXPECT_EQ(peer.agent.selected()->remote, ip("192.0.2.7"));
}

TEST(IceAgent, WhereBothWouldBeControlledItControls) {
  FullPeer peer({{ip("192.0.2.1"), 1}});
  peer.check(ip("192.0.2.1"), false, false);
  peer.run(1s);
  ASSERT_TRUE(peer.agent.selected().has_value());
  EXPECT_EQ(peer.nominations, 1);
  EXPECT_EQ(peer.controlled_checks, 0);
}

TEST(IceAgent, PairsAreBounded) {
  Network network;
  network.answer({});
  for (std::uint16_t port = 1; port < 500; ++port)
    (void)network.agent->on_stun(0, peers_check(network, network.local.pwd, false, static_cast<std::uint8_t>(port)),
                                 ip("192.0.2.7", port), network.now);
  EXPECT_EQ(network.agent->pairs(), IceAgent::kMaxPairs);
}

TEST(WhepOffer, IsADescriptionWhoseCodecsAreAllRecorded) {
  LocalTransport local{.ufrag = "ufrag123",
                             .pwd = "password0123456789012345",
                             .fingerprint = {"sha-256", "AA:BB"},
                             .candidates = {ip("192.0.2.1", 4000), ip("2001:db8::1", 4000)}};
  const std::vector<whep::ReflexiveCandidate> reflexive{{0, ip("203.0.113.5", 61000)}};
  const std::vector<SocketAddress> bases{ip("192.0.2.1", 4000), ip("2001:db8::1", 4000)};
  local.reflexive = whep::reflexive_lines(local, reflexive, bases);
  std::string text = whep::write_offer(local);
  const auto offer = sdp::parse(text);
  ASSERT_TRUE(offer.has_value());
  ASSERT_EQ(offer->media.size(), 2U);
  for (const sdp::Media& media : offer->media) {
    EXPECT_EQ(media.direction, sdp::Direction::recvonly);
    EXPECT_EQ(media.transport.setup, "actpass");
    ASSERT_EQ(media.candidates.size(), 3U);
    EXPECT_EQ(media.candidates[2].type, "srflx");
    EXPECT_EQ(media.candidates[2].address, "203.0.113.5");
    EXPECT_GT(media.candidates[0].priority, media.candidates[1].priority);
    EXPECT_GT(media.candidates[1].priority, media.candidates[2].priority);
  }
  // Read as if the server sent all of it: what is offered is what can be recorded.
  for (std::size_t at = 0; (at = text.find("a=recvonly", at)) != text.npos;) text.replace(at, 10, "a=sendonly");
  const auto sent = negotiate(text, {.description = "The answer"});
  ASSERT_TRUE(sent.has_value()) << sent.error().message;
  ASSERT_EQ(sent->tracks.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(sent->tracks[i].track.codecs.size(), offer->media[i].payload_types.size());
  EXPECT_TRUE(sent->tracks[1].feedback.nack && sent->tracks[1].feedback.pli && sent->tracks[1].feedback.transport_cc);
}

// draft-ietf-wish-whep-04: a server's own offer is answered by a full agent that receives.
TEST(WhepCounterOffer, IsAnsweredWithAllCandidatesAndNoLite) {
  const auto offer = negotiate(
      "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v d\r\na=setup:active\r\n"
      "a=fingerprint:sha-256 AA:BB\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
      "m=video 9 UDP/TLS/RTP/SAVPF 100 101\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=sendonly\r\na=rtcp-mux\r\n"
      "a=rtpmap:100 VP8/90000\r\na=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n"
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n",
      {.description = "The counter-offer"});
  ASSERT_TRUE(offer.has_value()) << offer.error().message;
  LocalTransport local{.ufrag = "ufrag123",
                       .pwd = "password0123456789012345",
                       .fingerprint = {"sha-256", "CC:DD"},
                       .candidates = {ip("192.0.2.1", 4000)},
                       .full_ice = true};
  local.reflexive = whep::reflexive_lines(local, std::vector<whep::ReflexiveCandidate>{{0, ip("203.0.113.5", 61000)}},
                                          std::vector<SocketAddress>{ip("192.0.2.1", 4000)});
  const auto answer = sdp::parse(write_answer(*offer, local));
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->ice_lite);
  ASSERT_EQ(answer->media.size(), 2U);
  const sdp::Media& video = answer->media[0];
  EXPECT_EQ(video.direction, sdp::Direction::recvonly);
  EXPECT_EQ(video.transport.setup, "passive");
  EXPECT_EQ(video.payload_types, (std::vector<std::uint8_t>{100, 101}));
  ASSERT_EQ(video.candidates.size(), 2U);
  EXPECT_EQ(video.candidates[0].type, "host");
  EXPECT_EQ(video.candidates[1].type, "srflx");
  EXPECT_EQ(answer->media[1].port, 0);
}

TEST(WhepAnswer, OnlyAddressesThatCanBeSentToAreTaken) {
  const auto answer = sdp::parse(
      "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n"
      "a=candidate:1 1 udp 30 192.0.2.1 4000 typ host\r\na=candidate:1 1 UDP 30 192.0.2.1 4000 typ host\r\n"
      "a=candidate:2 2 udp 20 192.0.2.1 4001 typ host\r\na=candidate:3 1 tcp 20 192.0.2.2 9 typ host tcptype active\r\n"
      "a=candidate:4 1 udp 20 a1b2.local 4000 typ host\r\na=candidate:5 1 udp 20 0.0.0.0 4000 typ host\r\n"
      "a=candidate:6 1 udp 20 224.0.0.1 4000 typ host\r\na=candidate:7 1 udp 20 192.0.2.3 0 typ host\r\n"
      "a=candidate:8 1 udp 20 fe80::1 4000 typ host\r\na=candidate:9 1 udp 10 10.0.0.1 4000 typ host\r\n"
      "a=candidate:10 1 udp 5 2001:db8::1 4000 typ srflx raddr 10.0.0.1 rport 1\r\n");
  ASSERT_TRUE(answer.has_value());
  const auto all = whep::answer_candidates(*answer, {});
  ASSERT_EQ(all.usable.size(), 3U);
  const auto some = whep::answer_candidates(*answer, [](const SocketAddress& one) { return one.ip() != "10.0.0.1"; });
  EXPECT_EQ(some.usable.size(), 2U);
  EXPECT_EQ(some.refused, 1U);
}

TEST(WhepLinks, NameIceServers) {
  using Uris = std::vector<std::string>;
  EXPECT_EQ(whep::ice_server_links("<stun:stun.example.net>; rel=\"ice-server\""), Uris{"stun:stun.example.net"});
  EXPECT_EQ(whep::ice_server_links("<a,b>; rel=next, <turn:t?transport=udp>; rel=\"x Ice-Server\"; username=\"a\\\",<\"; "
                                   "credential=c , <stun:s:1>;rel=ice-server"),
            (Uris{"turn:t?transport=udp", "stun:s:1"}));
  for (const char* none : {"", "<", "<x", "<x>", "x; rel=ice-server", "<x>; rel", "<x>; rel=\"ice-server", "<>; rel=ice-server"})
    EXPECT_LE(whep::ice_server_links(none).size(), 1U) << none;
  std::string many;
  for (int i = 0; i < 100; ++i) many += "<stun:s>;rel=ice-server,";
  EXPECT_EQ(whep::ice_server_links(many).size(), whep::kMaxIceServers);

  const auto full = whep::parse_stun_uri("stun:[2001:db8::1]:99?x");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->host, "2001:db8::1");
  EXPECT_EQ(full->port, 99);
  EXPECT_EQ(whep::parse_stun_uri("STUN:stun.example.net")->port, 3478);
  for (const char* bad : {"", "stun:", "turn:x", "stun:x:0", "stun:x:70000", "stun:x:", "stun:[x", "stun:a b", "stuns:x"})
    EXPECT_FALSE(whep::parse_stun_uri(bad).has_value()) << bad;
}

TEST(WhepUrls, AreResolvedAndCompared) {
  EXPECT_EQ(*whep::resolve_url("https://h/whep/a?x=1", "/session/1"), "https://h/session/1");
  EXPECT_EQ(*whep::resolve_url("https://h/whep/a", "b"), "https://h/whep/b");
  EXPECT_EQ(*whep::resolve_url("https://h/a", "http://other:8/b"), "http://other:8/b");
  for (const char* bad : {"file:///x", "ftp://h/x", "gopher://h"})
    EXPECT_FALSE(whep::resolve_url("https://h/a", bad).has_value()) << bad;
  EXPECT_FALSE(whep::resolve_url("nothing", "").has_value());
  EXPECT_TRUE(whep::same_origin("https://H/a", "https://h:443/b?c"));
  for (const char* other : {"http://h/a", "https://h:444/a", "https://g/a", "x"})
    EXPECT_FALSE(whep::same_origin("https://h/a", other)) << other;
  EXPECT_EQ(whep::host_of("http://[::1]:80/x"), "::1");
}

}  // namespace
}  // namespace rtpx
