// `rtpx record` as a person runs it: the program itself, ended by a signal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "ingest/net/udp_socket.hpp"
#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"
#include "support/webrtc_publisher.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

class Command {
 public:
  explicit Command(const std::vector<std::string>& arguments, const std::string& output) : pid_(::fork()) {
    if (pid_ != 0) return;
    std::vector<std::string> words = {std::string(RTPX_BINARY_DIR) + "/rtpx"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (std::freopen(output.c_str(), "w", stdout) == nullptr) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  void signal(int number) const { ::kill(pid_, number); }
  int wait() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

TEST(RecordCommand, WritesWhatArrivesUntilASignalEndsIt) {
  const test::TempDir folder;
  auto probe = UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
  const std::uint16_t port = probe->local().port();
  probe = fail(Errc::io, "");
  const std::string sdp = (folder / "in.sdp").string(), out = (folder / "call").string(),
                    log = (folder / "log").string();
  test::write_file(sdp, "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio " +
                            std::to_string(port) + " RTP/AVP 111\na=rtpmap:111 opus/48000/2\na=rtcp-mux\n");
  const Command command({"record", "--sdp", sdp, "-o", out}, log);
  for (int i = 0; i < 400 && test::read_file(log).empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_THAT(test::read_file(log),
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
  EXPECT_THAT(test::read_file(log), testing::HasSubstr("50 packets"));

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
  const std::string log = (folder / "log").string();
  EXPECT_EQ(
      Command({"record", "--sdp", (folder / "none.sdp").string(), "-o", (folder / "x").string()}, log).wait(),
      3);
  test::write_file(folder / "bad.sdp", "not a description");
  EXPECT_EQ(
      Command({"record", "--sdp", (folder / "bad.sdp").string(), "-o", (folder / "x").string()}, log).wait(),
      3);
  EXPECT_EQ(Command({"record", "-o", (folder / "x").string()}, log).wait(), 2);
}

}  // namespace
}  // namespace rtpx
