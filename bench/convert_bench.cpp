// Converting a generated call against `cp` of its files: the same bytes, in child processes, taking turns;
// what counts are the ratios within a round, of which the median is printed. Then the same conversion of
// calls of other lengths: memory must not grow with them. Where janus-pp-rec or GStreamer are installed,
// tools/ compares with them.
//
// usage: convert_bench [--dir DIR] [--minutes N] [--rounds N] [--long-minutes N] [--lossy-only 1]

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "generated_call.hpp"
#include "rtpx/converter.hpp"

namespace {

namespace fs = std::filesystem;

struct Cost {
  double cpu = 0, wall = 0;  // seconds
  double peak_mib = 0;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "convert_bench: %s\n", why.c_str());
  std::exit(2);
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

/// Runs `work` in a child process, whose exec gives it a memory of its own to measure.
Cost measure(const std::vector<std::string>& command) {
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> arguments;
    for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    std::_Exit(127);
  }
  int status = 0;
  rusage usage{};
  if (::wait4(child, &status, 0, &usage) != child || status != 0) die(command[0] + " failed");
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), wall,
          static_cast<double>(usage.ru_maxrss) / 1024};
}

int convert_child(const char* recording, const char* output) {
  rtpx::ConvertOptions options;
  options.output_path = output;
  const auto result = rtpx::convert(recording, options);
  if (result) return 0;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return 1;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(fs::path dir, std::string self) : dir_(std::move(dir)), self_(std::move(self)) {}

  Cost copy(const fs::path& call) {
    clear();
    return measure(
        {"cp", (call / "video.rtpx").string(), (call / "audio.rtpx").string(), (dir_ / "out").string()});
  }
  Cost convert(const fs::path& call) {
    clear();
    return measure({self_, "--convert", call.string(), (dir_ / "out").string()});
  }
  void clear() {
    fs::remove_all(dir_ / "out");
    fs::create_directories(dir_ / "out");
  }
  fs::path call(double minutes, bool lossy = false) {
    const fs::path folder = dir_ / ("call-" + std::to_string(static_cast<int>(minutes)));
    std::printf("generating %.0f min%s ...\n", minutes, lossy ? " with losses, RTX, FlexFEC and RED" : "");
    (lossy ? rtpx::bench::generate_lossy_call : generate_plain)(folder, minutes);
    return folder;
  }
  /// Prints the ratios of `rounds` rounds and removes the call.
  void compare(const fs::path& call, double minutes, int rounds, const char* what) {
    (void)copy(call);  // warms the page cache
    std::vector<double> cpu_ratios, wall_ratios, peaks;
    for (int round = 0; round < rounds; ++round) {
      const Cost copied = copy(call);
      const Cost converted = convert(call);
      std::printf("round %d: cp %.2f CPU s %.2f wall s; convert %.2f CPU s %.2f wall s, %.1f MiB\n",
                  round + 1, copied.cpu, copied.wall, converted.cpu, converted.wall, converted.peak_mib);
      cpu_ratios.push_back(converted.cpu / copied.cpu);
      wall_ratios.push_back(converted.wall / copied.wall);
      peaks.push_back(converted.peak_mib);
    }
    std::printf("%s / cp, %.0f min: %.2f x CPU, %.2f x wall (median of %d), peak %.1f MiB\n", what, minutes,
                median(cpu_ratios), median(wall_ratios), rounds, *std::ranges::max_element(peaks));
    fs::remove_all(call);
  }

 private:
  static void generate_plain(const fs::path& folder, double minutes) {
    rtpx::bench::generate_call(folder, minutes);
  }

  fs::path dir_;
  std::string self_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count == 4 && std::strcmp(arguments[1], "--convert") == 0)
    return convert_child(arguments[2], arguments[3]);
  fs::path base = fs::temp_directory_path();
  double minutes = 60, long_minutes = 180;
  int rounds = 5;
  bool lossy_only = false;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string option = arguments[i];
    if (option == "--dir")
      base = arguments[i + 1];
    else if (option == "--minutes")
      minutes = std::atof(arguments[i + 1]);
    else if (option == "--long-minutes")
      long_minutes = std::atof(arguments[i + 1]);
    else if (option == "--lossy-only")
      lossy_only = std::atoi(arguments[i + 1]) != 0;
    else if (option == "--rounds")
      rounds = std::atoi(arguments[i + 1]);
    else
      die("unknown option " + option);
  }
  std::string pattern = (base / "rtpx-convert-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) die("cannot make a folder in " + base.string());
  const fs::path dir = pattern;
  Bench bench(dir, fs::read_symlink("/proc/self/exe").string());

  if (!lossy_only) bench.compare(bench.call(minutes), minutes, rounds, "convert");
  bench.compare(bench.call(minutes, true), minutes, rounds, "convert a lossy call");
  for (const double other : {1.0, long_minutes}) {
    if (other <= 0) continue;
    const fs::path folder = bench.call(other);
    std::printf("%.0f min: peak %.1f MiB\n", other, bench.convert(folder).peak_mib);
    fs::remove_all(folder);
  }
  fs::remove_all(dir);
  return 0;
}
