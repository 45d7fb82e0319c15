// A real endpoint and a small real publisher on the loopback interface.
#include "ingest/webrtc/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "ingest/net/udp_socket.hpp"
#include "ingest/reception.hpp"
#include "rtp/packet.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"
#include "support/webrtc_publisher.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::browser_offer;
using test::make_rtp;
using test::WebRtcPublisher;

/// Of a sender that wants to be the DTLS server (RFC 8842).
std::string passive_offer() {
  std::string offer = browser_offer();
  for (std::size_t at = offer.find("actpass"); at != std::string::npos; at = offer.find("actpass"))
    offer.replace(at, 7, "passive");
  return offer;
}

struct Received {
  std::size_t track;
  std::uint8_t rid_index;
  std::vector<std::byte> bytes;
  ReceiveClock::time_point arrival;
};

class Collector final : public PacketSink {
 public:
  void on_rtp(std::size_t track, std::uint8_t rid, Bytes packet,
              ReceiveClock::time_point at) noexcept override {
    const std::lock_guard lock(mutex_);
    rtp_.push_back({track, rid, {packet.begin(), packet.end()}, at});
  }
  void on_rtcp(std::size_t track, Bytes packet, ReceiveClock::time_point at) noexcept override {
    const std::lock_guard lock(mutex_);
    rtcp_.push_back({track, 0, {packet.begin(), packet.end()}, at});
  }
  std::vector<Received> rtp() const {
    const std::lock_guard lock(mutex_);
    return rtp_;
  }
  std::vector<Received> rtcp() const {
    const std::lock_guard lock(mutex_);
    return rtcp_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Received> rtp_, rtcp_;
};

/// All tests run with one media thread, and once more with as many as this says.
std::size_t media_threads() {
  const char* const value = std::getenv("RTPX_TEST_MEDIA_THREADS");
  return value != nullptr ? static_cast<std::size_t>(std::atoi(value)) : 1;
}

/// An endpoint whose sessions all write into one collector, and what their handlers said.
class EndpointTest : public testing::Test {
 protected:
  void start(WebRtcEndpoint::Options options = {}) {
    options.udp_port = 0;
    if (options.media_threads == 1) options.media_threads = media_threads();
    if (options.advertise.empty()) options.listen = {"127.0.0.1"};
    auto made = WebRtcEndpoint::start(std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    endpoint = *std::move(made);
  }
  void TearDown() override { endpoint.reset(); }

  Result<AcceptedSession> accept(const std::string& offer) {
    SessionHandlers handlers;
    handlers.open = [this](const std::string&, std::span<const MediaStreamTrack>) { return sink; };
    handlers.connected = [this](const std::string&) { ++connected; };
    handlers.ended = [this](const std::string& id, SessionEnd reason, const SessionStats& last) {
      const std::lock_guard lock(mutex);
      ends[id] = reason;
      last_stats = last;
    };
    return endpoint->accept(offer, handlers);
  }
  std::optional<SessionEnd> end_of(const std::string& id) {
    const std::lock_guard lock(mutex);
    const auto found = ends.find(id);
    return found == ends.end() ? std::nullopt : std::optional(found->second);
  }
  bool wait_for(const std::function<bool()>& done) {
    for (int i = 0; i < 1000 && !done(); ++i) std::this_thread::sleep_for(5ms);
    return done();
  }

  std::shared_ptr<Collector> sink = std::make_shared<Collector>();
  std::atomic<int> connected = 0;
  std::mutex mutex;
  std::map<std::string, SessionEnd> ends;
  SessionStats last_stats;
  std::unique_ptr<WebRtcEndpoint> endpoint;
};

TEST_F(EndpointTest, MediaOfTwoTracksArrivesWholeAndInOrder) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session) << session.error().message;
  ASSERT_EQ(session->tracks.size(), 2U);
  EXPECT_EQ(session->tracks[0].id, "audio-track");
  EXPECT_EQ(session->tracks[1].streams, std::vector<std::string>{"stream"});
  ASSERT_TRUE(publisher.connect(session->answer_sdp));

  std::vector<std::vector<std::byte>> sent;
  for (std::uint16_t i = 0; i < 200; ++i) {
    sent.push_back(make_rtp(111, i, i * 960U, 1001, 80));
    sent.push_back(make_rtp(96, static_cast<std::uint16_t>(65500 + i), i * 3000U, 2001, 1000));
    publisher.send(sent[sent.size() - 2]);
    publisher.send(sent.back());
    if (i % 20 == 0) publisher.poll(1ms);
  }
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == sent.size(); })) << sink->rtp().size();
  const auto received = sink->rtp();
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(received[i].bytes, sent[i]) << i;
    EXPECT_EQ(received[i].track, i % 2) << i;
    if (i > 0) {
      EXPECT_GE(received[i].arrival, received[i - 1].arrival);
    }
  }
  EXPECT_EQ(connected, 1);
  const auto stats = endpoint->stats(session->id);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->tracks[1].streams.at(0).packets, 200U);
  EXPECT_EQ(stats->tracks[1].streams.at(0).lost, 0U);
  EXPECT_EQ(stats->tracks[1].codec, "video/VP8");
}

TEST_F(EndpointTest, AKeyframeIsAskedForAtTheStartOfEachVideoLayer) {
  start();
  WebRtcPublisher publisher(browser_offer(true));
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  const char* const rids[] = {"q", "h", "f"};
  for (std::uint32_t layer = 0; layer < 3; ++layer)
    publisher.send(make_rtp(96, 1, 1, 300 + layer, 100, {{4, "1"}, {10, rids[layer]}}));
  publisher.send(make_rtp(111, 1, 1, 1001, 50));
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.keyframe_requests.size() >= 3; }));
  EXPECT_THAT(publisher.keyframe_requests, testing::UnorderedElementsAre(300, 301, 302));
}

