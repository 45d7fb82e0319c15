// ingest_load [SESSIONS] [PACKETS_PER_SECOND] [SECONDS] [FOLDER]: WebRTC publishers against one endpoint that
// records to disk. The endpoint runs in a process of its own, whose CPU time and memory are printed; the
// publishers (ICE, DTLS, SRTP over loopback UDP) run in this one. Default: 100 sessions x 500 packets/s of
// 1,100 bytes for 10 s.
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "ingest/webrtc/endpoint.hpp"
#include "rtpx/recorder.hpp"
#include "support/webrtc_publisher.hpp"

using namespace rtpx;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// Messages between the two processes: a length, then the text.
void put(int fd, const std::string& text) {
  const std::uint32_t size = static_cast<std::uint32_t>(text.size());
  if (::write(fd, &size, sizeof size) != sizeof size ||
      ::write(fd, text.data(), size) != static_cast<ssize_t>(size))
    std::exit(1);
}
std::string get(int fd) {
  std::uint32_t size = 0;
  if (::recv(fd, &size, sizeof size, MSG_WAITALL) != sizeof size) std::exit(0);
  std::string text(size, '\0');
  if (size > 0 && ::recv(fd, text.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) std::exit(1);
  return text;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

class Counter final : public PacketSink {
 public:
  void on_rtp(std::size_t, std::uint8_t, Bytes, ReceiveClock::time_point) noexcept override { ++packets; }
  void on_rtcp(std::size_t, Bytes, ReceiveClock::time_point) noexcept override {}
  std::atomic<std::uint64_t> packets = 0;
};

/// The endpoint's process: an offer comes in, an answer goes out; "stats" asks for a line of figures.
void serve(int fd, const std::string& folder) {
  std::map<std::string, std::unique_ptr<Recorder>> recorders;
  const auto counter = std::make_shared<Counter>();
  auto endpoint = WebRtcEndpoint::start(
      {.udp_port = 0, .listen = {"127.0.0.1"}, .max_sessions = 2000, .max_unconnected = 2000});
  if (!endpoint) std::exit(1);
  while (true) {
    const std::string message = get(fd);
    if (message == "stats") {
      const EndpointStats stats = (*endpoint)->stats();
      std::uint64_t packets = counter->packets, refused = 0;
      for (const auto& [id, recorder] : recorders) {
        const Recorder::Stats recorded = recorder->stats();
        packets += recorded.packets;
        refused += recorded.queue_full + recorded.disk_full + recorded.failed;
      }
      char line[200];
      std::snprintf(line, sizeof line, "%f %ld %llu %llu %llu %llu %llu", cpu_seconds(), resident_kib(),
                    static_cast<unsigned long long>(packets), static_cast<unsigned long long>(refused),
                    static_cast<unsigned long long>(stats.dropped[Drop::kernel]),
                    static_cast<unsigned long long>(stats.dropped[Drop::undecryptable]),
                    static_cast<unsigned long long>(stats.nacks_sent));
      put(fd, line);
      continue;
    }
    SessionHandlers handlers;
    handlers.open = [&](const std::string& id,
                        std::span<const MediaStreamTrack> tracks) -> Result<std::shared_ptr<PacketSink>> {
      if (folder == "none") return counter;
      Recorder::Options options;
      options.folder = folder + "/" + id;
      options.queue_bytes = 8U << 20;  // one recorder for each session: the default is meant for many tracks
      if (const char* ms = std::getenv("FLUSH_MS"))
        options.flush_interval = std::chrono::milliseconds(std::atoi(ms));
      if (const char* ms = std::getenv("SYNC_MS"))
        options.sync_interval = std::chrono::milliseconds(std::atoi(ms));
      auto recorder = Recorder::start(options);
      if (!recorder) return std::unexpected(recorder.error());
      if (auto added = (*recorder)->add_tracks(tracks); !added) return std::unexpected(added.error());
      auto sink = make_recorder_sink(**recorder, tracks);
      recorders[id] = *std::move(recorder);
      return sink;
    };
    const auto session = (*endpoint)->accept(message, handlers);
    put(fd, session ? session->answer_sdp : "");
    if (!session) std::fprintf(stderr, "%s\n", session.error().message.c_str());
  }
}

struct Figures {
  double cpu = 0;
  long kib = 0;
  unsigned long long packets = 0, refused = 0, socket_drops = 0, undecryptable = 0, nacks = 0;
};
Figures ask(int fd) {
  put(fd, "stats");
  Figures out;
  std::sscanf(get(fd).c_str(), "%lf %ld %llu %llu %llu %llu %llu", &out.cpu, &out.kib, &out.packets,
              &out.refused, &out.socket_drops, &out.undecryptable, &out.nacks);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int sessions = argc > 1 ? std::atoi(argv[1]) : 100, rate = argc > 2 ? std::atoi(argv[2]) : 500;
  const int seconds = argc > 3 ? std::atoi(argv[3]) : 10;
  const std::string folder =
      argc > 4 ? argv[4] : (std::filesystem::temp_directory_path() / "rtpx_ingest_load").string();
  const auto clean = [&] {
    if (folder != "none") std::filesystem::remove_all(folder);
  };
  clean();
  int pipe[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pipe) != 0) return 1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    serve(pipe[1], folder);
  }
  ::close(pipe[1]);

  const auto certificate = DtlsContext::create();
  std::vector<std::unique_ptr<test::WebRtcPublisher>> publishers;
  for (int i = 0; i < sessions; ++i) {
    publishers.push_back(std::make_unique<test::WebRtcPublisher>(test::browser_offer(), *certificate));
    publishers.back()->history = 0;
    publishers.back()->answer_nacks = false;
    put(pipe[0], publishers.back()->offer());
    if (!publishers.back()->connect(get(pipe[0]))) {
      std::fprintf(stderr, "session %d does not connect\n", i);
      return 1;
    }
  }
  const Figures before = ask(pipe[0]);
  unsigned long long sent = 0;
  const auto start = Clock::now();
  const long total = static_cast<long>(rate) * seconds;
  auto packet = test::make_rtp(96, 0, 0, 2001, 1088 - 8, {{3, std::string(2, '\0')}});
  for (long n = 0; n < total; ++n) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(1'000'000'000L * n / rate));
    store_be<std::uint16_t>(packet.data() + 2, static_cast<std::uint16_t>(n));
    store_be<std::uint32_t>(packet.data() + 4, static_cast<std::uint32_t>(n * 90'000 / rate));
    store_be<std::uint16_t>(packet.data() + 17,
                            static_cast<std::uint16_t>(n));  // transport-wide sequence number
    for (const auto& publisher : publishers) {
      publisher->send(packet);
      ++sent;
    }
    if (n % 10 == 0)
      for (const auto& publisher : publishers) publisher->poll(0ms);
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::this_thread::sleep_for(300ms);
  const Figures after = ask(pipe[0]);
  std::printf(
      "%d sessions x %d packets/s: %llu sent in %.1f s (%.0f a second), %llu recorded\n"
      "lost by us: %lld (kernel %llu, recorder %llu, undecryptable %llu), sequence numbers asked for again "
      "%llu\n"
      "CPU of one core %.1f %%, %.2f us a packet, resident memory %.1f MB\n",
      sessions, rate, sent, took, static_cast<double>(sent) / took, after.packets,
      static_cast<long long>(sent - after.packets), after.socket_drops, after.refused, after.undecryptable,
      after.nacks, (after.cpu - before.cpu) / took * 100,
      (after.cpu - before.cpu) * 1e6 / static_cast<double>(sent), static_cast<double>(after.kib) / 1000);
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  clean();
  return after.packets == sent ? 0 : 1;
}
