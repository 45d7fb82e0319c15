// Converting a generated call against `cp` of its files: the same bytes, in child processes, taking turns;
// what counts are the medians of the rounds. Inputs are in the page cache, where generating them left them;
// outputs go to the same file system, cp's unsynced, ours synced. Parts:
//   cp      an hour against cp
//   lossy   the same with losses, RTX, FlexFEC and RED
//   sealed  a sealed call against the same one plain
//   memory  peak memory of a minute, an hour and three hours
//   codecs  CPU a GB of each video codec against VP8's
//   older   `rtpx convert` of another build against this one's, clean and lossy; only with --rtpx and --older
//
// usage: convert_bench [--dir DIR] [--minutes N] [--rounds N] [--rtpx RTPX --older RTPX] [PART...]
//        convert_bench --generate FOLDER [--minutes N] [lossy]     only writes the call

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
#include <fstream>
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

int convert_child(const char* recording, const char* output, const char* identity) {
  rtpx::ConvertOptions options;
  if (identity != nullptr) options.identities = {rtpx::Identity::load(identity).value()};
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
  Bench(const fs::path& base, double minutes, int rounds) : minutes_(minutes), rounds_(rounds) {
    std::string pattern = (base / "rtpx-convert-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) die("cannot make a folder in " + base.string());
    dir_ = pattern;
  }
  ~Bench() { fs::remove_all(dir_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void against_cp() { compare(generate("call", minutes_), "convert"); }
  void against_cp_with_losses() {
    const fs::path call = dir_ / "lossy";
    std::printf("generating %.0f min with losses, RTX, FlexFEC and RED ...\n", minutes_);
    rtpx::bench::generate_lossy_call(call, minutes_);
    compare(call, "convert a lossy call");
  }

  /// A sealed call against the same one plain.
  void against_plain() {
    const fs::path plain = generate("call", minutes_), call = dir_ / "sealed", key = dir_ / "identity";
    fs::copy(plain, call, fs::copy_options::recursive);
    const auto identity = rtpx::Identity::generate();
    const rtpx::Recipient recipient = identity->recipient();
    std::ofstream(key) << identity->text().value();
    for (const auto& entry : fs::directory_iterator(call))
      if (entry.path().filename() != "recording.json" && !rtpx::seal_file(entry.path(), {&recipient, 1}))
        die("cannot seal " + entry.path().string());
    Costs opened, read;
    for (int round = 0; round < rounds_; ++round) {
      read.add(convert(plain));
      clear();
      opened.add(measure({self_, "--convert", call.string(), out(), key.string()}));
      std::printf("round %d: plain %.2f CPU s; sealed %.2f CPU s, %.1f MiB\n", round + 1, read.cpu.back(),
                  opened.cpu.back(), opened.peak_mib);
    }
    std::printf("convert sealed / plain, %.0f min: %.2f x CPU (medians of %d); the cheapest of each: %.2f\n", minutes_,
                median(opened.cpu) / median(read.cpu), rounds_,
                std::ranges::min(opened.cpu) / std::ranges::min(read.cpu));
    fs::remove_all(plain);
    fs::remove_all(call);
  }

  /// The command of two builds, on the same call.
  void against_older(const std::string& rtpx, const std::string& older) {
    for (const bool lossy : {false, true}) {
      const fs::path call = lossy ? dir_ / "lossy" : generate("call", minutes_);
      if (lossy) rtpx::bench::generate_lossy_call(call, minutes_);
      Costs now, before;
      const auto one = [&](const std::string& command, Costs& costs) {
        clear();
        costs.add(measure({command, "convert", call.string(), "-o", out()}));
      };
      for (int round = 0; round < rounds_; ++round) {
        one(older, before);
        one(rtpx, now);
        std::printf("round %d: older %.2f CPU s %.2f wall s; this %.2f CPU s %.2f wall s\n", round + 1,
                    before.cpu.back(), before.wall.back(), now.cpu.back(), now.wall.back());
      }
      std::printf("convert a %s call / older build, %.0f min: %.2f x CPU, %.2f x wall (medians of %d); "
                  "the cheapest of each: %.2f x CPU\n",
                  lossy ? "lossy" : "clean", minutes_, median(now.cpu) / median(before.cpu),
                  median(now.wall) / median(before.wall), rounds_,
                  std::ranges::min(now.cpu) / std::ranges::min(before.cpu));
      fs::remove_all(call);
    }
  }

  void memory() {
    for (const double minutes : {1.0, 60.0, 180.0}) {
      const fs::path call = generate("call", minutes);
      std::printf("%.0f min: peak %.1f MiB\n", minutes, convert(call).peak_mib);
      fs::remove_all(call);
    }
  }

  void codecs() {
    using rtpx::bench::Picture;
    const Picture pictures[] = {Picture::vp8, Picture::vp9, Picture::av1, Picture::h264, Picture::h265};
    Costs costs[std::size(pictures)];
    for (const Picture picture : pictures) (void)generate(name_of(picture), minutes_, picture);
    for (int round = 0; round < rounds_; ++round)
      for (std::size_t i = 0; i < std::size(pictures); ++i)
        costs[i].add(convert_whole(dir_ / name_of(pictures[i])));
    for (std::size_t i = 0; i < std::size(pictures); ++i) {
      const fs::path call = dir_ / name_of(pictures[i]);
      const double gigabytes = static_cast<double>(media_bytes(call)) / 1e9;
      std::printf("%s: %.2f CPU s a GB, %.2f x VP8 (medians of %d), peak %.1f MiB\n", name_of(pictures[i]),
                  median(costs[i].cpu) / gigabytes, median(costs[i].cpu) / median(costs[0].cpu), rounds_,
                  costs[i].peak_mib);
      fs::remove_all(call);
    }
  }

 private:
  struct Costs {
    std::vector<double> cpu, wall;
    double peak_mib = 0;
    void add(const Cost& cost) {
      cpu.push_back(cost.cpu);
      wall.push_back(cost.wall);
      peak_mib = std::max(peak_mib, cost.peak_mib);
    }
  };

  /// Prints the ratios and removes the call.
  void compare(const fs::path& call, const char* what) {
    (void)copy(call);
    Costs copied, converted;
    for (int round = 0; round < rounds_; ++round) {
      copied.add(copy(call));
      converted.add(convert(call));
      std::printf("round %d: cp %.2f CPU s %.2f wall s; convert %.2f CPU s %.2f wall s, %.1f MiB\n",
                  round + 1, copied.cpu.back(), copied.wall.back(), converted.cpu.back(),
                  converted.wall.back(), converted.peak_mib);
    }
    std::printf("%s / cp, %.0f min: %.2f x CPU, %.2f x wall (medians of %d), peak %.1f MiB\n", what, minutes_,
                median(converted.cpu) / median(copied.cpu), median(converted.wall) / median(copied.wall),
                rounds_, converted.peak_mib);
    // Memory that a virtual machine has not touched for long costs several times as much: neither's own cost.
    std::printf("  the cheapest round of each: %.2f x CPU\n",
                std::ranges::min(converted.cpu) / std::ranges::min(copied.cpu));
    fs::remove_all(call);
  }

  fs::path generate(const std::string& name, double minutes,
                    rtpx::bench::Picture picture = rtpx::bench::Picture::vp8) {
    std::printf("generating %.0f min of %s ...\n", minutes, name_of(picture));
    std::fflush(stdout);
    rtpx::bench::generate_call(dir_ / name, minutes, picture);
    return dir_ / name;
  }
  Cost copy(const fs::path& call) {
    clear();
    return measure({"cp", (call / "video.rtpx").string(), (call / "audio.rtpx").string(), out()});
  }
  Cost convert(const fs::path& call) {
    clear();
    return measure({self_, "--convert", call.string(), out()});
  }
  // For a call without losses: all of it must have come out.
  Cost convert_whole(const fs::path& call) {
    const Cost cost = convert(call);
    if (media_bytes(out()) < media_bytes(call) * 9 / 10) die("too little was made of " + call.string());
    return cost;
  }
  static std::uintmax_t media_bytes(const fs::path& folder) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
    return bytes;
  }
  void clear() const {
    fs::remove_all(out());
    fs::create_directories(out());
  }
  [[nodiscard]] std::string out() const { return (dir_ / "out").string(); }

  fs::path dir_;
  std::string self_ = fs::read_symlink("/proc/self/exe").string();
  double minutes_;
  int rounds_;
};

}  // namespace

int main(int count, char** arguments) {
  if ((count == 4 || count == 5) && std::strcmp(arguments[1], "--convert") == 0)
    return convert_child(arguments[2], arguments[3], count == 5 ? arguments[4] : nullptr);
  fs::path base = fs::temp_directory_path(), generate;
  std::string rtpx, older;
  double minutes = 60;
  int rounds = 5;
  std::vector<std::string> parts;
  for (int i = 1; i < count; ++i) {
    const std::string option = arguments[i];
    if (!option.starts_with("--"))
      parts.push_back(option);
    else if (++i == count)
      die(option + " needs a value");
    else if (option == "--dir")
      base = arguments[i];
    else if (option == "--rtpx")
      rtpx = arguments[i];
    else if (option == "--older")
      older = arguments[i];
    else if (option == "--generate")
      generate = arguments[i];
    else if (option == "--minutes")
      minutes = std::atof(arguments[i]);
    else if (option == "--rounds")
      rounds = std::atoi(arguments[i]);
    else
      die("unknown option " + option);
  }
  const auto wanted = [&](const char* part) {
    return parts.empty() || std::ranges::find(parts, part) != parts.end();
  };
  if (!generate.empty()) {
    const bool lossy = !parts.empty() && wanted("lossy");
    (lossy ? rtpx::bench::generate_lossy_call(generate, minutes)
           : rtpx::bench::generate_call(generate, minutes));
    return 0;
  }
  Bench bench(base, minutes, rounds);
  if (wanted("cp")) bench.against_cp();
  if (wanted("lossy")) bench.against_cp_with_losses();
  if (wanted("sealed")) bench.against_plain();
  if (wanted("older") && !rtpx.empty() && !older.empty()) bench.against_older(rtpx, older);
  if (wanted("memory")) bench.memory();
  if (wanted("codecs")) bench.codecs();
  return 0;
}
