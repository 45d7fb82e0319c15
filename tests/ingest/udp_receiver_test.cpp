// Plain RTP in, from real sockets on the loopback interface, and from FFmpeg and GStreamer where they are
// installed.
#include "ingest/udp/receiver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <list>
#include <mutex>
#include <set>
#include <thread>

#include "ingest/net/udp_socket.hpp"
#include "ingest/udp/sdes.hpp"
#include "rtp/packet.hpp"
#include "support/captures.hpp"
#include "support/child.hpp"
#include "support/webrtc_publisher.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::make_rtp;

constexpr const char* kHead = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
constexpr const char* kVp8 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n";
constexpr const char* kOpus = "m=audio 0 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n";
constexpr const char* kKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5";  // 30 bytes

constexpr const char* kSecureVideo =
    "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
    "inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\n";

struct Packet {
  std::size_t track;
  std::vector<std::byte> bytes;
};

class Collector final : public PacketSink {
 public:
  void on_rtp(std::size_t track, std::uint8_t, Bytes packet, ReceiveClock::time_point) noexcept override {
    const std::lock_guard lock(mutex);
    rtp.push_back({track, {packet.begin(), packet.end()}});
  }
  void on_rtcp(std::size_t track, Bytes packet, ReceiveClock::time_point) noexcept override {
    const std::lock_guard lock(mutex);
    rtcp.push_back({track, {packet.begin(), packet.end()}});
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return rtp.size();
  }
  std::mutex mutex;
  std::vector<Packet> rtp, rtcp;
};

class UdpReceiverTest : public testing::Test {
 protected:
  void open(const std::string& sdp, UdpReceiver::Options options = {}) {
    auto made = UdpReceiver::open(sdp, options);
    ASSERT_TRUE(made) << made.error().message;
    receiver = *std::move(made);
    runner = std::jthread([this](std::stop_token stop) { end = receiver->run(sink, stop); });
  }
  void send(Bytes bytes, std::uint16_t port) { sender.send(bytes, *SocketAddress::parse("127.0.0.1", port)); }
  std::uint16_t rtp_port(std::size_t track) { return receiver->ports()[track].rtp; }
  bool wait_for(const std::function<bool()>& done) {
    for (int i = 0; i < 1000 && !done(); ++i) std::this_thread::sleep_for(5ms);
    return done();
  }
  UdpEnd stop() {
    runner.request_stop();
    runner.join();
    return end;
  }

  Collector sink;
  UdpEnd end = UdpEnd::never;
  UdpSocket sender = *UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 1U << 20);
  std::unique_ptr<UdpReceiver> receiver;
  std::jthread runner;  // last: joins first
};

TEST(UdpSocket, CountsWhatDidNotFitTheKernelsBuffer) {
  auto to = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  auto from = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 65536);
  ASSERT_TRUE(to && from);
  const std::vector<std::byte> datagram(1000);
  for (int i = 0; i < 100; ++i) from->send(datagram, to->local());
  EXPECT_GT(to->dropped_by_kernel(), 0U);
  EXPECT_EQ(to->receive().size() + to->dropped_by_kernel(), 100U);
}

TEST_F(UdpReceiverTest, PacketsOfTwoPortsGoToTheirTracksUnchanged) {
  open(std::string(kHead) + kVp8 + kOpus);
  ASSERT_EQ(receiver->tracks().size(), 2U);
  EXPECT_EQ(receiver->tracks()[0].codecs[0].mime_type, "video/VP8");
  EXPECT_EQ(receiver->tracks()[0].streams, receiver->tracks()[1].streams)
      << "what comes together plays together";
  std::vector<std::vector<std::byte>> sent;
  for (std::uint16_t i = 0; i < 100; ++i) {
    sent.push_back(make_rtp(i % 2 == 0 ? 96 : 111, i, i, 5 + i % 2U, 50 + i));
    send(sent.back(), rtp_port(i % 2));
  }
  ASSERT_TRUE(wait_for([&] { return sink.count() == 100; }));
  EXPECT_EQ(stop(), UdpEnd::stopped);
  std::vector<std::vector<std::byte>> video;
  for (const Packet& one : sink.rtp)
    if (one.track == 0) video.push_back(one.bytes);
  ASSERT_EQ(video.size(), 50U);
  for (std::size_t i = 0; i < video.size(); ++i) EXPECT_EQ(video[i], sent[2 * i]);
}

