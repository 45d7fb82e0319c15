// What a cold process pays until it can show something of a long recording, with its packet index (`rtpx index`) and
// without: opening it, its playlists, a segment from the middle. Each is a child process of its own, taking turns;
// medians of the rounds, in CPU and wall time, beside `cat` of the same records.
//
// usage: open_bench [--dir DIR] [--minutes N] [--rounds N]

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "generated_call.hpp"
#include "play/playlist.hpp"
#include "play/presentation.hpp"
#include "rtpx/packet_index.hpp"
#include "rtpx/reader.hpp"

namespace {

namespace fs = std::filesystem;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "open_bench: %s\n", why.c_str());
  std::exit(2);
}

/// What the child processes do.
int run(const std::string& what, const std::string& recording) {
  if (what == "nothing") return 0;
  if (what == "open") return rtpx::Reader::open(recording) ? 0 : 1;
  const auto presentation = rtpx::Presentation::open(recording, {});
  if (!presentation) die(presentation.error().message);
  const auto view = (*presentation)->view();
  const rtpx::Program& program = view->programs.at(0);
  const rtpx::Rendition& rendition = program.renditions.at(0);
  if (what == "playlists") {
    std::size_t bytes = rtpx::multivariant_playlist(program, {}).size();
    for (const rtpx::Rendition& each : program.renditions) bytes += rtpx::media_playlist(program, each, {}).size();
    return bytes != 0 ? 0 : 1;
  }
  auto segment = (*presentation)->segment(rendition.id, rendition.list.segments.size() / 2, rtpx::Format::fmp4);
  if (!segment) die(segment.error().message);
  rtpx::MemorySink out;
  return (*segment)->all(out) ? 0 : 1;
}

struct Costs {
  std::vector<double> cpu, wall;  // ms
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(std::vector<std::string> command, Costs& costs) {
  const auto began = std::chrono::steady_clock::now();
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> arguments;
    for (std::string& each : command) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) std::_Exit(126);
    ::execvp(arguments[0], arguments.data());
    std::_Exit(127);
  }
  int status = 0;
  rusage usage{};
  if (::wait4(child, &status, 0, &usage) != child || status != 0) die(command[0] + " failed");
  const auto ms = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3; };
  costs.cpu.push_back(ms(usage.ru_utime) + ms(usage.ru_stime));
  costs.wall.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 4 && std::strcmp(arguments[1], "--run") == 0) return run(arguments[2], arguments[3]);
  fs::path base = fs::temp_directory_path();
  double minutes = 60;
  int rounds = 7;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string option = arguments[i];
    if (option == "--dir")
      base = arguments[i + 1];
    else if (option == "--minutes")
      minutes = std::atof(arguments[i + 1]);
    else if (option == "--rounds")
      rounds = std::atoi(arguments[i + 1]);
    else
      die("unknown option " + option);
  }
  const fs::path call = base / ("rtpx-open-bench-" + std::to_string(::getpid()));
  rtpx::bench::generate_call(call, minutes);
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  for (const bool indexed : {false, true}) {
    if (indexed)
      if (const auto made = rtpx::make_packet_index(call.string(), {}); !made) die(made.error().message);
    std::map<std::string, Costs> costs;
    for (int round = 0; round < rounds; ++round) {
      measure({"cat", (call / "video.rtpx").string(), (call / "audio.rtpx").string()}, costs["cat"]);
      for (const char* what : {"nothing", "open", "playlists", "segment"})
        measure({self, "--run", what, call.string()}, costs[what]);
    }
    std::printf("%.0f min, %s packet index (medians of %d):\n", minutes, indexed ? "with its" : "without a", rounds);
    for (const auto& [what, cost] : costs)
      std::printf("  %-10s %8.1f ms CPU %8.1f ms wall, %.2f x cat's CPU\n", what.c_str(), median(cost.cpu),
                  median(cost.wall), median(cost.cpu) / median(costs["cat"].cpu));
  }
  fs::remove_all(call);
  return 0;
}
