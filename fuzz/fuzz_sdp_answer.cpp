// An offer from the network: what is taken must give an answer that is a session description of the same
// shape. Behind a zero byte, packets that come next: { length (1 byte), bytes } repeated.
#include <set>

#include "ingest/webrtc/negotiation.hpp"
#include "require.hpp"
#include "rtp/demux.hpp"

using namespace rtpx;

namespace {

void receive(const Negotiation& negotiation, ByteReader in) {
  constexpr std::size_t kMaxSsrcs = 64;
  Demux demux(negotiation.tracks, kMaxSsrcs);
  std::set<std::uint32_t> learned;
  ReceiveClock::time_point now{std::chrono::seconds(1000)};
  while (in.remaining() > 0) {
    const auto packet = parse_rtp(in.take(std::min<std::size_t>(in.u8(), in.remaining())));
    if (!packet) continue;
    now += std::chrono::milliseconds(packet->sequence_number % 1000);
    auto result = demux.learn(*packet, now);
    if (result == Demux::Learned::full) {
      if (const auto gone = demux.retire(now)) {
        require(demux.find(*gone) == nullptr);
        learned.erase(*gone);
        result = demux.learn(*packet, now);
        require(result != Demux::Learned::full);
      }
    }
    require((result == Demux::Learned::route) == (demux.find(packet->ssrc) != nullptr));
    if (result == Demux::Learned::rid_later && packet->marker) require(demux.settle(packet->ssrc) != nullptr);
    const Route* const route = demux.find(packet->ssrc);
    if (route == nullptr) continue;
    require(demux.track_of(packet->ssrc) == route->track);
    learned.insert(packet->ssrc);
    require(learned.size() <= kMaxSsrcs && route->track < negotiation.tracks.size());
    const auto& rids = negotiation.tracks[route->track].track.rids;
    require(route->rid_index < std::max<std::size_t>(rids.size(), 1));
    (void)demux.media_of(route->track, route->rid_index);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view text = input.substr(0, input.find('\0'));
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
  receive(*negotiation, ByteReader(as_bytes(input.substr(std::min(text.size() + 1, size)))));
  return 0;
}
