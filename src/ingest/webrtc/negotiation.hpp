#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/net/socket_address.hpp"
#include "ingest/sdp/sdp.hpp"
#include "ingest/webrtc/dtls.hpp"
#include "rtp/negotiated_track.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// What of an m-line can be recorded: its codecs, layers and SSRCs, whatever its direction and transport; all
/// its header extensions that are sent. `mid` names it; `used_ids` keeps track ids unique within one
/// description. nullopt: it is neither audio nor video, or has no codec that is known.
[[nodiscard]] std::optional<NegotiatedTrack> recordable_track(const sdp::Media& media, const std::string& mid,
                                                              std::set<std::string>& used_ids);

/// One m-line as it stands in the answer.
struct AnswerSection {
  std::size_t offered = 0;              ///< position in the offer
  std::optional<std::size_t> track;     ///< position in tracks; nullopt: refused with port 0
  std::vector<sdp::ExtMap> extensions;  ///< accepted, as offered
};

/// An offer, understood: what of it is taken and what the publisher's transport is.
struct Negotiation {
  sdp::Session offer;
  std::vector<NegotiatedTrack> tracks;
  std::vector<AnswerSection> sections;  ///< one for each m-line of the offer
  std::string remote_ufrag, remote_pwd;
  std::vector<CertificateFingerprint> fingerprints;
  Dtls::Role dtls_role =
      Dtls::Role::server;  ///< ours (RFC 8842 section 5): client where the offer says setup:passive
};

struct NegotiationLimits {
  std::size_t max_tracks = 16;
  std::size_t max_bytes = 128U << 10;
  std::string description = "The offer";  ///< what messages call it
};

/// Reads an offer as a recorder: m-lines that send audio or video in a codec that the Converter knows, over
/// one bundled transport (RFC 9143) with rtcp-mux. The answer of a sender is read in the same way. Total. Errors: malformed (not SDP; no ICE credentials or
/// fingerprint), invalid_argument (over a limit), unsupported (nothing to record).
[[nodiscard]] Result<Negotiation> negotiate(std::string_view offer, const NegotiationLimits& limits);

/// Our end of the transport.
struct LocalTransport {
  std::string ufrag, pwd;
  CertificateFingerprint fingerprint;
  std::vector<SocketAddress> candidates;  ///< best first
  std::uint64_t session_number = 1;       ///< o= line
  std::uint64_t max_bits_per_second = 0;  ///< 0: no b= line
  bool full_ice = false;                  ///< an agent that checks by itself; else ICE-lite
  std::vector<std::string> reflexive = {};  ///< further candidates of a full agent: whole lines, "a=candidate:…"
};

[[nodiscard]] std::string write_answer(const Negotiation& negotiation, const LocalTransport& local);

/// The answer's half of a trickle-ICE fragment after an ICE restart (RFC 9725 section 4.3.3).
[[nodiscard]] std::string write_fragment(const Negotiation& negotiation, const LocalTransport& local);

/// ICE credentials of a trickle-ICE fragment (RFC 8840), empty where it has none. Errors: malformed.
struct IceFragment {
  std::string ufrag, pwd;
};
[[nodiscard]] Result<IceFragment> read_fragment(std::string_view text);

}  // namespace rtpx
