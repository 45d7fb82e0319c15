// Recording against plain appends: the same 1100-byte packets, taken by Recorder::Track::record() or gathered
// in one 64 KiB buffer a file and written with write(2), into as many files. The variants take turns, and
// what counts are the ratios within a round. With --stall: 100 tracks at 100 MB/s with sync_interval 1 s, and
// what the syncs cost. With --recorders: so many recorders of two tracks in one process, 500 packets/s each.
//
// usage: record_bench [--dir DIR] [--packets N] [--rounds N (0: no comparison)] [--stall SECONDS]
// [--recorders N [--sealed 1]]

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "rtpx/recorder.hpp"

namespace {

using namespace rtpx;
using Clock = std::chrono::steady_clock;
constexpr std::size_t kPacketBytes = 1100, kRecordBytes = kPacketBytes + 13;

struct Settings {
  std::filesystem::path dir = std::filesystem::temp_directory_path();
  std::uint64_t packets = 2'000'000;
  int rounds = 5;
  int stall_seconds = 0;
  int recorders = 0;
  bool sealed = false;  // of the many recorders
};

struct Cost {
  double wall = 0, cpu = 0;  // seconds
  std::uint64_t refused = 0;
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename Work>
Cost measure(Work&& work) {
  const double cpu = cpu_seconds();
  const auto began = Clock::now();
  const std::uint64_t refused = work();
  return {std::chrono::duration<double>(Clock::now() - began).count(), cpu_seconds() - cpu, refused};
}

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "record_bench: %s\n", why.c_str());
  std::exit(1);
}

std::vector<std::byte> make_packet() {
  std::vector<std::byte> packet(kPacketBytes, std::byte{0x5A});
  packet[0] = std::byte{0x80};
  packet[1] = std::byte{96};
  return packet;
}

// A file a track, one 64 KiB buffer each, a write(2) when it is full.
std::uint64_t plain_appends(const std::filesystem::path& dir, std::size_t tracks, std::uint64_t packets) {
  struct Out {
    int fd = -1;
    std::size_t used = 0;
    std::vector<std::byte> buffer = std::vector<std::byte>(65536);
  };
  std::vector<Out> outs(tracks);
  for (std::size_t i = 0; i < tracks; ++i) {
    outs[i].fd =
        ::open((dir / ("plain" + std::to_string(i))).c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0640);
    if (outs[i].fd < 0) die("cannot open a file for plain appends");
  }
  const auto flush = [](Out& out) {
    if (::write(out.fd, out.buffer.data(), out.used) != static_cast<ssize_t>(out.used)) die("write failed");
    out.used = 0;
  };
  const auto put = [&](Out& out, const std::byte* from, std::size_t left) {
    while (left > 0) {
      const std::size_t fits = std::min(left, out.buffer.size() - out.used);
      std::memcpy(out.buffer.data() + out.used, from, fits);
      out.used += fits;
      from += fits;
      left -= fits;
      if (out.used == out.buffer.size()) flush(out);
    }
  };
  const auto packet = make_packet();
  const std::byte header[13]{};
  for (std::uint64_t i = 0, track = 0; i < packets; ++i, track = track + 1 == tracks ? 0 : track + 1) {
    Out& out = outs[track];
    put(out, header, sizeof header);
    put(out, packet.data(), packet.size());
  }
  for (Out& out : outs) {
    flush(out);
    ::close(out.fd);
  }
  return 0;
}

std::unique_ptr<Recorder> start(const std::filesystem::path& dir, std::chrono::milliseconds sync,
                                bool checksums, bool sealed = false) {
  static const Recipient recipient = Identity::generate()->recipient();
  Recorder::Options options;
  if (sealed) options.recipients = {recipient};
  options.base_dir = dir;
  options.sync_interval = sync;
  options.checksums = checksums;
  auto recorder = Recorder::start(options);
  if (!recorder) die(recorder.error().message);
  return std::move(*recorder);
}

std::vector<Recorder::Track> add_tracks(Recorder& recorder, std::size_t count) {
  std::vector<MediaStreamTrack> tracks(count);
  for (std::size_t i = 0; i < count; ++i) tracks[i].id = "track" + std::to_string(i);
  if (auto added = recorder.add_tracks(tracks); !added) die(added.error().message);
  std::vector<Recorder::Track> handles;
  for (const auto& track : tracks) handles.push_back(*recorder.track(track.id));
  return handles;
}