TEST_F(EndpointTest, LostPacketsAreAskedForAndComeBackByRtx) {
  start();
  WebRtcPublisher publisher(browser_offer());
  publisher.rtx[2001] = {2002, 97};
  publisher.drop = [](const std::vector<std::byte>& rtp) {
    return load_be<std::uint16_t>(rtp.data() + 2) % 10 == 5;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 300; ++i) {
    publisher.send(make_rtp(96, i, i * 3000U, 2001, 900));
    if (i % 10 == 0) publisher.poll(5ms);
  }
  const auto repaired = [&] {
    std::set<std::uint16_t> originals;
    for (const Received& one : sink->rtp()) {
      const auto packet = parse_rtp(one.bytes);
      if (packet->ssrc == 2002) originals.insert(load_be<std::uint16_t>(packet->payload.data()));
    }
    return originals.size();
  };
  ASSERT_TRUE(publisher.poll_until([&] { return repaired() == 30; })) << repaired();
  ASSERT_TRUE(
      wait_for([&] { return endpoint->stats(session->id)->tracks[1].streams.at(0).recovered == 30; }));
  const StreamStats stream = endpoint->stats(session->id)->tracks[1].streams.at(0);
  EXPECT_EQ(stream.lost, 30U);
  EXPECT_EQ(stream.unrepaired, 0U);
  EXPECT_GE(stream.nacks_sent, 30U);
  EXPECT_GE(stream.repair_packets, 30U);
}

TEST_F(EndpointTest, LostAudioIsAskedForAlthoughNackWasNotNegotiated) {
  start();
  WebRtcPublisher publisher(browser_offer());
  publisher.drop = [](const std::vector<std::byte>& rtp) {
    return load_be<std::uint16_t>(rtp.data() + 2) == 7;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 20; ++i) publisher.send(make_rtp(111, i, i * 960U, 1001, 60));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 20; }));
  EXPECT_EQ(publisher.nacked.front(), (std::pair<std::uint32_t, std::uint16_t>(1001, 7)));
}

TEST_F(EndpointTest, WhatCannotBeRepairedBringsAKeyframeRequest) {
  start();
  WebRtcPublisher publisher(browser_offer());
  publisher.answer_nacks = false;
  publisher.drop = [](const std::vector<std::byte>& rtp) {
    return load_be<std::uint16_t>(rtp.data() + 2) == 50;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 100; ++i) publisher.send(make_rtp(96, i, i * 3000U, 2001, 100));
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.keyframe_requests.size() >= 2; }));
  EXPECT_GE(std::ranges::count(publisher.nacked, std::pair<std::uint32_t, std::uint16_t>(2001, 50)), 2);
}

TEST_F(EndpointTest, TransportFeedbackNamesEveryPacketThatArrivedAndThatDidNot) {
  start();
  WebRtcPublisher publisher(browser_offer());
  publisher.answer_nacks = false;
  publisher.drop = [](const std::vector<std::byte>& rtp) {
    return load_be<std::uint16_t>(rtp.data() + 2) == 3;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 10; ++i)
    publisher.send(make_rtp(96, i, i, 2001, 100, {{3, std::string{'\0', static_cast<char>(100 + i)}}}));
  std::map<std::uint16_t, bool> seen;
  ASSERT_TRUE(publisher.poll_until([&] {
    for (const auto& report : publisher.transport_cc)
      for (const auto& status : report.statuses)
        seen[status.sequence] = seen[status.sequence] || status.received;
    return seen.size() == 10;
  }));
  for (const auto& [sequence, received] : seen) EXPECT_EQ(received, sequence != 103) << sequence;
}

TEST_F(EndpointTest, LayersAreToldApartByRidEvenWhereTheFirstPacketsHaveNone) {
  start();
  WebRtcPublisher publisher(browser_offer(true));
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(96, 1, 1, 300, 100, {{4, "1"}}));
  publisher.send(make_rtp(96, 2, 1, 300, 100));
  publisher.send(make_rtp(96, 3, 1, 300, 100, {{4, "1"}, {10, "f"}}));
  publisher.send(make_rtp(97, 1, 1, 301, 100, {{4, "1"}, {11, "f"}}));
  publisher.send(make_rtp(96, 4, 1, 300, 100));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 5; }));
  const auto received = sink->rtp();
  for (const Received& one : received) EXPECT_EQ(one.rid_index, 2);
  EXPECT_EQ(parse_rtp(received[0].bytes)->sequence_number, 1);
  EXPECT_EQ(parse_rtp(received[4].bytes)->sequence_number, 4);
}

TEST_F(EndpointTest, SenderReportsGoToTheTracksTheyAreAbout) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  rtcp::Buffer report(28);
  report[0] = std::byte{0x80};
  report[1] = std::byte{200};
  report[3] = std::byte{6};
  store_be<std::uint32_t>(report.data() + 4, 2001);
  publisher.send_rtcp(report);
  ASSERT_TRUE(publisher.poll_until([&] { return !sink->rtcp().empty(); }));
  EXPECT_EQ(sink->rtcp().front().track, 1U);
  EXPECT_EQ(sink->rtcp().front().bytes, report);
}

TEST_F(EndpointTest, CloseNotifyEndsTheSessionAtOnce) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(111, 1, 1, 1001, 10));
  publisher.close();
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::close_notify);
  EXPECT_EQ(last_stats.packets, 1U);
  EXPECT_FALSE(endpoint->stats(session->id));
  EXPECT_EQ(endpoint->stats().sessions, 0U);
}

TEST_F(EndpointTest, ByeForAllStreamsEndsTheSession) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(111, 1, 1, 1001, 10));
  publisher.send(make_rtp(96, 1, 1, 2001, 10));
  rtcp::Buffer bye;
  rtcp::write_receiver_report(bye, 1001, {});
  rtcp::write_bye(bye, 1001);
  publisher.send_rtcp(bye);
  publisher.poll(1200ms);
  EXPECT_FALSE(end_of(session->id)) << "the video did not say BYE";
  bye.clear();
  rtcp::write_receiver_report(bye, 2001, {});
  rtcp::write_bye(bye, 2001);
  publisher.send_rtcp(bye);
  ASSERT_TRUE(publisher.poll_until([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::bye);
}

TEST_F(EndpointTest, SilenceEndsTheSessionButConnectivityChecksKeepItAlive) {
  start({.silence_timeout = 400ms});
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (int i = 0; i < 8; ++i) {
    publisher.send_check();
    publisher.poll(100ms);
  }
  EXPECT_FALSE(end_of(session->id));
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::silence);
}

TEST_F(EndpointTest, APublisherThatNeverComesEndsTheSession) {
  start({.connect_timeout = 200ms});
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::never_connected);
}

TEST_F(EndpointTest, ACertificateOtherThanTheOffersIsRefused) {
  start();
  const auto other = DtlsContext::create();
  ASSERT_TRUE(other);
  WebRtcPublisher honest(browser_offer());
  WebRtcPublisher thief(browser_offer(), *other);
  const auto session = accept(honest.offer());
  ASSERT_TRUE(session);
  (void)thief.connect(session->answer_sdp);
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::wrong_fingerprint);
  EXPECT_EQ(connected, 0);
  EXPECT_TRUE(sink->rtp().empty());
}

