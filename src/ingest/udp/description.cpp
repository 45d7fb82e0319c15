#include "ingest/udp/description.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "ingest/sdp/sdp.hpp"
#include "rtp/codec_roles.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMaxTracks = 64;

Result<SocketAddress> listen_address(const sdp::Media& media, const std::string& listen) {
  if (!listen.empty()) {
    const auto address = SocketAddress::parse(listen, media.port);
    if (!address) return fail(Errc::invalid_argument, "\"" + listen + "\" is not an IP address.");
    return *address;
  }
  const auto wanted = SocketAddress::parse(media.connection, media.port);
  if (!wanted) return SocketAddress().with_port(media.port);
  const auto own = local_addresses(media.port);
  if (wanted->is_multicast() || wanted->is_loopback() || std::ranges::find(own, *wanted) != own.end())
    return *wanted;
  return SocketAddress::parse(wanted->is_v6() ? "::" : "0.0.0.0", media.port).value();
}

Result<UdpSection> read_section(const sdp::Media& media, NegotiatedTrack track, const std::string& listen) {
  if (media.protocol.find("TLS") != std::string::npos)
    return fail(Errc::unsupported, "The m=" + media.kind +
                                       " line asks for DTLS; plain RTP or SRTP with a=crypto is "
                                       "received here, WebRTC by `rtpx serve`.");
  UdpSection out{std::move(track), {}, {}, {}, media.rtcp_mux, media.rtcp_port.value_or(0)};
  auto sdes = choose_sdes(media);
  if (!sdes) return std::unexpected(sdes.error());
  const bool secure = media.protocol.find("SAVP") != std::string::npos;
  if (secure && sdes->keys.empty())
    return fail(Errc::malformed,
                "The m=" + media.kind + " line says SRTP but has no a=crypto line with a key.");
  if (!sdes->keys.empty()) {
    auto srtp = Srtp::create(sdes->keys, Srtp::Direction::receive);
    if (!srtp) return std::unexpected(srtp.error());
    out.srtp = *std::move(srtp);
    out.sdes = *std::move(sdes);
  }
  const auto address = listen_address(media, listen);
  if (!address) return std::unexpected(address.error());
  out.rtp = *address;
  return out;
}

}  // namespace

Result<std::vector<UdpSection>> read_udp_description(std::string_view text, const std::string& listen) {
  const auto session = sdp::parse(text);
  if (!session) return std::unexpected(session.error());
  std::vector<UdpSection> out;
  std::set<std::string> used;
  for (std::size_t i = 0; i < session->media.size(); ++i) {
    const sdp::Media& media = session->media[i];
    auto track = recordable_track(media, media.mid.value_or(std::to_string(i)), used);
    if (!track) continue;
    if (out.size() == kMaxTracks)
      return fail(Errc::invalid_argument,
                  "The description has more than " + std::to_string(kMaxTracks) + " tracks.");
    if (track->track.streams.empty()) track->track.streams = {"rtp"};  // what comes together plays together
    auto section = read_section(media, *std::move(track), listen);
    if (!section) return std::unexpected(section.error());
    out.push_back(*std::move(section));
  }
  if (out.empty())
    return fail(Errc::unsupported,
                "The description announces no audio or video that can be recorded: it needs an m-line with "
                "one of " +
                    known_media_names() + ".");
  return out;
}

}  // namespace rtpx