TEST_F(UdpReceiverTest, LinesThatShareAPortAreToldApartByPayloadType) {
  auto probe = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  const std::string port = std::to_string(probe->local().port());
  probe = fail(Errc::io, "");
  open(std::string(kHead) + "m=video " + port + " RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n" +  //
       "m=audio " + port + " RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n");
  EXPECT_EQ(rtp_port(0), rtp_port(1));
  send(make_rtp(111, 1, 1, 7, 10), rtp_port(0));
  send(make_rtp(96, 1, 1, 8, 10), rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 2; }));
  stop();
  EXPECT_EQ(sink.rtp[0].track, 1U);
  EXPECT_EQ(sink.rtp[1].track, 0U);
}

TEST_F(UdpReceiverTest, RtcpComesOnTheNextPortWithoutMux) {
  open(std::string(kHead) + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
  const auto port = receiver->ports()[0];
  EXPECT_EQ(port.rtcp, port.rtp + 1);
  rtcp::Buffer report(28);
  report[0] = std::byte{0x80};
  report[1] = std::byte{200};
  report[3] = std::byte{6};
  send(make_rtp(96, 1, 1, 5, 10), port.rtp);
  send(report, port.rtcp);
  ASSERT_TRUE(wait_for([&] { return receiver->stats().rtcp_packets == 1; }));
  stop();
  ASSERT_EQ(sink.rtcp.size(), 1U);
  EXPECT_EQ(sink.rtcp[0].bytes, report);
}

TEST_F(UdpReceiverTest, ByeOfAllStreamsEndsTheReception) {
  open(std::string(kHead) + kVp8);
  send(make_rtp(96, 1, 1, 5, 10), rtp_port(0));
  rtcp::Buffer bye;
  rtcp::write_receiver_report(bye, 5, {});
  rtcp::write_bye(bye, 5);
  ASSERT_TRUE(wait_for([&] { return sink.count() == 1; }));
  send(bye, rtp_port(0));
  runner.join();
  EXPECT_EQ(end, UdpEnd::bye);
}

TEST_F(UdpReceiverTest, IdlenessEndsTheReceptionButOnlyAfterTheFirstPacket) {
  open(std::string(kHead) + kVp8, {.idle_timeout = 150ms});
  std::this_thread::sleep_for(400ms);
  send(make_rtp(96, 1, 1, 5, 10), rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 1; }));
  runner.join();
  EXPECT_EQ(end, UdpEnd::idle);
}

TEST_F(UdpReceiverTest, ASenderThatNeverComesEndsTheReceptionWhereAsked) {
  open(std::string(kHead) + kVp8, {.start_timeout = 150ms});
  runner.join();
  EXPECT_EQ(end, UdpEnd::never);
}

std::vector<std::byte> encrypted(std::vector<std::byte> packet, const std::string& key_params) {
  const auto keys = sdes_keys(sdp::Crypto{1, "AES_CM_128_HMAC_SHA1_80", key_params, ""});
  auto srtp = Srtp::create(keys.value(), Srtp::Direction::send);
  const std::size_t size = packet.size();
  packet.resize(size + Srtp::kOverhead);
  const auto cipher = srtp.value().protect_rtp(packet, size);
  return {cipher.value().begin(), cipher.value().end()};
}

TEST_F(UdpReceiverTest, SrtpWithTheKeyOfTheDescriptionIsDecryptedAndOtherIsCounted) {
  open(std::string(kHead) + "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n" +
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + kKey + "|2^31\r\n");
  const auto plain = make_rtp(96, 1, 1, 5, 100);
  send(plain, rtp_port(0));
  send(encrypted(plain, std::string("inline:") + kKey), rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 1; }));
  stop();
  EXPECT_EQ(sink.rtp[0].bytes, plain);
  EXPECT_EQ(receiver->stats().dropped[Drop::undecryptable], 1U);
}

