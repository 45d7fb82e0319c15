// Lists the frames of a recording from a time on: what each track holds, and where it lies.
//
// usage: list_frames RECORDING [SECONDS [FRAMES]]
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "rtpx/reader.hpp"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: list_frames RECORDING [SECONDS [FRAMES]]\n");
    return 2;
  }
  const auto from_ns = static_cast<std::int64_t>((argc > 2 ? std::atof(argv[2]) : 0) * 1e9);
  const int most = argc > 3 ? std::atoi(argv[3]) : 10;
  const auto reader = rtpx::Reader::open(argv[1]);
  if (!reader) {
    std::fprintf(stderr, "list_frames: %s\n", reader.error().message.c_str());
    return 3;
  }
  std::printf("%.3f s\n", static_cast<double>(reader->timeline().duration_ns) / 1e9);
  for (const rtpx::ReaderTrack& track : reader->tracks())
    for (const rtpx::ReaderLayer& layer : track.layers) {
      std::printf("%s %s %s\n", track.id.c_str(), layer.rid.value_or("").c_str(), layer.mime_type.c_str());
      auto frames = reader->frames(track.id, layer.rid, from_ns);
      rtpx::MediaFrame frame;
      for (int count = 0; frames && count < most; ++count) {
        const auto next = frames->next(frame);
        if (!next) std::fprintf(stderr, "list_frames: %s\n", next.error().message.c_str());
        if (!next || *next != rtpx::Next::frame) break;
        std::printf("  %12.3f ms %8zu bytes%s%s%s\n", static_cast<double>(frame.time_ns) / 1e6,
                    frame.data.size(), frame.keyframe ? " key" : "", frame.damaged ? " damaged" : "",
                    frame.filler ? " filler" : "");
      }
    }
  return 0;
}