TEST_F(EndpointTest, ClosingByTheServerTellsThePublisher) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  ASSERT_TRUE(endpoint->close(session->id));
  EXPECT_TRUE(publisher.poll_until([&] { return publisher.dtls_state() == Dtls::State::closed; }));
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::closed);
  EXPECT_EQ(endpoint->close(session->id).error().code, Errc::not_found);
}

TEST_F(EndpointTest, TheEndpointsOwnEndIsAnEndOfEverySession) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  endpoint.reset();
  EXPECT_EQ(end_of(session->id), SessionEnd::shutdown);
}

TEST_F(EndpointTest, AnIceRestartKeepsMediaFlowing) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  const auto trickle = endpoint->patch(session->id, "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n");
  ASSERT_TRUE(trickle);
  EXPECT_FALSE(trickle->sdp_fragment);
  EXPECT_EQ(trickle->ice_tag, session->ice_tag);
  const auto restart =
      endpoint->patch(session->id, "a=ice-ufrag:new1\r\na=ice-pwd:0123456789012345678901234\r\n");
  ASSERT_TRUE(restart && restart->sdp_fragment);
  EXPECT_NE(restart->ice_tag, session->ice_tag);
  EXPECT_THAT(*restart->sdp_fragment, testing::HasSubstr("a=ice-ufrag:" + restart->ice_tag));
  EXPECT_THAT(*restart->sdp_fragment, testing::HasSubstr("a=candidate:"));
  publisher.send(make_rtp(111, 1, 1, 1001, 10));
  publisher.send_check();  // still with the old credentials: good until the new ones are used
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.stun_successes == 2; }));
  EXPECT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 1; }));
  EXPECT_EQ(endpoint->patch("nobody", "a=ice-ufrag:x\r\n").error().code, Errc::not_found);
  EXPECT_EQ(endpoint->patch(session->id, "<html>").error().code, Errc::malformed);
}

TEST_F(EndpointTest, HostileDatagramsChangeNothing) {
  start();
  WebRtcPublisher publisher(browser_offer()), stranger(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  stranger.take_answer(session->answer_sdp);
  std::uint32_t seed = 1;
  const auto random = [&] { return seed = seed * 1664525U + 1013904223U, seed >> 8; };
  for (int i = 0; i < 4000; ++i) {
    std::vector<std::byte> junk(random() % 200);
    for (std::byte& b : junk) b = static_cast<std::byte>(random());
    if (!junk.empty())
      junk[0] = static_cast<std::byte>(i % 4 == 0   ? random() % 4
                                       : i % 4 == 1 ? 20 + random() % 44
                                                    : 128 + random() % 64);
    (i % 2 == 0 ? publisher : stranger).send_raw(junk);
    if (i % 50 == 0) publisher.poll(1ms);
  }
  for (std::uint16_t i = 0; i < 50; ++i) publisher.send(make_rtp(111, i, i, 1001, 10));
  EXPECT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 50; })) << sink->rtp().size();
  EXPECT_FALSE(end_of(session->id));
  EXPECT_GT(endpoint->stats().dropped[Drop::unknown_source], 0U);
  EXPECT_GT(endpoint->stats().dropped[Drop::stun_refused], 0U);
}

TEST_F(EndpointTest, AWrongPasswordIsRefusedAndAnUnknownUserHearsNothing) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  std::string forged = session->answer_sdp;
  const std::size_t at = forged.find("a=ice-pwd:") + 10;
  forged.replace(at, 4, "XXXX");
  publisher.take_answer(forged);
  publisher.send_check();
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.stun_error.has_value(); }));
  EXPECT_EQ(publisher.stun_error, 401);
  EXPECT_EQ(endpoint->stats(session->id)->remote_address, "");
}

TEST_F(EndpointTest, LimitsOfSessionsAreErrorsThatSaySo) {
  start({.max_sessions = 3, .max_unconnected = 2});
  std::vector<std::unique_ptr<WebRtcPublisher>> publishers;
  for (int i = 0; i < 2; ++i) {
    publishers.push_back(std::make_unique<WebRtcPublisher>(browser_offer()));
    ASSERT_TRUE(accept(publishers.back()->offer()));
  }
  WebRtcPublisher third(browser_offer());
  const auto refused = accept(third.offer());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("2"));
}

TEST_F(EndpointTest, ThePublisherThatComesTakesThePlaceOfOneThatNeverCame) {
  start({.max_sessions = 3, .max_unconnected = 2, .connect_grace = 0ms});
  WebRtcPublisher first_one(browser_offer()), checked(browser_offer()), silent(browser_offer());
  const auto first = accept(first_one.offer());
  ASSERT_TRUE(first && first_one.connect(first->answer_sdp));
  const auto second = accept(checked.offer());
  ASSERT_TRUE(second);
  checked.take_answer(second->answer_sdp);
  checked.send_check();
  ASSERT_TRUE(checked.poll_until([&] { return checked.stun_successes > 0; }));
  const auto third = accept(silent.offer());
  ASSERT_TRUE(third);
  std::vector<std::unique_ptr<WebRtcPublisher>> late;
  for (int i = 0; i < 10; ++i) {
    late.push_back(std::make_unique<WebRtcPublisher>(browser_offer()));
    ASSERT_TRUE(accept(late.back()->offer()));
  }
  EXPECT_FALSE(endpoint->stats(third->id)) << "the one of whom nothing was heard goes first";
  EXPECT_TRUE(endpoint->stats(second->id)) << "one that is on its way stays";
  EXPECT_TRUE(endpoint->stats(first->id)->connected) << "and no session under way ends";
  EXPECT_EQ(endpoint->stats().sessions, 3U);
}

