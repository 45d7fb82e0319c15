// A media server that only records: it links rtpx::recorder alone.
#include <cstdio>

#include "rtpx/recorder.hpp"
#include "rtpx/version.hpp"

int main(int, char** argv) {
  rtpx::Recorder::Options options;
  options.folder = argv[1];
  auto recorder = rtpx::Recorder::start(std::move(options));
  if (!recorder) return 1;
  const rtpx::MediaStreamTrack track{.id = "audio", .kind = rtpx::MediaKind::audio};
  if (!(*recorder)->add_tracks({&track, 1})) return 1;
  const std::byte packet[12] = {std::byte{0x80}};
  if ((*recorder)->record("audio", {}, packet) != rtpx::Outcome::accepted) return 1;
  std::printf("%s\n", rtpx::version());
  return 0;
}
