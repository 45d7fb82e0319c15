// What recording costs in C++: the yardstick of bench/bindings_bench. usage: record FOLDER PACKETS TRACKS
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "rtpx/recorder.hpp"

namespace {

/// CPU time of this process in ns, as the kernel counts it in ticks: of the threads that librtpx has started, and of all others.
struct CpuTime {
  double library = 0, caller = 0;
};
CpuTime cpu_time() {
  CpuTime out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    double user = 0, system = 0;  // 100 ticks a second, the 14th and 15th field
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream stat(task.path() / "stat");
    stat.ignore(1000, ')');
    std::string skipped;
    for (int i = 0; i < 11; ++i) stat >> skipped;
    stat >> user >> system;
    (name.starts_with("rtpx-") ? out.library : out.caller) += (user + system) * 1e7;
  }
  return out;
}

}  // namespace

int main(int, char** argv) {
  const auto packets = std::strtoull(argv[2], nullptr, 10), count = std::strtoull(argv[3], nullptr, 10);
  constexpr std::uint64_t kBatch = 50'000;  // 55 MB, well within the recorder's memory
  rtpx::Recorder::Options options;
  options.base_dir = argv[1];
  auto recorder = std::move(rtpx::Recorder::start(options).value());
  std::vector<rtpx::MediaStreamTrack> wanted(count);
  for (std::size_t i = 0; i < count; ++i) wanted[i].id = std::to_string(i);
  (void)recorder->add_tracks(wanted).value();
  std::vector<rtpx::Recorder::Track> tracks;
  for (const auto& track : wanted) tracks.push_back(recorder->track(track.id).value());
  std::vector<std::byte> packet(1100, std::byte{0x5A});
  packet[0] = std::byte{0x80};
  packet[1] = std::byte{96};

  const CpuTime before = cpu_time();
  for (std::uint64_t i = 0; i < packets;) {
    for (std::uint64_t n = 0; n < kBatch && i < packets; ++n, ++i) (void)tracks[i % count].record(0, packet);
    (void)recorder->flush().value();
  }
  const CpuTime after = cpu_time();
  if (recorder->stats().packets != packets) return std::fprintf(stderr, "packets were refused\n"), 1;
  const double caller = after.caller - before.caller, library = after.library - before.library;
  std::printf("%.1f %.1f\n", (caller + library) / static_cast<double>(packets), caller / static_cast<double>(packets));
}