TEST_F(EndpointTest, ABitRateOverTheLimitIsCutAndCounted) {
  start({.max_bits_per_second = 80'000});
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  EXPECT_THAT(session->answer_sdp, testing::HasSubstr("b=AS:80\r\n"));
  ASSERT_TRUE(publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 100; ++i) publisher.send(make_rtp(96, i, i, 2001, 1000));
  ASSERT_TRUE(wait_for([&] { return endpoint->stats(session->id)->dropped[Drop::over_bit_rate] > 0; }));
  publisher.poll(50ms);
  EXPECT_LT(sink->rtp().size(), 30U);
}

TEST_F(EndpointTest, ASessionEndsAtItsBytesOrItsDuration) {
  start({.max_bytes = 5000});
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 4; ++i) publisher.send(make_rtp(96, i, i, 2001, 1000));
  publisher.poll(50ms);
  EXPECT_FALSE(end_of(session->id));
  for (std::uint16_t i = 4; i < 20; ++i) publisher.send(make_rtp(96, i, i, 2001, 1000));
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::max_bytes);
  EXPECT_EQ(sink->rtp().size(), 5U);

  start({.max_duration = 1s});
  WebRtcPublisher other(browser_offer());
  const auto second = accept(other.offer());
  ASSERT_TRUE(second && other.connect(second->answer_sdp));
  ASSERT_TRUE(other.poll_until([&] { return end_of(second->id).has_value(); }));
  EXPECT_EQ(end_of(second->id), SessionEnd::max_duration);
  EXPECT_EQ(other.dtls_state(), Dtls::State::closed) << "the publisher is told";
}

/// The sizes of datagrams that a socket has got, by the first byte's meaning.
std::size_t bytes_received(UdpSocket& socket) {
  std::size_t out = 0;
  for (const Datagram& one : socket.receive()) out += one.bytes.size();
  return out;
}

TEST_F(EndpointTest, WhatIsDroppedIsCountedUnderItsReasonAndAllAddsUp) {
  start({.max_bits_per_second = 400'000});
  WebRtcPublisher publisher(browser_offer()), stranger(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  std::uint64_t sent = 0;
  publisher.on_send = stranger.on_send = [&](Bytes) { ++sent; };
  publisher.take_answer(session->answer_sdp);
  stranger.take_answer(session->answer_sdp);
  publisher.send_check();
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.stun_successes == 1; }));
  publisher.send_raw(make_rtp(111, 1, 1, 1001, 50));  // before the keys
  publisher.start_dtls();
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.connected(); }));

  std::vector<std::byte> copy;
  publisher.on_send = [&](Bytes bytes) {
    ++sent;
    copy.assign(bytes.begin(), bytes.end());
  };
  publisher.send(make_rtp(111, 1, 960, 1001, 50));  // recorded
  publisher.send_raw(copy);                         // replayed
  copy.back() ^= std::byte{1};
  copy[3] ^= std::byte{4};                                           // another sequence number
  publisher.send_raw(copy);                                          // forged
  publisher.send_raw({});                                            // no protocol
  publisher.send_raw(std::vector<std::byte>(30, std::byte{200}));    // no protocol either
  publisher.send_raw(std::vector<std::byte>(5000, std::byte{128}));  // cut by the socket
  publisher.send_raw(std::vector<std::byte>(6, std::byte{128}));     // too short for SRTP
  stranger.send_raw(make_rtp(111, 1, 1, 1001, 50));                  // from nowhere
  stranger.send_raw(std::vector<std::byte>(20, std::byte{0}));       // no STUN
  publisher.send(make_rtp(55, 1, 1, 77, 50));                        // of no m-line
  rtcp::Buffer report;
  rtcp::write_receiver_report(report, 424242, {});  // of an SSRC that never sends
  publisher.send_rtcp(report);
  for (std::uint16_t i = 0; i < 100; ++i)
    publisher.send(make_rtp(96, i, i, 2001, 1100));  // more than a second's worth
  ASSERT_TRUE(wait_for([&] { return endpoint->stats().datagrams == sent; }))
      << endpoint->stats().datagrams << " of " << sent;
  publisher.on_send = [&](Bytes) { ++sent; };
  publisher.close();
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));

  const EndpointStats stats = endpoint->stats();
  const DropCounts& dropped = stats.dropped;
  EXPECT_EQ(dropped[Drop::before_keys], 1U);
  EXPECT_EQ(dropped[Drop::replayed], 1U);
  EXPECT_EQ(dropped[Drop::undecryptable], 1U);
  EXPECT_EQ(dropped[Drop::unknown_protocol], 2U);
  EXPECT_EQ(dropped[Drop::oversized], 1U);
  EXPECT_EQ(dropped[Drop::malformed], 1U);
  EXPECT_EQ(dropped[Drop::unknown_source], 1U);
  EXPECT_EQ(dropped[Drop::stun_refused], 1U);
  EXPECT_EQ(dropped[Drop::unknown_stream], 1U);
  EXPECT_EQ(dropped[Drop::unassigned_report], 1U);
  EXPECT_GT(dropped[Drop::over_bit_rate], 10U);
  EXPECT_EQ(stats.datagrams, sent);
  // The report was taken first, and found to be of no use at the end.
  EXPECT_EQ(stats.stun + stats.dtls + stats.media_packets + dropped.total() - dropped[Drop::kernel],
            stats.datagrams + dropped[Drop::unassigned_report]);
  EXPECT_EQ(sink->rtp().size() + sink->rtcp().size() + 1, stats.media_packets);
  const DropCounts of_session = last_stats.dropped;
  EXPECT_EQ(of_session.total() + 2 + 1 + 1 + 1, dropped.total() - dropped[Drop::kernel])
      << "the rest has no session";
}

TEST_F(EndpointTest, ACopiedCheckNeitherMovesASessionNorTakesItsPlace) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(111, 1, 1, 1001, 50));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 1; }));
  const auto check = publisher.make_check();
  publisher.send_raw(check);
  std::vector<UdpSocket> eavesdropper;
  for (int i = 0; i < 40; ++i) {
    auto socket = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 65536);
    ASSERT_TRUE(socket);
    socket->send(check, publisher.server());
    eavesdropper.push_back(*std::move(socket));
  }
  ASSERT_TRUE(
      wait_for([&] { return endpoint->stats().stun + endpoint->stats().dropped[Drop::stun_refused] >= 42; }));
  publisher.receiver_reports = 0;
  for (std::uint16_t i = 2; i < 30; ++i) {
    publisher.send(make_rtp(111, i, i * 960U, 1001, 50));
    publisher.poll(5ms);
  }
  EXPECT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 29; })) << sink->rtp().size();
  EXPECT_TRUE(publisher.poll_until([&] { return publisher.receiver_reports >= 2; }))
      << "feedback still comes here";
  std::size_t most = 0;
  for (UdpSocket& socket : eavesdropper) most = std::max(most, bytes_received(socket));
  EXPECT_LT(most, 200U) << "an answer to the check, nothing else";
  EXPECT_THAT(endpoint->stats(session->id)->remote_address, testing::HasSubstr("127.0.0.1:"));
}

