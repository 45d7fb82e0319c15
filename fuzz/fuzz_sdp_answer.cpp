// An offer from the network: what is taken must give an answer that is a session description of the same
// shape.
#include "ingest/webrtc/demux.hpp"
#include "ingest/webrtc/negotiation.hpp"
#include "require.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)read_fragment(text);
  const auto negotiation = negotiate(text, {});
  if (!negotiation) return 0;
  require(!negotiation->tracks.empty() && negotiation->tracks.size() <= 16);
  const LocalTransport local{.ufrag = "ufrag123",
                             .pwd = "password0123456789012345",
                             .fingerprint = {"sha-256", "AA:BB"},
                             .candidates = {*SocketAddress::parse("203.0.113.7", 9000)}};
  const auto answer = sdp::parse(write_answer(*negotiation, local));
  require(answer.has_value() && answer->media.size() == negotiation->offer.media.size());
  for (const AnswerSection& section : negotiation->sections)
    require((answer->media[section.offered].port != 0) == section.track.has_value());
  for (const NegotiatedTrack& track : negotiation->tracks)
    require(!track.track.id.empty() && !track.track.codecs.empty() && track.track.rids.size() <= 16);
  require(read_fragment(write_fragment(*negotiation, local)).has_value());
  const Demux demux(negotiation->tracks, 64);
  for (const NegotiatedTrack& track : negotiation->tracks)
    for (const AnnouncedSource& source : track.sources) (void)demux.find(source.ssrc);
  return 0;
}
