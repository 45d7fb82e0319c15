// A program that records until it is killed, and writes down what was accepted and when. Run by process_test.
//
// usage: recording_child FOLDER LOG TRACKS [RECIPIENT]
// LOG gets fixed-size entries: u32 track, u32 sequence, i64 CLOCK_MONOTONIC ns when record() had returned. It
// is a mapping of the file, so that nothing of it is lost with the process.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "recorder/process.hpp"
#include "recorder/support.hpp"

using namespace rtpx;

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  const int log = ::open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (log < 0 || ::ftruncate(log, sizeof(test::ChildLog)) != 0) return 2;
  void* memory = ::mmap(nullptr, sizeof(test::ChildLog), PROT_READ | PROT_WRITE, MAP_SHARED, log, 0);
  if (memory == MAP_FAILED) return 2;
  auto& out = *static_cast<test::ChildLog*>(memory);
  const auto tracks = static_cast<std::uint32_t>(std::atoi(argv[3]));

  Recorder::Options options;
  options.folder = argv[1];
  options.flush_interval = test::kChildFlush;
  if (argc == 5) options.recipients = {*Recipient::parse(argv[4])};
  auto recorder = Recorder::start(options);
  if (!recorder) return 3;
  std::vector<MediaStreamTrack> added;
  for (std::uint32_t i = 0; i < tracks; ++i) {
    added.push_back(test::video("t" + std::to_string(i)));
    added.back().streams = {added.back().id};
  }
  if (!(*recorder)->add_tracks(added)) return 3;
  std::vector<Recorder::Track> handles;
  for (const auto& track : added) handles.push_back(*(*recorder)->track(track.id));

  for (std::uint64_t n = 0; n < test::kChildEntries; ++n) {
    const auto track = static_cast<std::uint32_t>(n % tracks);
    const auto sequence = static_cast<std::uint32_t>(n / tracks);
    const auto packet = test::vp8_picture(sequence, 100 + sequence * 37 % 1100);
    if (handles[track].record(0, packet) != Outcome::accepted) return 4;
    out.entries[n] = {track, sequence, test::monotonic_ns()};
    out.count.store(n + 1);
    if (n % 512 == 0) {
      const std::int64_t now = test::monotonic_ns();
      const std::chrono::nanoseconds oldest = (*recorder)->stats().oldest_unwritten;
      out.written_until_ns.store(now - oldest.count());
    }
    if (n % 64 == 63) std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  return 0;
}