TEST_F(EndpointTest, APublisherThatMovesIsFollowedByItsMedia) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(111, 1, 1, 1001, 50));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 1; }));
  const std::string before = endpoint->stats(session->id)->remote_address;
  publisher.change_port();
  publisher.send_check();
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.stun_successes == 2; }));
  EXPECT_EQ(endpoint->stats(session->id)->remote_address, before) << "nothing authentic has come from there";
  publisher.send(make_rtp(111, 2, 960, 1001, 50));
  ASSERT_TRUE(publisher.poll_until([&] { return endpoint->stats(session->id)->remote_address != before; }));
  publisher.receiver_reports = 0;
  EXPECT_TRUE(publisher.poll_until([&] { return publisher.receiver_reports >= 1; }));
}

TEST_F(EndpointTest, AnotherPublisherCannotTakeAnAddressThatIsInUse) {
  start();
  WebRtcPublisher publisher(browser_offer()), other(browser_offer());
  const auto session = accept(publisher.offer()), second = accept(other.offer());
  ASSERT_TRUE(session && second && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(111, 1, 1, 1001, 50));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 1; }));
  other.take_answer(second->answer_sdp);
  publisher.send_raw(other.make_check());
  ASSERT_TRUE(wait_for([&] { return endpoint->stats().dropped[Drop::stun_refused] == 1; }));
  publisher.send(make_rtp(111, 2, 960, 1001, 50));
  EXPECT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 2; }));
  EXPECT_EQ(endpoint->stats(second->id)->remote_address, "");
}

TEST_F(EndpointTest, AClientHelloDrawsAtMostThreeTimesItsSizeUntilThePeerAnswers) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  publisher.take_answer(session->answer_sdp);
  publisher.deaf_to_dtls = true;
  publisher.send_check();
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.stun_successes == 1; }));
  std::size_t hello = 0;
  publisher.on_send = [&](Bytes bytes) { hello += bytes.size(); };
  publisher.start_dtls();
  publisher.poll(800ms);  // our retransmissions would come after 200 and 600 ms
  EXPECT_GT(hello, 100U);
  EXPECT_GT(publisher.dtls_bytes, 0U);
  EXPECT_LE(publisher.dtls_bytes, 3 * hello);
  publisher.deaf_to_dtls = false;
  EXPECT_TRUE(publisher.poll_until([&] { return publisher.connected(); }))
      << "and it goes on when the peer is real";
}

TEST_F(EndpointTest, APublisherThatWantsToBeTheDtlsServerIsOpenedByUs) {
  start();
  WebRtcPublisher publisher(passive_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_THAT(session->answer_sdp, testing::HasSubstr("a=setup:active\r\n"));
  ASSERT_TRUE(publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(111, 1, 1, 1001, 50));
  publisher.send(make_rtp(96, 1, 1, 2001, 50));
  EXPECT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 2; }));
  EXPECT_TRUE(publisher.poll_until([&] { return publisher.receiver_reports > 0; }));
  EXPECT_EQ(connected, 1);
  publisher.close();
  ASSERT_TRUE(wait_for([&] { return end_of(session->id).has_value(); }));
  EXPECT_EQ(end_of(session->id), SessionEnd::close_notify);
}

TEST_F(EndpointTest, APublisherThatThrowsTheFirstHelloAwayAndChecksOnceIsOpened) {  // as FFmpeg
  start();
  WebRtcPublisher publisher(passive_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  publisher.take_answer(session->answer_sdp);
  publisher.deaf_to_dtls = true;
  publisher.send_check();
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.dtls_bytes > 0; }));
  publisher.deaf_to_dtls = false;
  publisher.start_dtls();
  EXPECT_TRUE(publisher.poll_until([&] { return publisher.connected(); }));
}

TEST_F(EndpointTest, ACopiedCheckDrawsAFewHellosAtMostWhereWeOpenDtls) {
  start();
  WebRtcPublisher publisher(passive_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  publisher.take_answer(session->answer_sdp);
  publisher.deaf_to_dtls = true;
  std::size_t sent = 0;
  publisher.on_send = [&](Bytes bytes) { sent += bytes.size(); };
  publisher.send_check();
  publisher.poll(1000ms);
  EXPECT_GT(publisher.dtls_bytes, 0U);
  EXPECT_LE(publisher.dtls_bytes, 3 * sent + 600);
}

TEST_F(EndpointTest, ChecksFromElsewhereDrawNothingToAnAddressThatNeverAnswered) {
  start();
  WebRtcPublisher publisher(passive_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session);
  publisher.take_answer(session->answer_sdp);
  publisher.deaf_to_dtls = true;
  const auto check = publisher.make_check();
  auto first = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 65536);
  auto victim = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 65536);
  ASSERT_TRUE(first && victim);
  first->send(check, publisher.server());  // draws the allowance, which is given once
  ASSERT_TRUE(wait_for([&] { return endpoint->stats().stun == 1; }));
  victim->send(check, publisher.server());
  ASSERT_TRUE(wait_for([&] { return endpoint->stats().stun == 2; }));
  for (int i = 0; i < 30; ++i) {
    publisher.send_check(false);
    publisher.poll(50ms);
  }
  EXPECT_GT(bytes_received(*first), 0U);
  EXPECT_LE(bytes_received(*victim), 3 * check.size());
}

/// A browser's offer in which the layers have a=ssrc and FID lines too, as those of Firefox and Pion.
std::string simulcast_offer_with_ssrcs() {
  return browser_offer(true) +
         "a=ssrc-group:FID 301 401\r\na=ssrc-group:FID 302 402\r\na=ssrc-group:FID 303 403\r\n"
         "a=ssrc:301 cname:c\r\na=ssrc:401 cname:c\r\na=ssrc:302 cname:c\r\na=ssrc:402 cname:c\r\n"
         "a=ssrc:303 cname:c\r\na=ssrc:403 cname:c\r\n";
}

TEST_F(EndpointTest, TheRidOfAPacketDecidesWhateverTheOrderOfTheSsrcsAndHoweverLateItComes) {
  start();
  WebRtcPublisher publisher(simulcast_offer_with_ssrcs());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  publisher.send(make_rtp(96, 1, 1, 301, 100, {{4, "1"}}));
  publisher.send(make_rtp(96, 2, 1, 301, 100, {{4, "1"}, {10, "f"}}));
  publisher.send(make_rtp(97, 1, 1, 401, 100));
  publisher.send(make_rtp(96, 1, 1, 303, 100, {{4, "1"}}));
  // No packet says the layer of 303 for longer than is waited.
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 4; }));
  EXPECT_EQ(sink->rtp()[0].rid_index, 2);
  EXPECT_EQ(sink->rtp()[2].rid_index, 2) << "RTX goes with what it repairs";
  EXPECT_EQ(sink->rtp()[3].rid_index, 0) << "the third is taken: the first that is free";
  publisher.send(make_rtp(96, 2, 1, 303, 100, {{4, "1"}, {10, "h"}}));
  publisher.send(make_rtp(96, 3, 1, 303, 100));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 6; }));
  EXPECT_EQ(sink->rtp()[5].rid_index, 1) << "corrected";
}