// A producer that is faster than the disk goes on when there is room: what counts is the time for all
// packets.
std::uint64_t record_all(Recorder& recorder, std::vector<Recorder::Track>& tracks, std::uint64_t packets) {
  const auto packet = make_packet();
  std::uint64_t refused = 0;
  for (std::uint64_t i = 0, track = 0; i < packets; ++i, track = track + 1 == tracks.size() ? 0 : track + 1) {
    while (tracks[track].record(0, packet) != Outcome::accepted) {
      ++refused;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  if (auto flushed = recorder.flush(); !flushed) die(flushed.error().message);
  return refused;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void compare(const Settings& settings, std::size_t tracks) {
  std::vector<double> rate, cpu, index_cpu, sealed_cpu;
  Cost last_plain, last_rtpx;
  for (int round = 0; round < settings.rounds; ++round) {
    const auto dir = settings.dir / ("rtpx-bench-" + std::to_string(::getpid()));
    const auto record = [&](bool checksums, bool sealed) {
      std::filesystem::create_directories(dir);
      auto recorder = start(dir, std::chrono::milliseconds(0), checksums, sealed);
      auto handles = add_tracks(*recorder, tracks);
      const Cost cost = measure([&] { return record_all(*recorder, handles, settings.packets); });
      recorder.reset();
      std::filesystem::remove_all(dir);
      return cost;
    };
    std::filesystem::create_directories(dir);
    const Cost plain = measure([&] { return plain_appends(dir, tracks, settings.packets); });
    std::filesystem::remove_all(dir);
    const Cost rtpx = record(true, false);
    const Cost bare = record(false, false);
    const Cost sealed = record(true, true);
    rate.push_back(plain.wall / rtpx.wall);
    cpu.push_back(rtpx.cpu / plain.cpu);
    index_cpu.push_back(rtpx.cpu / bare.cpu);
    sealed_cpu.push_back(sealed.cpu / rtpx.cpu);
    last_plain = plain;
    last_rtpx = rtpx;
  }
  const double millions = static_cast<double>(settings.packets) / 1e6;
  std::printf("%6zu | %13.2f %9.2f | %13.2f %9.2f | %10.2f %10.2f %12.2f %12.2f | %llu\n", tracks,
              millions / last_plain.wall, last_plain.cpu / millions, millions / last_rtpx.wall,
              last_rtpx.cpu / millions, median(rate), median(cpu), median(index_cpu), median(sealed_cpu),
              static_cast<unsigned long long>(last_rtpx.refused));
  std::fflush(stdout);
}

void compare_all(const Settings& settings) {
  std::printf(
      "1100-byte packets in %s, %llu a run, %d rounds; last round, and medians of the ratios\n\n"
      "tracks | plain: M pkt/s  CPU s/M | rtpx: M pkt/s   CPU s/M | rate ratio  CPU ratio  index's CPU  sealed's CPU | "
      "waits\n",
      settings.dir.c_str(), static_cast<unsigned long long>(settings.packets), settings.rounds);
  for (const std::size_t tracks : {1, 100, 1000}) compare(settings, tracks);
  std::printf(
      "to reach:                                                   >= 0.80    <= 2.00      <= 1.10       <= 1.35\n");
}

void stall(const Settings& settings) {
  constexpr std::size_t kTracks = 100;
  constexpr double kBytesPerSecond = 100e6;
  const auto dir = settings.dir / ("rtpx-bench-" + std::to_string(::getpid()));
  auto recorder = start(dir, std::chrono::milliseconds(1000), true);
  auto tracks = add_tracks(*recorder, kTracks);
  const auto packet = make_packet();
  const auto began = Clock::now();
  std::uint64_t sent = 0, refused = 0;
  while (Clock::now() - began < std::chrono::seconds(settings.stall_seconds)) {
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    const auto due = static_cast<std::uint64_t>(seconds * kBytesPerSecond / kRecordBytes);
    for (; sent < due; ++sent)
      if (tracks[sent % kTracks].record(0, packet) != Outcome::accepted) ++refused;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto stats = recorder->stats();
  std::printf(
      "\n100 tracks at 100 MB/s for %d s, sync_interval 1 s:\n  packets %llu, refused %llu\n"
      "  worst time between writes %.0f ms (to reach: 250), worst pass of syncs %.0f ms, syncs %llu\n",
      settings.stall_seconds, static_cast<unsigned long long>(sent), static_cast<unsigned long long>(refused),
      static_cast<double>(stats.worst_flush.count()) / 1000,
      static_cast<double>(stats.worst_sync.count()) / 1000, static_cast<unsigned long long>(stats.syncs));
  recorder.reset();
  std::filesystem::remove_all(dir);
}

// A server's load: many recorders, each slow.
void many_recorders(const Settings& settings) {
  constexpr int kSeconds = 10, kRate = 500;
  const auto dir = settings.dir / ("rtpx-bench-" + std::to_string(::getpid()));
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<Recorder::Track> tracks;
  for (int i = 0; i < settings.recorders; ++i) {
    recorders.push_back(start(dir, std::chrono::milliseconds(1000), true, settings.sealed));
    for (auto& track : add_tracks(*recorders.back(), 2)) tracks.push_back(track);
  }
  const auto packet = make_packet();
  std::uint64_t sent = 0, refused = 0;
  const Cost cost = measure([&] {
    const auto began = Clock::now();
    while (Clock::now() - began < std::chrono::seconds(kSeconds)) {
      const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
      const auto due = static_cast<std::uint64_t>(seconds * kRate * settings.recorders);
      for (; sent < due; ++sent)
        if (tracks[sent % tracks.size()].record(0, packet) != Outcome::accepted) ++refused;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return refused;
  });
  std::printf(
      "\n%d recorders, 2 tracks and %d packets/s each: %.1f %% of a core (%.2f CPU s per million), refused "
      "%llu\n",
      settings.recorders, kRate, 100 * cost.cpu / cost.wall, cost.cpu / static_cast<double>(sent) * 1e6,
      static_cast<unsigned long long>(refused));
  recorders.clear();
  std::filesystem::remove_all(dir);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--dir")
      settings.dir = argv[i + 1];
    else if (name == "--packets")
      settings.packets = std::strtoull(argv[i + 1], nullptr, 10);
    else if (name == "--rounds")
      settings.rounds = std::max(0, std::atoi(argv[i + 1]));
    else if (name == "--stall")
      settings.stall_seconds = std::atoi(argv[i + 1]);
    else if (name == "--sealed")
      settings.sealed = std::atoi(argv[i + 1]) != 0;
    else if (name == "--recorders")
      settings.recorders = std::atoi(argv[i + 1]);
    else
      die("unknown option " + name);
  }
  if (settings.rounds > 0) compare_all(settings);
  if (settings.stall_seconds > 0) stall(settings);
  if (settings.recorders > 0) many_recorders(settings);
}