TEST_F(UdpReceiverTest, NothingIsLearnedFromForgedSrtp) {
  open(std::string(kHead) + kSecureVideo, {.srtp_feedback = true});
  for (std::uint32_t i = 0; i < 600; ++i) {
    send(make_rtp(96, 1, 1, 1000 + i, 100), rtp_port(0));
    if (i % 50 == 0) std::this_thread::sleep_for(1ms);
  }
  auto stranger = *UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 1U << 20);
  for (std::uint16_t i = 0; i < 20; ++i) {
    send(encrypted(make_rtp(96, i, i, 5, 100), std::string("inline:") + kKey), rtp_port(0));
    stranger.send(make_rtp(96, 1, 1, 5, 100), *SocketAddress::parse("127.0.0.1", rtp_port(0)));
  }
  ASSERT_TRUE(wait_for([&] { return sink.count() == 20; })) << sink.count();
  ASSERT_TRUE(wait_for([&] {
    const DropCounts dropped = receiver->stats().dropped;  // a number that came before is a replay
    return dropped[Drop::undecryptable] + dropped[Drop::replayed] == 620;
  }));
  bool heard = false;
  EXPECT_TRUE(wait_for([&] { return heard |= !sender.receive().empty(); })) << "reports go to the sender";
  EXPECT_TRUE(stranger.receive().empty()) << "and not to who wrote last";
  stop();
  EXPECT_EQ(receiver->stats().tracks.at(0).streams.size(), 1U);
}

TEST_F(UdpReceiverTest, LinesThatShareAPortHaveTheirOwnKeysWhateverAForgedPacketSaid) {
  auto probe = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  const std::string port = std::to_string(probe->local().port());
  probe = fail(Errc::io, "");
  const std::string second = "inline:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEw";
  open(std::string(kHead) + "m=video " + port + " RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n" +
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + kKey + "\r\nm=audio " + port +
       " RTP/SAVP 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " +
       second + "\r\n");
  send(make_rtp(96, 1, 1, 7, 100), rtp_port(0));  // forged: says that SSRC 7 is video
  send(encrypted(make_rtp(111, 1, 1, 7, 100), second), rtp_port(0));
  send(encrypted(make_rtp(96, 1, 1, 8, 100), std::string("inline:") + kKey), rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 2; }));
  stop();
  EXPECT_EQ(sink.rtp[0].track, 1U);
  EXPECT_EQ(sink.rtp[1].track, 0U);
}