TEST_F(EndpointTest, WhereNoRidEverComesTheNthSsrcIsTheNthLayerWithANote) {
  start();
  WebRtcPublisher publisher(simulcast_offer_with_ssrcs());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (const std::uint32_t ssrc : {403U, 303U, 302U, 301U})
    publisher.send(make_rtp(ssrc > 400 ? 97 : 96, 1, 1, ssrc, 100));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 4; }));
  for (const Received& one : sink->rtp()) {
    const std::uint32_t ssrc = load_be<std::uint32_t>(one.bytes.data() + 8);
    EXPECT_EQ(one.rid_index, ssrc % 100 - 1) << ssrc;
  }
  const auto stats = endpoint->stats(session->id);
  ASSERT_TRUE(stats);
  for (const StreamStats& stream : stats->tracks.at(1).streams)
    EXPECT_TRUE(stream.rid_by_order) << stream.rid;
  EXPECT_THAT(reception_notes(endpoint->stats(session->id)->tracks),
              testing::ElementsAre(testing::HasSubstr("video-track")));
}

TEST_F(EndpointTest, HundredsOfSsrcsInOneSessionAreAllRecorded) {
  start({.max_ssrcs = 8});
  WebRtcPublisher publisher(browser_offer());
  publisher.answer_nacks = false;
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  // As fast as this, the first eight are all busy; then each makes place for the next.
  for (std::uint32_t ssrc = 0; ssrc < 8; ++ssrc)
    publisher.send(make_rtp(96, 1, 1, 5000 + ssrc, 100, {{4, "1"}}));
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 8; }));
  publisher.send(make_rtp(96, 1, 1, 6000, 100, {{4, "1"}}));
  ASSERT_TRUE(wait_for([&] { return endpoint->stats(session->id)->dropped[Drop::too_many_streams] == 1; }));
  publisher.poll(2100ms);
  for (std::uint32_t ssrc = 0; ssrc < 8; ++ssrc)
    publisher.send(make_rtp(96, 1, 1, 7000 + ssrc, 100, {{4, "1"}}));
  EXPECT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == 16; })) << sink->rtp().size();
  std::uint64_t packets = 0;
  const auto stats = endpoint->stats(session->id);
  ASSERT_TRUE(stats);
  for (const StreamStats& stream : stats->tracks.at(1).streams) packets += stream.packets;
  EXPECT_EQ(packets, 16U) << "those that are gone are counted on";
}

TEST_F(EndpointTest, ANackGoesAloneInItsDatagramWhereItsOwnLineAllowsIt) {
  start();
  std::string offer = browser_offer();
  offer.erase(offer.find("a=rtcp-rsize\r\n"), 14);  // of the audio only, as FFmpeg's
  WebRtcPublisher publisher(offer);
  publisher.reads_only_first_packet = true;
  publisher.rtx[2001] = {2002, 97};
  publisher.drop = [](const std::vector<std::byte>& rtp) {
    return load_be<std::uint16_t>(rtp.data() + 2) % 10 == 5;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 100; ++i) {
    publisher.send(make_rtp(96, i, i * 3000U, 2001, 300));
    if (i % 10 == 0) publisher.poll(5ms);
  }
  ASSERT_TRUE(publisher.poll_until(
      [&] { return endpoint->stats(session->id)->tracks[1].streams.at(0).recovered == 10; }));
  EXPECT_EQ(publisher.nacks_in_company, 0U);
  // And where no line allows it, both ways are tried.
  for (std::uint16_t i = 0; i < 10; ++i)
    if (i != 4) publisher.send(make_rtp(111, i, i * 960U, 1001, 60));
  EXPECT_TRUE(publisher.poll_until([&] {
    return std::ranges::count(publisher.nacked, std::pair<std::uint32_t, std::uint16_t>(1001, 4)) > 0;
  }));
}

TEST_F(EndpointTest, OverAWayThatLosesOneInTwentyBothWaysAllIsRepaired) {
  start();
  std::string offer = browser_offer();
  for (std::size_t at = offer.find("a=rtcp-rsize\r\n"); at != std::string::npos;
       at = offer.find("a=rtcp-rsize\r\n"))
    offer.erase(at, 14);
  for (const bool rtx : {true, false}) {
    sink = std::make_shared<Collector>();
    WebRtcPublisher publisher(offer);
    publisher.reads_only_first_packet =
        !rtx;  // as FFmpeg, which answers on the stream itself in older versions
    if (rtx) publisher.rtx[2001] = {2002, 97};
    std::uint32_t seed = 7;
    publisher.lose = [&](bool) { return seed = seed * 1664525U + 1013904223U, (seed >> 8) % 20 == 0; };
    const auto session = accept(publisher.offer());
    ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
    for (std::uint16_t i = 0; i < 1000; ++i) {
      publisher.send(make_rtp(96, i, i * 90U, 2001, 400));
      if (i % 5 == 0) publisher.poll(2ms);
    }
    publisher.lose = nullptr;
    publisher.send(make_rtp(96, 1000, 1000 * 90U, 2001, 400));  // so that a loss of the last is seen
    const auto stream = [&] { return endpoint->stats(session->id)->tracks.at(1).streams.at(0); };
    ASSERT_TRUE(publisher.poll_until([&] {
      const StreamStats now = stream();
      return now.lost > 20 && now.lost == now.recovered + now.unrepaired &&
             now.packets + now.recovered >= 1001;
    })) << stream().lost
        << " lost, " << stream().recovered << " recovered";
    EXPECT_EQ(stream().unrepaired, 0U);
  }
}

TEST_F(EndpointTest, ASenderThatNeverAnswersIsNotAskedForEver) {
  start();
  WebRtcPublisher publisher(browser_offer());
  publisher.answer_nacks = false;
  publisher.drop = [](const std::vector<std::byte>& rtp) {
    return load_be<std::uint16_t>(rtp.data() + 2) % 5 == 4;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 0; i < 100; ++i) {  // sound, of which NACK was not offered
    publisher.send(make_rtp(111, i, i * 960U, 1001, 60));
    publisher.poll(20ms);
  }
  EXPECT_GT(publisher.nacked.size(), 3U);
  EXPECT_LT(publisher.nacked.size(), 60U) << "20 numbers, each good for several requests";
  EXPECT_GT(endpoint->stats(session->id)->tracks[0].streams.at(0).nacks_unanswered, 0U);
}

