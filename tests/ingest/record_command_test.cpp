// `rtpx record` as a person runs it: the program itself, ended by a signal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "ingest/net/udp_socket.hpp"
#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"
#include "support/run_command.hpp"
#include "support/webrtc_publisher.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

TEST(RecordCommand, WritesWhatArrivesUntilASignalEndsIt) {
  const test::TempDir folder;
  auto probe = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  const std::uint16_t port = probe->local().port();
  probe = fail(Errc::io, "");
  const std::string sdp = (folder / "in.sdp").string(), out = (folder / "call").string();
  test::write_file(sdp, "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio " +
                            std::to_string(port) + " RTP/AVP 111\na=rtpmap:111 opus/48000/2\na=rtcp-mux\n");
  test::Child command({test::rtpx_command(), "record", "--sdp", sdp, "-o", out});
  EXPECT_THAT(command.read_line(),
              testing::HasSubstr("audio/opus on 127.0.0.1, RTP port " + std::to_string(port)));

  auto sender = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  std::vector<std::vector<std::byte>> sent;
  for (std::uint16_t i = 0; i < 50; ++i) {
    sent.push_back(test::make_rtp(111, i, i * 960U, 7, 40));
    sender->send(sent.back(), *SocketAddress::parse("127.0.0.1", port));
  }
  std::this_thread::sleep_for(200ms);
  command.signal(SIGTERM);
  EXPECT_EQ(command.wait(), 0);
  EXPECT_THAT(command.read_rest(), testing::HasSubstr("50 packets"));

  const auto manifest = read_manifest(out);
  ASSERT_TRUE(manifest) << manifest.error().message;
  ASSERT_EQ(manifest->size(), 1U);
  EXPECT_EQ(manifest->begin()->second.end_reason, "stopped");
  const auto file = resolve_location(manifest->begin()->second.location, out);
  ASSERT_TRUE(file);
  const auto reader = RecordReader::open({*file});
  ASSERT_TRUE(reader);
  for (const auto& packet : sent) {
    const auto record = (*reader)->next();
    ASSERT_TRUE(record && *record);
    EXPECT_EQ(std::vector<std::byte>((*record)->packet.begin(), (*record)->packet.end()), packet);
  }
}

TEST(RecordCommand, ADescriptionThatCannotBeReadIsExitStatusThree) {
  const test::TempDir folder;
  EXPECT_EQ(test::rtpx({"record", "--sdp", folder / "none.sdp", "-o", folder / "x"}).status, 3);
  test::write_file(folder / "bad.sdp", "not a description");
  EXPECT_EQ(test::rtpx({"record", "--sdp", folder / "bad.sdp", "-o", folder / "x"}).status, 3);
  EXPECT_EQ(test::rtpx({"record", "-o", folder / "x"}).status, 2);
}

}  // namespace
}  // namespace rtpx
