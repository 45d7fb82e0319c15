#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ingest/webrtc/endpoint.hpp"
#include "ingest_target.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::bench {
namespace {

using namespace std::chrono_literals;

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

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long own_resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

/// One for each session: media threads share nothing.
class Counter final : public PacketSink {
 public:
  void on_rtp(std::size_t, std::uint8_t, Bytes, ReceiveClock::time_point) noexcept override {
    packets_.store(packets_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void on_rtcp(std::size_t, Bytes, ReceiveClock::time_point) noexcept override {}
  [[nodiscard]] std::uint64_t packets() const { return packets_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint64_t> packets_ = 0;
};

/// The endpoint's process: an offer comes in, an answer goes out; "stats" asks for a line of figures, "wait
/// N" until so many packets are there.
class Server {
 public:
  Server(int fd, std::string folder, std::size_t media_threads) : fd_(fd), folder_(std::move(folder)) {
    auto endpoint = WebRtcEndpoint::start({.udp_port = 0,
                                           .media_threads = media_threads,
                                           .listen = {"127.0.0.1"},
                                           .max_sessions = 2000,
                                           .max_unconnected = 2000,
                                           .silence_timeout = 10min});  // the first wait for a thousand others
    if (!endpoint) std::exit(1);
    endpoint_ = *std::move(endpoint);
  }

  [[noreturn]] void serve() {
    while (true) {
      const std::string message = get(fd_);
      if (message == "stats")
        put(fd_, figures());
      else if (message.starts_with("wait "))
        put(fd_, wait(std::stoull(message.substr(5))));
      else
        put(fd_, answer(message));
    }
  }

 private:
  std::uint64_t packets() const {
    std::uint64_t out = 0;
    for (const auto& counter : counters_) out += counter->packets();
    for (const auto& [id, recorder] : recorders_) out += recorder->stats().packets;
    return out;
  }

  std::string figures() const {
    const EndpointStats stats = endpoint_->stats();
    std::uint64_t refused = 0;
    for (const auto& [id, recorder] : recorders_) {
      const Recorder::Stats recorded = recorder->stats();
      refused += recorded.queue_full + recorded.disk_full + recorded.failed;
    }
    char line[200];
    std::snprintf(line, sizeof line, "%f %ld %llu %llu %llu %llu %llu", own_cpu_seconds(), own_resident_kib(),
                  static_cast<unsigned long long>(packets()), static_cast<unsigned long long>(refused),
                  static_cast<unsigned long long>(stats.dropped[Drop::kernel]),
                  static_cast<unsigned long long>(stats.dropped[Drop::undecryptable]),
                  static_cast<unsigned long long>(stats.nacks_sent));
    return line;
  }

  std::string wait(std::uint64_t count) const {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (packets() < count && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(200us);
    return std::to_string(
        std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count());
  }

  std::string answer(const std::string& offer) {
    SessionHandlers handlers;
    handlers.open = [&](const std::string& id,
                        std::span<const MediaStreamTrack> tracks) -> Result<std::shared_ptr<PacketSink>> {
      if (folder_ == "none") return counters_.emplace_back(std::make_shared<Counter>());
      Recorder::Options options;
      options.folder = folder_ + "/" + id;
      options.queue_bytes = 8U << 20;  // one recorder for each session: the default is meant for many tracks
      if (const char* ms = std::getenv("FLUSH_MS"))
        options.flush_interval = std::chrono::milliseconds(std::atoi(ms));
      if (const char* ms = std::getenv("SYNC_MS"))
        options.sync_interval = std::chrono::milliseconds(std::atoi(ms));
      auto recorder = Recorder::start(options);
      if (!recorder) return std::unexpected(recorder.error());
      if (auto added = (*recorder)->add_tracks(tracks); !added) return std::unexpected(added.error());
      auto sink = make_recorder_sink(**recorder, tracks);
      recorders_[id] = *std::move(recorder);
      return sink;
    };
    const auto session = endpoint_->accept(offer, handlers);
    if (!session) std::fprintf(stderr, "%s\n", session.error().message.c_str());
    return session ? session->answer_sdp : "";
  }

  const int fd_;
  const std::string folder_;
  std::map<std::string, std::unique_ptr<Recorder>> recorders_;
  std::vector<std::shared_ptr<Counter>> counters_;
  std::unique_ptr<WebRtcEndpoint> endpoint_;
};

class ForkedEndpoint final : public IngestTarget {
 public:
  ForkedEndpoint(int fd, pid_t pid) : fd_(fd), pid_(pid) {}
  ~ForkedEndpoint() override {
    ::close(fd_);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string answer(const std::string& offer) override {
    put(fd_, offer);
    return get(fd_);
  }
  IngestFigures figures() override {
    put(fd_, "stats");
    IngestFigures out;
    unsigned long long packets = 0, refused = 0, drops = 0, undecryptable = 0, nacks = 0;
    std::sscanf(get(fd_).c_str(), "%lf %ld %llu %llu %llu %llu %llu", &out.cpu_seconds, &out.resident_kib,
                &packets, &refused, &drops, &undecryptable, &nacks);
    out.packets = packets;
    out.refused = refused;
    out.kernel_drops = drops;
    out.undecryptable = undecryptable;
    out.nacks = nacks;
    return out;
  }
  [[nodiscard]] pid_t pid() const override { return pid_; }
  double wait_for_packets(std::uint64_t count) override {
    put(fd_, "wait " + std::to_string(count));
    return std::atof(get(fd_).c_str());
  }

 private:
  const int fd_;
  const pid_t pid_;
};

}  // namespace

std::unique_ptr<IngestTarget> fork_endpoint(const std::string& folder, std::size_t media_threads) {
  int pipe[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pipe) != 0) std::exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    Server(pipe[1], folder, media_threads).serve();
  }
  ::close(pipe[1]);
  return std::make_unique<ForkedEndpoint>(pipe[0], child);
}

}  // namespace rtpx::bench