TEST_F(EndpointTest, WhatComesBeforeAFirstPacketThatBeginsNoFrameIsAskedFor) {
  start();
  WebRtcPublisher publisher(browser_offer());
  publisher.rtx[2001] = {2002, 97};
  bool first = true;
  // A keyframe of 40 packets, the first 25 of which are lost before anything arrives.
  const auto packet = [](std::uint16_t number) {
    auto out = make_rtp(96, number, 3000, 2001, 200);
    out[12] =
        std::byte{static_cast<unsigned char>(number == 1000 ? 0x10 : 0x00)};  // VP8: S in the first only
    out[13] = std::byte{0};
    return out;
  };
  publisher.drop = [&](const std::vector<std::byte>& rtp) {
    return first && load_be<std::uint16_t>(rtp.data() + 2) < 1025;
  };
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  for (std::uint16_t i = 1000; i < 1040; ++i) publisher.send(packet(i));
  std::set<std::uint16_t> repaired;
  ASSERT_TRUE(publisher.poll_until([&] {
    for (const Received& one : sink->rtp())
      if (const auto rtp = parse_rtp(one.bytes); rtp->ssrc == 2002)
        repaired.insert(load_be<std::uint16_t>(rtp->payload.data()));
    return repaired.size() == 25;
  })) << repaired.size();
  EXPECT_EQ(*repaired.begin(), 1000);
  publisher.poll(100ms);  // what was there already is not asked for again
  const StreamStats stream = endpoint->stats(session->id)->tracks[1].streams.at(0);
  EXPECT_EQ(stream.recovered, 25U);
  EXPECT_EQ(stream.unrepaired, 0U) << "numbers that were never sent are not lost";
}

TEST_F(EndpointTest, NoKeyframeIsAskedForWhereTheFirstPacketBeginsOne) {
  start();
  WebRtcPublisher publisher(browser_offer());
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  auto keyframe = make_rtp(96, 1, 1, 2001, 100);
  keyframe[12] = std::byte{0x10};
  keyframe[13] = std::byte{0x00};
  publisher.send(keyframe);
  publisher.send(make_rtp(96, 2, 1, 2001, 100));
  ASSERT_TRUE(publisher.poll_until([&] { return publisher.receiver_reports > 1; }));
  EXPECT_TRUE(publisher.keyframe_requests.empty());
  EXPECT_TRUE(publisher.nacked.empty());
  EXPECT_EQ(endpoint->stats(session->id)->tracks[1].streams.at(0).keyframes, 1U);
}

TEST_F(EndpointTest, WhenTheBestLayerFallsSilentTheNextIsAskedForAKeyframe) {
  start();
  WebRtcPublisher publisher(browser_offer(true));
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session && publisher.connect(session->answer_sdp));
  const char* const rids[] = {"q", "h", "f"};
  std::uint16_t number = 0;
  const auto send_layers = [&](std::uint32_t layers) {
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      auto packet =
          make_rtp(96, number, number * 3000U, 300 + layer, 100 + 400 * layer, {{4, "1"}, {10, rids[layer]}});
      const std::size_t payload = packet.size() - (100 + 400 * layer);
      packet[payload] = std::byte{0x10};
      packet[payload + 1] = std::byte{static_cast<unsigned char>(number == 0 ? 0 : 1)};
      publisher.send(packet);
    }
    ++number;
    publisher.poll(20ms);
  };
  for (int i = 0; i < 75; ++i) send_layers(3);
  EXPECT_TRUE(publisher.keyframe_requests.empty());
  for (int i = 0; i < 200 && publisher.keyframe_requests.empty(); ++i) send_layers(2);
  ASSERT_FALSE(publisher.keyframe_requests.empty());
  EXPECT_THAT(publisher.keyframe_requests, testing::Each(301U)) << "h stands in for f";
}

/// The layers of Firefox's simulcast by SSRC, as the recording's notes have them: q, h, f and their RTX.
const std::map<std::uint32_t, std::uint8_t> kFirefoxLayers = {
    {4074854347, 0}, {3746336566, 1}, {738773115, 2}, {1631960773, 0}, {607383613, 1}, {3137953669, 2}};

TEST_F(EndpointTest, FirefoxsSimulcastComesOutInItsLayers) {
  RTPX_NEEDS_CAPTURE(folder, "field/ff_simulcast");
  for (const bool told : {true, false}) {
    sink = std::make_shared<Collector>();
    start();
    WebRtcPublisher publisher(test::read_file(folder / "offer.sdp"));
    const auto session = accept(publisher.offer());
    ASSERT_TRUE(session) << session.error().message;
    ASSERT_TRUE(publisher.connect(session->answer_sdp));
    publisher.history = 0;
    publisher.answer_nacks = false;
    const auto reader = RecordReader::open({folder / "%7B85d94419-484e-408b-a441-83ad74d2e192%7D.rtpx"});
    ASSERT_TRUE(reader);
    std::size_t sent = 0;
    for (auto record = (*reader)->next(); record && *record; record = (*reader)->next()) {
      std::vector<std::byte> packet((*record)->packet.begin(), (*record)->packet.end());
      if (!told) packet[0] &= std::byte{0xEF};  // the extension is payload then: nothing tells the layer
      publisher.send(packet);
      if (++sent % 100 == 0) publisher.poll(1ms);
    }
    ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == sent; }))
        << sink->rtp().size() << " of " << sent;
    std::map<std::uint32_t, std::set<std::uint8_t>> layers;
    for (const Received& one : sink->rtp())
      layers[load_be<std::uint32_t>(one.bytes.data() + 8)].insert(one.rid_index);
    EXPECT_GE(layers.size(), 3U);
    for (const auto& [ssrc, rids] : layers) {
      ASSERT_TRUE(kFirefoxLayers.contains(ssrc)) << ssrc;
      EXPECT_THAT(rids, testing::ElementsAre(kFirefoxLayers.at(ssrc))) << ssrc;
    }
  }
}

