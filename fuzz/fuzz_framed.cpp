// Framed packets as they come through a pipe: in any pieces the same frames, each within its bounds; and what describes
// tracks is read whole or not at all.
#include <vector>

#include "ingest/framed/frame_parser.hpp"
#include "require.hpp"
#include "storage/track_description.hpp"

using namespace rtpx;

namespace {

struct Seen {
  std::vector<std::vector<std::byte>> bodies;
  std::size_t unfinished = 0;
  bool failed = false;
  bool operator==(const Seen&) const = default;
};

Seen parse_in_pieces(Bytes input, std::size_t piece) {
  Seen seen;
  FrameParser parser;
  while (!input.empty() && !seen.failed) {
    const Bytes now = input.first(std::min(piece, input.size()));
    input = input.subspan(now.size());
    parser.feed(now);
    for (;;) {
      const auto frame = parser.next();
      seen.failed = !frame;
      if (!frame || !*frame) break;
      require((*frame)->body.size() <= FrameParser::kMostFrameBytes);
      seen.bodies.emplace_back((*frame)->body.begin(), (*frame)->body.end());
      if ((*frame)->kind != InputFrame::Kind::tracks) continue;
      if (const auto tracks = parse_track_descriptions(as_text((*frame)->body)))
        for (const MediaStreamTrack& track : *tracks)
          for (const Codec& codec : track.codecs) require(codec.payload_type <= 127);
    }
  }
  if (!seen.failed) seen.unfinished = parser.unfinished();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  const Seen whole = parse_in_pieces(input.subspan(1), size);
  require(whole == parse_in_pieces(input.subspan(1), data[0] % 16U + 1U));
  return 0;
}
