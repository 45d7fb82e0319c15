#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "ingest_target.hpp"

namespace rtpx::bench {
namespace {

using namespace std::chrono_literals;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "ingest_load: %s\n", why.c_str());
  std::exit(1);
}

/// One request over a connection of its own; answers the body.
std::string request(std::uint16_t port, const std::string& head, const std::string& body) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    give_up("no server at port " + std::to_string(port));
  const std::string text =
      head + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/sdp\r\n" +
      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  if (::send(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    give_up("a request was not sent");
  std::string answer;
  char part[4096];
  for (ssize_t got; (got = ::recv(fd, part, sizeof part, 0)) > 0;)
    answer.append(part, static_cast<std::size_t>(got));
  ::close(fd);
  const auto end = answer.find("\r\n\r\n");
  return answer.starts_with("HTTP/1.1 20") && end != std::string::npos ? answer.substr(end + 4) : "";
}

/// A word of a line of /proc/PID/status, in KiB.
long memory_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

/// utime and stime of proc_pid_stat(5), which stand 14th and 15th: behind the name in brackets, 12th and
/// 13th.
double cpu_seconds(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::string word;
  for (int i = 0; i < 11; ++i) words >> word;
  double user = 0, system = 0;
  words >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

class WhipServer final : public IngestTarget {
 public:
  WhipServer(std::uint16_t port, std::string path, pid_t pid)
      : port_(port), path_(std::move(path)), pid_(pid) {}
  std::string answer(const std::string& offer) override { return request(port_, "POST " + path_, offer); }
  IngestFigures figures() override {
    unsigned long long packets = 0;
    if (std::sscanf(request(port_, "GET /stats", "").c_str(), "packets %llu", &packets) != 1)
      give_up("GET /stats tells no packets");
    return {.cpu_seconds = cpu_seconds(pid_), .resident_kib = memory_kib(pid_), .packets = packets};
  }
  [[nodiscard]] pid_t pid() const override { return pid_; }
  double wait_for_packets(std::uint64_t count) override {
    for (int i = 0; i < 2000 && figures().packets < count; ++i) std::this_thread::sleep_for(10ms);
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

 private:
  const std::uint16_t port_;
  const std::string path_;
  const pid_t pid_;
};

}  // namespace

std::unique_ptr<IngestTarget> whip_server(const std::string& url, pid_t pid) {
  unsigned port = 0;
  char path[200] = "/";
  if (std::sscanf(url.c_str(), "http://127.0.0.1:%u%199s", &port, path) < 1)
    give_up("not http://127.0.0.1:PORT/PATH: " + url);
  return std::make_unique<WhipServer>(static_cast<std::uint16_t>(port), path, pid);
}

}  // namespace rtpx::bench