TEST_F(EndpointTest, SessionsSpreadOverMediaThreads) {
  start({.media_threads = 3});
  constexpr std::size_t kSessions = 6, kPackets = 50;
  std::vector<std::unique_ptr<WebRtcPublisher>> publishers;
  std::map<std::uint16_t, std::vector<std::string>> by_port;
  for (std::size_t i = 0; i < kSessions; ++i) {
    publishers.push_back(std::make_unique<WebRtcPublisher>(browser_offer()));
    const auto session = accept(publishers.back()->offer());
    ASSERT_TRUE(session && publishers.back()->connect(session->answer_sdp));
    by_port[publishers.back()->server().port()].push_back(session->id);
    EXPECT_EQ(endpoint->stats(session->id).value().udp_port, publishers.back()->server().port());
  }
  ASSERT_EQ(by_port.size(), 3U);
  for (const auto& [port, ids] : by_port) EXPECT_EQ(ids.size(), 2U) << port;
  for (std::uint16_t n = 0; n < kPackets; ++n)
    for (auto& publisher : publishers) publisher->send(make_rtp(96, n, n * 3000U, 2001, 500));
  ASSERT_TRUE(wait_for([&] { return sink->rtp().size() == kSessions * kPackets; }));
  EXPECT_EQ(endpoint->stats().media_packets, kSessions * kPackets);
  EXPECT_EQ(endpoint->stats().connected_sessions, kSessions);
  EXPECT_EQ(endpoint->session_stats().size(), kSessions);

  // The one that has the fewest sessions gets the next.
  const auto& [port, leaving] = *std::next(by_port.begin());
  for (const std::string& id : leaving) ASSERT_TRUE(endpoint->close(id));
  ASSERT_TRUE(wait_for([&] { return end_of(leaving[0]) && end_of(leaving[1]); }));
  EXPECT_EQ(endpoint->stats().sessions, kSessions - 2);
  EXPECT_FALSE(endpoint->close(leaving[0])) << "it is gone";
  WebRtcPublisher next(browser_offer());
  const auto session = accept(next.offer());
  ASSERT_TRUE(session && next.connect(session->answer_sdp));
  EXPECT_EQ(next.server().port(), port);
}

TEST_F(EndpointTest, PlacesAreCountedOverAllMediaThreads) {
  start({.media_threads = 2, .max_sessions = 3, .connect_grace = 0ms});
  std::vector<std::string> ids;
  WebRtcPublisher first(browser_offer());
  const auto connected_one = accept(first.offer());
  ASSERT_TRUE(connected_one && first.connect(connected_one->answer_sdp));
  for (int i = 0; i < 3; ++i) {
    const auto session = accept(WebRtcPublisher(browser_offer()).offer());
    ASSERT_TRUE(session) << session.error().message;
    ids.push_back(session->id);
  }
  ASSERT_TRUE(wait_for([&] { return end_of(ids[0]).has_value(); })) << "it has waited longest";
  EXPECT_EQ(end_of(ids[0]), SessionEnd::never_connected);
  EXPECT_EQ(endpoint->stats().sessions, 3U);
  EXPECT_TRUE(endpoint->stats(connected_one->id));
}

/// Whoever asks for statistics all the time takes nothing from the media.
TEST_F(EndpointTest, StatisticsAreReadWhileMediaComes) {
  start({.media_threads = 2});
  std::vector<std::unique_ptr<WebRtcPublisher>> publishers;
  for (int i = 0; i < 4; ++i) {
    publishers.push_back(std::make_unique<WebRtcPublisher>(browser_offer()));
    const auto session = accept(publishers.back()->offer());
    ASSERT_TRUE(session && publishers.back()->connect(session->answer_sdp));
  }
  std::atomic<bool> stop = false;
  std::atomic<int> read = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        read += static_cast<int>(endpoint->session_stats().size());
        (void)endpoint->stats();
      }
    });
  constexpr std::size_t kPackets = 400;
  for (std::uint16_t n = 0; n < kPackets; ++n)
    for (auto& publisher : publishers) {
      publisher->send(make_rtp(96, n, n * 3000U, 2001, 500));
      if (n % 50 == 0) publisher->poll(1ms);
    }
  EXPECT_TRUE(wait_for([&] { return sink->rtp().size() == kPackets * publishers.size(); }));
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(read, 0);
  EXPECT_EQ(endpoint->stats().dropped[Drop::kernel], 0U);
}

TEST_F(EndpointTest, ABundleOfARealBrowserIsTakenPacketForPacket) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_simulcast3");
  start();
  WebRtcPublisher publisher(test::read_file(folder / "offer.sdp"));
  const auto session = accept(publisher.offer());
  ASSERT_TRUE(session) << session.error().message;
  ASSERT_TRUE(publisher.connect(session->answer_sdp));
  EXPECT_EQ(session->tracks.at(1).rids, (std::vector<std::string>{"q", "h", "f"}));
  publisher.history = 0;
  publisher.answer_nacks = false;
  const auto reader = RecordReader::open({folder / "video_1.rtpx"});
  ASSERT_TRUE(reader);
  std::vector<std::pair<std::uint8_t, std::vector<std::byte>>> sent;
  for (auto record = (*reader)->next(); record && *record; record = (*reader)->next()) {
    sent.emplace_back((*record)->header.rid_index,
                      std::vector<std::byte>((*record)->packet.begin(), (*record)->packet.end()));
    publisher.send(sent.back().second);
    if (sent.size() % 100 == 0) publisher.poll(1ms);
  }
  ASSERT_GT(sent.size(), 1000U);
  ASSERT_TRUE(publisher.poll_until([&] { return sink->rtp().size() == sent.size(); }))
      << sink->rtp().size() << " of " << sent.size();
  const auto received = sink->rtp();
  std::map<std::uint32_t, std::vector<std::vector<std::byte>>> by_ssrc_sent, by_ssrc_received;
  for (const auto& [rid, bytes] : sent)
    by_ssrc_sent[load_be<std::uint32_t>(bytes.data() + 8)].push_back(bytes);
  for (const Received& one : received)
    by_ssrc_received[load_be<std::uint32_t>(one.bytes.data() + 8)].push_back(one.bytes);
  EXPECT_EQ(by_ssrc_sent, by_ssrc_received);
  std::map<std::uint32_t, std::uint8_t> rid_sent, rid_received;
  for (const auto& [rid, bytes] : sent) rid_sent[load_be<std::uint32_t>(bytes.data() + 8)] = rid;
  for (const Received& one : received)
    rid_received[load_be<std::uint32_t>(one.bytes.data() + 8)] = one.rid_index;
  EXPECT_EQ(rid_sent, rid_received);
}

}  // namespace
}  // namespace rtpx