TEST_F(UdpReceiverTest, WhatIsDroppedIsCountedUnderItsReasonAndAllAddsUp) {
  open(std::string(kHead) + kSecureVideo, {.max_bits_per_second = 160'000});
  const auto genuine = encrypted(make_rtp(96, 1, 1, 5, 100), std::string("inline:") + kKey);
  std::uint64_t sent = 0;
  const auto put = [&](Bytes bytes) {
    send(bytes, rtp_port(0));
    ++sent;
  };
  put(genuine);
  ASSERT_TRUE(wait_for([&] { return sink.count() == 1; }));
  put(genuine);                                                               // replayed
  put(make_rtp(96, 2, 2, 5, 100));                                            // forged
  put({});                                                                    // nothing
  put(std::vector<std::byte>(20, std::byte{1}));                              // not RTP
  put(std::vector<std::byte>(6, std::byte{0x80}));                            // too short
  put(make_rtp(0, 0, 0, 0, 0));                                               // opens the way
  put(encrypted(make_rtp(50, 3, 3, 9, 100), std::string("inline:") + kKey));  // of no m-line
  for (std::uint16_t i = 10; i < 60; ++i)
    put(encrypted(make_rtp(96, i, i, 5, 1000),
                  std::string("inline:") + kKey));  // 30 kB a second are let through
  ASSERT_TRUE(wait_for([&] {
    const auto stats = receiver->stats();
    return stats.packets + stats.rtcp_packets + stats.dropped.total() == sent;
  }));
  stop();
  const DropCounts dropped = receiver->stats().dropped;
  EXPECT_EQ(dropped[Drop::replayed], 1U);
  EXPECT_EQ(dropped[Drop::undecryptable], 1U);
  EXPECT_EQ(dropped[Drop::unknown_protocol], 2U);
  EXPECT_EQ(dropped[Drop::malformed], 1U);
  EXPECT_EQ(dropped[Drop::empty_packet], 1U);
  EXPECT_EQ(dropped[Drop::unknown_stream], 1U);
  EXPECT_GT(dropped[Drop::over_bit_rate], 10U);
  EXPECT_EQ(receiver->stats().packets, sink.count());
}

TEST_F(UdpReceiverTest, ReceptionEndsAtItsBytesOrItsDurationAndLetsGoOfThePort) {
  open(std::string(kHead) + kVp8, {.max_bytes = 3000});
  const std::uint16_t port = rtp_port(0);
  for (std::uint16_t i = 0; i < 5; ++i) send(make_rtp(96, i, i, 5, 1000), port);
  runner.join();
  EXPECT_EQ(end, UdpEnd::max_bytes);
  EXPECT_TRUE(UdpSocket::bind(*SocketAddress::parse("127.0.0.1", port), 4096)) << "the port is free at once";

  open(std::string(kHead) + kVp8, {.max_duration = 1s});
  send(make_rtp(96, 1, 1, 5, 10), rtp_port(0));
  runner.join();
  EXPECT_EQ(end, UdpEnd::max_duration);
}

TEST_F(UdpReceiverTest, SeveralSrtpKeysAreToldApartByTheirMasterKeyIdentifier) {
  const std::string first = std::string("inline:") + kKey + "|2^20|1:4",
                    second = "inline:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEw|2^20|2:4";
  open(std::string(kHead) + "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n" +
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + first + ";" + second + "\r\n");
  send(encrypted(make_rtp(96, 1, 1, 5, 100), first), rtp_port(0));
  send(encrypted(make_rtp(96, 2, 2, 5, 100), second), rtp_port(0));
  send(encrypted(make_rtp(96, 3, 3, 5, 100), std::string("inline:") + kKey + "|3:4"), rtp_port(0));
  ASSERT_TRUE(
      wait_for([&] { return sink.count() == 2 && receiver->stats().dropped[Drop::undecryptable] == 1; }));
  stop();
  EXPECT_EQ(sink.rtp[1].bytes, make_rtp(96, 2, 2, 5, 100));
}

/// What has come back to the sender, packet by packet.
std::vector<rtcp::Block> answers(UdpSocket& sender, std::list<std::vector<std::byte>>& kept) {
  std::vector<rtcp::Block> out;
  for (const Datagram& one : sender.receive()) {
    kept.emplace_back(one.bytes.begin(), one.bytes.end());
    std::ranges::copy(rtcp::split(kept.back()), std::back_inserter(out));
  }
  return out;
}

// A mediasoup PlainTransport with rtcpMux; its consumer's RTP parameters written as a description.
TEST_F(UdpReceiverTest, ASenderThatTakesFeedbackIsSentReportsKeyframeRequestsAndNacks) {
  open(std::string(kHead) +
       "m=video 0 RTP/AVPF 101 102\r\na=rtcp-mux\r\na=rtpmap:101 VP8/90000\r\na=rtcp-fb:101 nack\r\n"
       "a=rtcp-fb:101 nack pli\r\na=rtcp-fb:101 ccm fir\r\na=rtpmap:102 rtx/90000\r\na=fmtp:102 apt=101\r\n"
       "a=ssrc-group:FID 7001 7002\r\na=ssrc:7001 cname:x\r\na=ssrc:7002 cname:x\r\n");
  for (std::uint16_t i = 0; i < 10; ++i)
    if (i != 5) send(make_rtp(101, i, i, 7001, 100), rtp_port(0));
  std::optional<rtcp::NackRequest> nack;
  std::optional<std::uint32_t> pli;
  bool report = false;
  std::list<std::vector<std::byte>> kept;
  EXPECT_TRUE(wait_for([&] {
    for (const rtcp::Block& block : answers(sender, kept)) {
      if (const auto one = rtcp::read_nack(block)) nack = one;
      if (const auto one = rtcp::read_pli(block)) pli = one;
      report |= block.type == 201 && block.count == 1;
    }
    return nack && pli && report;
  })) << nack.has_value()
      << pli.has_value() << report;
  EXPECT_EQ(pli, 7001U);
  EXPECT_EQ(nack->media, 7001U);
  EXPECT_THAT(nack->sequences, testing::Contains(5));
  auto repair = make_rtp(102, 1, 5, 7002, 100);
  store_be<std::uint16_t>(repair.data() + 12, 5);
  send(repair, rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 10; }));
  stop();
}

/// Two free neighbouring ports.
std::uint16_t free_pair() {
  while (true) {
    const auto first = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
    const std::uint16_t port = first->local().port();
    if (port % 2 == 0 && port < 65000 && UdpSocket::bind(*SocketAddress::parse("127.0.0.1", port + 1), 4096))
      return port;
  }
}

