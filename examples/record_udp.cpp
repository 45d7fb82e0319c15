// Records the plain RTP that arrives on a UDP port (RTP and RTCP may share it, RFC 5761) until Ctrl-C.
//
//   record_udp 5004 ./recordings &
//   ffmpeg -re -f lavfi -i testsrc2 -c:v libvpx -f rtp rtp://127.0.0.1:5004
//
// Only rtpx::recorder is linked. For conversion see `rtpx convert`.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <variant>

#include "rtpx/recorder.hpp"

namespace {

volatile std::sig_atomic_t stopped = 0;

int open_port(int port) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int buffer_bytes = 4 << 20;  // for bursts; the kernel may grant less
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  if (socket < 0 || ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return -1;
  return socket;
}

// RFC 5761 section 4: the second byte of RTCP is 192 to 223, which no RTP payload type in use can be.
bool is_rtcp(std::span<const std::byte> packet) {
  const auto type = packet.size() > 1 ? std::to_integer<unsigned>(packet[1]) : 0U;
  return type >= 192 && type <= 223;
}

void report(const rtpx::Event& event) {
  if (const auto* refused = std::get_if<rtpx::event::PacketsRefused>(&event))
    std::fprintf(stderr, "%llu packets refused: %s\n", static_cast<unsigned long long>(refused->packets),
                 refused->reason.c_str());
  if (const auto* failed = std::get_if<rtpx::event::Failed>(&event))
    std::fprintf(stderr, "%s\n", failed->error.message.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: record_udp PORT FOLDER\n"), 2;
  const int socket = open_port(std::atoi(argv[1]));
  if (socket < 0) return std::perror("record_udp: cannot use the port"), 1;

  rtpx::Recorder::Options options;
  options.base_dir = argv[2];
  options.event_sink = report;
  auto recorder = rtpx::Recorder::start(std::move(options));
  if (!recorder) return std::fprintf(stderr, "%s\n", recorder.error().message.c_str()), 1;

  rtpx::MediaStreamTrack camera;
  camera.id = "camera";
  camera.streams = {"udp"};
  camera.codecs = {{96, "video/VP8", 90000, std::nullopt, std::nullopt, {}}};
  const auto added = (*recorder)->add_tracks({&camera, 1});
  if (!added) return std::fprintf(stderr, "%s\n", added.error().message.c_str()), 1;
  auto track = (*recorder)->track("camera").value();

  struct sigaction stop {};
  stop.sa_handler = [](int) { stopped = 1; };  // without SA_RESTART: recv() returns
  ::sigaction(SIGINT, &stop, nullptr);
  ::sigaction(SIGTERM, &stop, nullptr);
  std::printf("recording into %s\n", (*recorder)->folder().c_str());
  std::fflush(stdout);
  std::array<std::byte, 65536> buffer;
  while (stopped == 0) {
    const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size <= 0) continue;
    const std::span packet(buffer.data(), static_cast<std::size_t>(size));
    if (is_rtcp(packet))
      (void)track.record_rtcp(packet);
    else
      (void)track.record(0, packet);
  }
  ::close(socket);

  const std::string id = "camera";
  const auto ended = (*recorder)->end_tracks({&id, 1});
  if (!ended) return std::fprintf(stderr, "%s\n", ended.error().message.c_str()), 1;
  std::printf("%llu packets\n",
              static_cast<unsigned long long>(ended->manifest.at("camera").packets.value_or(0)));
}
