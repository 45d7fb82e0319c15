// WebRTC publishers (ICE, DTLS, SRTP over loopback UDP) against a recorder in a process of its own, whose CPU
// time and memory are printed.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ingest_target.hpp"
#include "support/webrtc_publisher.hpp"

using namespace rtpx;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "usage: ingest_load [--threads N] [--whip URL PID] [--drain] [SESSIONS] [PACKETS_PER_SECOND] [SECONDS] "
    "[FOLDER]\n"
    "\n"
    "Default: 100 sessions x 500 packets/s of 1,100 bytes for 10 s, recorded into a temporary folder "
    "(\"none\": counted\n"
    "only) by an endpoint with one media thread. --whip loads another WHIP recorder, whose process is PID "
    "and which\n"
    "answers GET /stats with \"packets N\". --drain measures what the media threads carry at most: "
    "PACKETS_PER_SECOND\n"
    "packets of each session lie in their sockets while the process is stopped; then it goes on, SECONDS "
    "times over.\n";

struct Arguments {
  std::size_t threads = 1;
  std::string whip, folder = (std::filesystem::temp_directory_path() / "rtpx_ingest_load").string();
  pid_t whip_pid = 0;
  bool drain = false;
  int sessions = 100, rate = 500, seconds = 10;
};

Arguments read(int argc, char** argv) {
  Arguments out;
  int place = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--threads" && i + 1 < argc) {
      out.threads = static_cast<std::size_t>(std::atoi(argv[++i]));
    } else if (word == "--whip" && i + 2 < argc) {
      out.whip = argv[++i];
      out.whip_pid = std::atoi(argv[++i]);
    } else if (word == "--drain") {
      out.drain = true;
    } else if (word.starts_with("-")) {
      std::fputs(kUsage, word == "--help" ? stdout : stderr);
      std::exit(word == "--help" ? 0 : 2);
    } else if (place < 3) {
      (place == 0 ? out.sessions : place == 1 ? out.rate : out.seconds) = std::atoi(argv[i]);
      ++place;
    } else {
      out.folder = word;
    }
  }
  return out;
}

/// One packet after the other of the same stream, alike for all publishers.
class Packets {
 public:
  explicit Packets(int rate) : rate_(rate) {}
  const std::vector<std::byte>& next() {
    store_be<std::uint16_t>(packet_.data() + 2, static_cast<std::uint16_t>(number_));
    store_be<std::uint32_t>(packet_.data() + 4, static_cast<std::uint32_t>(number_ * 90'000 / rate_));
    store_be<std::uint16_t>(packet_.data() + 17,
                            static_cast<std::uint16_t>(number_));  // transport-wide number
    ++number_;
    return packet_;
  }

 private:
  std::vector<std::byte> packet_ = test::make_rtp(96, 0, 0, 2001, 1088 - 8, {{3, std::string(2, '\0')}});
  const long rate_;
  long number_ = 0;
};

using Publishers = std::vector<std::unique_ptr<test::WebRtcPublisher>>;

Publishers connect(bench::IngestTarget& target, int sessions) {
  const auto certificate = DtlsContext::create();
  Publishers out;
  for (int i = 0; i < sessions; ++i) {
    out.push_back(std::make_unique<test::WebRtcPublisher>(test::browser_offer(), *certificate));
    out.back()->history = 0;
    out.back()->answer_nacks = false;
    if (out.back()->connect(target.answer(out.back()->offer()))) continue;
    std::fprintf(stderr, "session %d does not connect\n", i);
    std::exit(1);
  }
  return out;
}

int load(bench::IngestTarget& target, const Arguments& arguments) {
  const Publishers publishers = connect(target, arguments.sessions);
  const bench::IngestFigures before = target.figures();
  Packets packets(arguments.rate);
  unsigned long long sent = 0;
  const auto start = Clock::now();
  const long total = static_cast<long>(arguments.rate) * arguments.seconds;
  for (long n = 0; n < total; ++n) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(1'000'000'000L * n / arguments.rate));
    const auto& packet = packets.next();
    for (const auto& publisher : publishers) publisher->send(packet);
    sent += publishers.size();
    if (n % 10 == 0)
      for (const auto& publisher : publishers) publisher->poll(0ms);
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::this_thread::sleep_for(300ms);
  const bench::IngestFigures after = target.figures();
  const double cpu = after.cpu_seconds - before.cpu_seconds;
  std::printf(
      "%d sessions x %d packets/s: %llu sent in %.1f s (%.0f a second), %llu recorded\n"
      "lost by us: %lld (kernel %llu, recorder %llu, undecryptable %llu), sequence numbers asked for again "
      "%llu\n"
      "CPU of one core %.1f %%, %.2f us a packet, resident memory %.1f MB\n",
      arguments.sessions, arguments.rate, sent, took, static_cast<double>(sent) / took,
      static_cast<unsigned long long>(after.packets), static_cast<long long>(sent - after.packets),
      static_cast<unsigned long long>(after.kernel_drops), static_cast<unsigned long long>(after.refused),
      static_cast<unsigned long long>(after.undecryptable), static_cast<unsigned long long>(after.nacks),
      cpu / took * 100, cpu * 1e6 / static_cast<double>(sent),
      static_cast<double>(after.resident_kib) / 1000);
  return after.packets == sent ? 0 : 1;
}

int drain(bench::IngestTarget& target, const Arguments& arguments) {
  const Publishers publishers = connect(target, arguments.sessions);
  Packets packets(500);
  std::uint64_t sent = 0;
  double best = 0;
  for (int round = 0; round < arguments.seconds; ++round) {
    ::kill(target.pid(), SIGSTOP);
    for (int n = 0; n < arguments.rate; ++n) {
      const auto& packet = packets.next();
      for (const auto& publisher : publishers) publisher->send(packet);
      sent += publishers.size();
    }
    const double from = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
    ::kill(target.pid(), SIGCONT);
    const double took = target.wait_for_packets(sent) - from;
    if (const auto there = target.figures(); there.packets != sent) {
      std::printf("%llu of %llu packets came: fewer fit the sockets\n",
                  static_cast<unsigned long long>(there.packets), static_cast<unsigned long long>(sent));
      return 1;
    }
    best = std::max(best, arguments.sessions * arguments.rate / took);
    for (const auto& publisher : publishers) publisher->poll(0ms);
  }
  std::printf("%zu media threads: %.0f packets a second, the best of %d rounds of %d\n", arguments.threads,
              best, arguments.seconds, arguments.sessions * arguments.rate);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = read(argc, argv);
  const auto clean = [&] {
    if (arguments.folder != "none" && arguments.whip.empty()) std::filesystem::remove_all(arguments.folder);
  };
  clean();
  auto target = arguments.whip.empty() ? bench::fork_endpoint(arguments.folder, arguments.threads)
                                       : bench::whip_server(arguments.whip, arguments.whip_pid);
  const int status = arguments.drain ? drain(*target, arguments) : load(*target, arguments);
  target.reset();
  clean();
  return status;
}