constexpr const char* kSrtpVideo =
    "m=video 0 RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\na=rtcp-fb:96 nack pli\r\n"
    "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\n";

TEST_F(UdpReceiverTest, ASenderOfSrtpIsSentReportsUnderTheKeyThatItIsTold) {
  open(std::string(kHead) + kSrtpVideo, {.srtp_feedback = true});
  const std::string line = receiver->ports()[0].crypto;
  ASSERT_TRUE(line.starts_with("7 AES_CM_128_HMAC_SHA1_80 inline:")) << line;
  EXPECT_THAT(line, testing::Not(testing::HasSubstr(kKey))) << "each direction has its own";
  const auto keys =
      sdes_keys(sdp::Crypto{7, "AES_CM_128_HMAC_SHA1_80", line.substr(line.find("inline")), ""});
  ASSERT_TRUE(keys) << keys.error().message;
  auto srtp = std::move(Srtp::create(*keys, Srtp::Direction::receive).value());
  for (std::uint16_t i = 0; i < 3; ++i)
    send(encrypted(make_rtp(96, i, i, 5, 100), std::string("inline:") + kKey), rtp_port(0));
  bool report = false, keyframe = false;
  EXPECT_TRUE(wait_for([&] {
    for (const Datagram& one : sender.receive()) {
      Srtp::Failure why{};
      const auto plain = srtp.unprotect_rtcp(one.bytes, why);
      EXPECT_TRUE(plain) << "all that comes back is protected";
      for (const rtcp::Block& block : plain ? rtcp::split(*plain) : std::vector<rtcp::Block>()) {
        report |= block.type == 201 && block.count == 1;
        keyframe |= rtcp::read_pli(block) == 5U;
      }
    }
    return report && keyframe;
  }));
  stop();
}

TEST_F(UdpReceiverTest, NothingGoesBackToASenderOfSrtpThatKnowsNoKeyOfOurs) {
  open(std::string(kHead) + kSrtpVideo);
  EXPECT_EQ(receiver->ports()[0].crypto, "");
  send(encrypted(make_rtp(96, 1, 1, 5, 100), std::string("inline:") + kKey), rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 1; }));
  std::this_thread::sleep_for(100ms);
  stop();
  EXPECT_TRUE(sender.receive().empty());
}

