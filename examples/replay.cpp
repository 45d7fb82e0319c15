// Records a recording again, through the Recorder's public API: what a media server does, with a file in the
// place of the network. Packets and RTCP come in the order and with the times in which they arrived.
//
// usage: replay RECORDING NEW-FOLDER
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "rtpx/recorder.hpp"

namespace {

struct Arrival {
  std::int64_t time_ms = 0;
  std::size_t track = 0;
  bool rtcp = false;
  std::uint8_t rid_index = 0;
  std::vector<std::byte> packet;
};

std::uint64_t read_be(std::istream& in, int bytes) {
  std::uint64_t value = 0;
  while (bytes-- > 0) value = value << 8 | static_cast<std::uint8_t>(in.get());
  return value;
}

/// docs/record-file-format.md: u8 rid index, i64 receive time in ms, u32 size, packet; big endian.
void load(const std::filesystem::path& file, std::size_t track, bool rtcp, std::vector<Arrival>& out) {
  std::ifstream in(file, std::ios::binary);
  while (in.peek() != std::ifstream::traits_type::eof()) {
    Arrival arrival{.track = track, .rtcp = rtcp};
    arrival.rid_index = static_cast<std::uint8_t>(read_be(in, 1));
    arrival.time_ms = static_cast<std::int64_t>(read_be(in, 8));
    arrival.packet.resize(std::min<std::uint64_t>(read_be(in, 4), 65535));
    in.read(reinterpret_cast<char*>(arrival.packet.data()),
            static_cast<std::streamsize>(arrival.packet.size()));
    if (in) out.push_back(std::move(arrival));
  }
}

/// What a media server knows of a track once it is negotiated.
rtpx::MediaStreamTrack describe(const std::string& id, const rtpx::ManifestTrack& entry) {
  rtpx::MediaStreamTrack track{.id = id,
                               .kind = entry.kind,
                               .streams = entry.streams,
                               .codecs = entry.codecs,
                               .header_extensions = entry.header_extensions};
  for (std::size_t index = 0; index < entry.rid_map.size(); ++index)
    for (const auto& [rid, rid_index] : entry.rid_map)
      if (rid && rid_index == index) track.rids.push_back(*rid);
  return track;
}

int fail(const rtpx::Error& error) {
  std::fprintf(stderr, "replay: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: replay RECORDING NEW-FOLDER\n");
    return 2;
  }
  const std::filesystem::path source = argv[1];
  const auto manifest = rtpx::read_manifest(source);
  if (!manifest) return fail(manifest.error());

  std::vector<rtpx::MediaStreamTrack> tracks;
  std::vector<Arrival> arrivals;
  rtpx::Recorder::Options options;
  options.folder = argv[2];
  options.name = "replay of " + source.filename().string();
  for (const auto& [id, entry] : *manifest) {
    for (const auto& location : rtpx::rtp_locations(entry))
      if (const auto file = rtpx::resolve_location(location, source))
        load(*file, tracks.size(), false, arrivals);
    for (const auto& location : rtpx::rtcp_locations(entry))
      if (const auto file = rtpx::resolve_location(location, source))
        load(*file, tracks.size(), true, arrivals);
    tracks.push_back(describe(id, entry));
    options.clock = entry.clock;  // the wall-clock time of these arrival times
  }
  std::ranges::stable_sort(arrivals, {}, &Arrival::time_ms);

  auto recorder = rtpx::Recorder::start(std::move(options));
  if (!recorder) return fail(recorder.error());
  if (auto added = (*recorder)->add_tracks(tracks); !added) return fail(added.error());
  std::vector<rtpx::Recorder::Track> handles;
  for (const auto& track : tracks) handles.push_back(*(*recorder)->track(track.id));

  std::uint64_t refused = 0;
  for (const Arrival& arrival : arrivals) {
    const rtpx::ReceiveClock::time_point time{std::chrono::milliseconds(arrival.time_ms)};
    auto& track = handles[arrival.track];
    const auto outcome = arrival.rtcp ? track.record_rtcp(arrival.packet, time)
                                      : track.record(arrival.rid_index, arrival.packet, {.arrival = time});
    refused += outcome != rtpx::Outcome::accepted;
  }

  std::vector<std::string> ids;
  for (const auto& track : tracks) ids.push_back(track.id);
  if (auto ended = (*recorder)->end_tracks(ids); !ended) return fail(ended.error());
  const auto stats = (*recorder)->stats();
  std::printf("%llu packets and %llu of RTCP recorded into %s, %llu refused\n",
              static_cast<unsigned long long>(stats.packets),
              static_cast<unsigned long long>(stats.rtcp_packets), argv[2],
              static_cast<unsigned long long>(refused));
  return refused == 0 ? 0 : 1;
}