TEST_F(UdpReceiverTest, GstreamerDecryptsTheReportsThatItsSrtpIsAnsweredWith) {
  if (std::system("gst-inspect-1.0 --exists srtpdec >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "GStreamer has no srtpdec here";
  open(std::string(kHead) + kSrtpVideo, {.srtp_feedback = true});
  const std::string line = receiver->ports()[0].crypto;
  const auto keys =
      sdes_keys(sdp::Crypto{7, "AES_CM_128_HMAC_SHA1_80", line.substr(line.find("inline")), ""});
  std::string hex;
  for (const std::byte one : keys.value().front().key_and_salt) {
    static constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[u8(one) >> 4];
    hex += kDigits[u8(one) & 15];
  }
  std::uint16_t number = 0;
  std::vector<std::byte> last;
  const auto next_report = [&] {
    ++number;
    send(encrypted(make_rtp(96, number, number, 5, 100), std::string("inline:") + kKey), rtp_port(0));
    for (const Datagram& one : sender.receive()) last.assign(one.bytes.begin(), one.bytes.end());
    return !last.empty();
  };
  ASSERT_TRUE(wait_for(next_report));
  const test::TempDir folder;
  const auto to = *SocketAddress::parse("127.0.0.1", free_pair());
  const std::string out = (folder / "reports").string();
  const std::string command =
      "timeout 20 gst-launch-1.0 -q udpsrc port=" + std::to_string(to.port()) +
      " num-buffers=1 caps='application/x-srtcp,ssrc=(uint)" +
      std::to_string(load_be<std::uint32_t>(last.data() + 4)) + ",srtp-key=(buffer)" + hex +
      ",srtp-cipher=aes-128-icm,srtp-auth=hmac-sha1-80,srtcp-cipher=aes-128-icm,"
      "srtcp-auth=hmac-sha1-80' ! d.rtcp_sink srtpdec name=d d.rtcp_src ! filesink location=" +
      out + " >/dev/null 2>&1";
  std::jthread gstreamer([&] { (void)!std::system(command.c_str()); });
  auto forward = *UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  EXPECT_TRUE(wait_for([&] {
    (void)next_report();
    forward.send(last, to);
    std::error_code none;
    return std::filesystem::exists(out, none) && std::filesystem::file_size(out, none) > 0;
  }));
  stop();
  const std::string bytes = test::read_file(out);
  const auto blocks = rtcp::split(as_bytes(bytes));
  ASSERT_FALSE(blocks.empty());
  EXPECT_EQ(blocks.front().type, 201) << "a receiver report";
}

// Janus (rtp_forward): sends no RTCP, only packets that open the way for ours.
TEST_F(UdpReceiverTest, EmptyPacketsOnTheRtcpPortTellWhereKeyframeRequestsGo) {
  open(std::string(kHead) + "m=video 0 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n");
  auto control = *UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  control.send(make_rtp(0, 0, 0, 0, 0), *SocketAddress::parse("127.0.0.1", receiver->ports()[0].rtcp));
  send(make_rtp(96, 1, 1, 5, 10), rtp_port(0));
  std::list<std::vector<std::byte>> kept;
  bool asked = false;
  EXPECT_TRUE(wait_for([&] {
    for (const rtcp::Block& block : answers(control, kept)) asked |= rtcp::read_pli(block) == 5U;
    return asked;
  }));
  stop();
  EXPECT_EQ(receiver->stats().dropped[Drop::unknown_stream], 0U);
}

// FFmpeg: RTCP has a port of its own, and no feedback is announced.
TEST_F(UdpReceiverTest, ReportsGoToWhereTheSendersReportsComeFrom) {
  open(std::string(kHead) + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
  auto control = *UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  rtcp::Buffer report;
  rtcp::write_receiver_report(report, 5, {});
  send(make_rtp(96, 1, 1, 5, 10), rtp_port(0));
  control.send(report, *SocketAddress::parse("127.0.0.1", receiver->ports()[0].rtcp));
  std::list<std::vector<std::byte>> kept;
  std::vector<std::uint8_t> types;
  EXPECT_TRUE(wait_for([&] {
    for (const rtcp::Block& block : answers(control, kept)) types.push_back(block.type);
    return !types.empty();
  }));
  stop();
  EXPECT_THAT(types, testing::Each(testing::AnyOf(201, 202))) << "no request that was not announced";
  EXPECT_TRUE(answers(sender, kept).empty());
}

TEST_F(UdpReceiverTest, JunkIsCountedAndNotRecorded) {
  open(std::string(kHead) + kVp8);
  send(as_bytes("hello"), rtp_port(0));
  send(make_rtp(96, 1, 1, 5, 10), rtp_port(0));
  send(make_rtp(50, 1, 1, 6, 10), rtp_port(0));
  ASSERT_TRUE(wait_for([&] { return receiver->stats().dropped.total() == 2 && sink.count() == 1; }));
  EXPECT_EQ(receiver->stats().dropped[Drop::unknown_protocol], 1U);
  EXPECT_EQ(receiver->stats().dropped[Drop::unknown_stream], 1U);
  EXPECT_EQ(stop(), UdpEnd::stopped);
}

// Nothing else can come to its port: what the sender sends is kept, and recognised when it is converted.
TEST_F(UdpReceiverTest, AnotherPayloadTypeOnAPortOfItsOwnIsRecorded) {
  open(std::string(kHead) + kVp8 + "m=audio 0 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n");
  send(make_rtp(120, 1, 1, 5, 10), rtp_port(0));
  send(make_rtp(120, 2, 2, 5, 10), rtp_port(0));
  send(make_rtp(120, 1, 1, 7, 10), rtp_port(1));
  ASSERT_TRUE(wait_for([&] { return sink.count() == 3; })) << sink.count();
  stop();
  EXPECT_EQ(std::ranges::count(sink.rtp, 0U, [](const auto& one) { return one.track; }), 2);
  EXPECT_EQ(receiver->stats().dropped.total(), 0U);
}

TEST(UdpReceiverOpen, ErrorsSayWhatIsWrong) {
  const auto message = [](const std::string& sdp, UdpReceiver::Options options = {}) {
    const auto made = UdpReceiver::open(sdp, options);
    return made ? std::string("opened") : made.error().message;
  };
  EXPECT_THAT(message("hello"), testing::Not(testing::StrEq("opened")));
  EXPECT_THAT(message(std::string(kHead) + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"),
              testing::HasSubstr("DTLS"));
  EXPECT_THAT(message(std::string(kHead) + "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\n"),
              testing::HasSubstr("a=crypto"));
  const std::string weak = message(std::string(kHead) + "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\n" +
                                   "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=\r\n");
  EXPECT_THAT(weak, testing::HasSubstr("30 bytes"));
  EXPECT_THAT(weak, testing::Not(testing::HasSubstr("c2hv"))) << "no message holds a key";
  EXPECT_THAT(message(std::string(kHead) + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 theora/90000\r\n"),
              testing::HasSubstr("VP8"));
  EXPECT_THAT(message(std::string(kHead) + kVp8, {.listen = "nowhere"}), testing::HasSubstr("nowhere"));
  auto taken = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  const std::string port = std::to_string(taken->local().port());
  EXPECT_THAT(message(std::string(kHead) + "m=video " + port +
                      " RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n"),
              testing::HasSubstr(port));
}

TEST_F(UdpReceiverTest, FfmpegSendsVp8WithItsReports) {
  if (!test::installed("ffmpeg")) GTEST_SKIP() << "ffmpeg is not installed";
  const test::TempDir folder;
  const std::string port = std::to_string(free_pair()), sdp = (folder / "film.sdp").string();
  const std::string source =
      "ffmpeg -loglevel error -f lavfi -i testsrc=size=320x240:rate=30:duration=2 -c:v libvpx "
      "-deadline realtime -cpu-used 8 -g 30 -f rtp ";
  ASSERT_EQ(
      std::system((source + "-t 0.1 -sdp_file " + sdp + " rtp://127.0.0.1:" + port + " >/dev/null").c_str()),
      0);
  open(test::read_file(sdp), {.idle_timeout = 1500ms});
  ASSERT_EQ(std::system((source + "rtp://127.0.0.1:" + port + " >/dev/null").c_str()), 0);
  ASSERT_TRUE(wait_for([&] { return receiver->stats().rtcp_packets > 0; }));
  runner.join();
  EXPECT_NE(end, UdpEnd::stopped);
  std::set<std::uint32_t> pictures;
  for (const Packet& one : sink.rtp) pictures.insert(parse_rtp(one.bytes)->timestamp);
  EXPECT_EQ(pictures.size(), 60U);
}

TEST_F(UdpReceiverTest, FfmpegSendsSrtpWithTheKeyInItsDescription) {
  if (!test::installed("ffmpeg")) GTEST_SKIP() << "ffmpeg is not installed";
  const test::TempDir folder;
  const std::string port = std::to_string(free_pair()), sdp = (folder / "tone.sdp").string();
  const std::string source =
      std::string("ffmpeg -loglevel error -f lavfi -i sine=duration=1 -c:a libopus -ac 2 -f rtp ") +
      "-srtp_out_suite AES_CM_128_HMAC_SHA1_80 -srtp_out_params " + kKey + " -sdp_file " + sdp +
      " srtp://127.0.0.1:" + port + " >/dev/null";
  ASSERT_EQ(std::system((source).c_str()), 0);
  open(test::read_file(sdp), {.idle_timeout = 1000ms});
  ASSERT_EQ(std::system(source.c_str()), 0);
  runner.join();
  EXPECT_GE(sink.rtp.size(), 49U);
  EXPECT_EQ(receiver->stats().dropped[Drop::undecryptable], 0U);
}

TEST_F(UdpReceiverTest, GstreamerSendsH264) {
  if (!test::installed("gst-launch-1.0")) GTEST_SKIP() << "gst-launch-1.0 is not installed";
  open(std::string(kHead) +
           "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n" +
           "a=rtcp-mux\r\n",
       {.idle_timeout = 1000ms});
  const std::string command =
      "gst-launch-1.0 -q videotestsrc num-buffers=45 ! video/x-raw,width=320,height=240,framerate=30/1 ! "
      "x264enc tune=zerolatency ! rtph264pay pt=96 ! udpsink sync=false host=127.0.0.1 port=" +
      std::to_string(rtp_port(0)) + " >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "GStreamer has no x264enc here";
  runner.join();
  std::set<std::uint32_t> pictures;
  for (const Packet& one : sink.rtp) pictures.insert(parse_rtp(one.bytes)->timestamp);
  EXPECT_EQ(pictures.size(), 45U);
}

}  // namespace
}  // namespace rtpx
