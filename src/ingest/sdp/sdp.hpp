#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

/// Session descriptions (RFC 8866) as WebRTC, SIP and RTP tools write them.
namespace rtpx::sdp {

/// Any `a=` line. `value` is empty for property attributes (`a=rtcp-mux`).
struct Attribute {
  std::string name, value;
};

/// a=rtpmap, RFC 8866 section 6.6. `channels` only where the line gives it.
struct RtpMap {
  std::uint8_t payload_type = 0;  ///< 0..127
  std::string encoding;           ///< "VP8", "opus", "rtx": as written
  std::uint32_t clock_rate = 0;   ///< Hz
  std::optional<std::uint16_t> channels;
};

/// a=fmtp, RFC 8866 section 6.15.
struct Fmtp {
  std::uint8_t payload_type = 0;
  std::string parameters;  ///< without the payload type: "apt=96"
};

/// a=rtcp-fb, RFC 4585 section 4.2.
struct RtcpFeedback {
  std::optional<std::uint8_t> payload_type;  ///< nullopt: "*", all of the section
  std::string value;                         ///< "nack pli"
};

enum class Direction : std::uint8_t { sendrecv, sendonly, recvonly, inactive };

/// a=extmap, RFC 8285 section 5.
struct ExtMap {
  std::uint16_t id = 0;  ///< 1..14 in the one-byte form, 1..255 in the two-byte form; larger are placeholders
  Direction direction = Direction::sendrecv;
  std::string uri;
  std::string attributes;
};

/// The a=ssrc lines of one SSRC, RFC 5576 section 4.1.
struct Source {
  std::uint32_t ssrc = 0;
  std::string cname;
  std::string msid;                   ///< "<stream> <track>" of the older, SSRC-level msid; may be empty
  std::vector<Attribute> attributes;  ///< all of them
};

/// a=ssrc-group, RFC 5576 section 4.2. semantics: "FID", "FEC-FR", "FEC", "SIM".
struct SsrcGroup {
  std::string semantics;
  std::vector<std::uint32_t> ssrcs;
};

/// a=rid, RFC 8851 section 10.
struct Rid {
  std::string id;
  bool send = false;                        ///< else recv
  std::vector<std::uint8_t> payload_types;  ///< empty: no restriction
  std::string restrictions;                 ///< "max-width=1280;max-fps=30", without pt
};

/// a=simulcast, RFC 8853 section 5.1: streams in order of preference, each a list of alternatives.
struct Simulcast {
  struct Alternative {
    std::string rid;
    bool paused = false;  ///< "~"
  };
  std::vector<std::vector<Alternative>> send, recv;
};

/// a=msid, RFC 8830. `stream` is "-" where the track belongs to none.
struct Msid {
  std::string stream;
  std::string track;  ///< may be empty
};

/// a=candidate, RFC 8839 section 5.1.
struct Candidate {
  std::string foundation;
  std::uint16_t component = 0;
  std::string transport;  ///< "udp", "tcp": lower case
  std::uint32_t priority = 0;
  std::string address;
  std::uint16_t port = 0;
  std::string type;                                             ///< "host", "srflx", …
  std::vector<std::pair<std::string, std::string>> extensions;  ///< raddr, rport, tcptype, …
};

/// a=fingerprint, RFC 8122 section 5.
struct Fingerprint {
  std::string hash;   ///< lower case: "sha-256"
  std::string value;  ///< upper-case hex with colons
};

/// a=crypto, RFC 4568 section 9.1.
struct Crypto {
  std::uint32_t tag = 0;
  std::string suite;       ///< "AES_CM_128_HMAC_SHA1_80"
  std::string key_params;  ///< "inline:…"; secret
  std::string session_params;
};

/// a=group, RFC 5888 section 5.
struct Group {
  std::string semantics;  ///< "BUNDLE"
  std::vector<std::string> mids;
};

/// What may stand at session or media level; a media section that does not say inherits the session's.
struct Transport {
  std::string ice_ufrag, ice_pwd;
  std::vector<std::string> ice_options;
  std::vector<Fingerprint> fingerprints;
  std::string setup;  ///< "actpass", "active", "passive", "holdconn", or empty
};

/// One m= section.
struct Media {
  std::string kind;  ///< "audio", "video", "application": as written
  std::uint16_t port = 0;
  std::uint32_t port_count = 1;
  std::string protocol;                     ///< "UDP/TLS/RTP/SAVPF"
  std::vector<std::string> formats;         ///< as written
  std::vector<std::uint8_t> payload_types;  ///< those of `formats` that are RTP payload types, in order
  std::string connection;  ///< address of c=, the session's when the section has none; without "IN IP4", TTL
  Direction direction = Direction::sendrecv;
  Transport transport;
  std::optional<std::string> mid;
  std::optional<std::uint16_t> rtcp_port;  ///< a=rtcp, RFC 3605
  bool rtcp_mux = false, rtcp_rsize = false, bundle_only = false, end_of_candidates = false;
  std::vector<RtpMap> rtpmaps;
  std::vector<Fmtp> fmtps;
  std::vector<RtcpFeedback> feedback;
  std::vector<ExtMap> extmaps;  ///< the session's too
  std::vector<Source> sources;
  std::vector<SsrcGroup> ssrc_groups;
  std::vector<Rid> rids;
  std::optional<Simulcast> simulcast;
  std::vector<Msid> msids;
  std::vector<Candidate> candidates;
  std::vector<Crypto> cryptos;
  std::vector<Attribute> attributes;  ///< every a= line of the section, those above too

  /// The first attribute of this name; nullptr when there is none.
  [[nodiscard]] const Attribute* find(std::string_view name) const;
};

struct Session {
  std::string origin;  ///< o= whole
  std::string name;    ///< s=
  std::string connection;
  Direction direction = Direction::sendrecv;
  Transport transport;
  bool ice_lite = false;
  std::vector<Group> groups;
  std::vector<ExtMap> extmaps;
  std::vector<Candidate> candidates;
  std::vector<Attribute> attributes;
  std::vector<Media> media;

  [[nodiscard]] const Attribute* find(std::string_view name) const;
};

/// Largest description taken, and the most m= sections in it.
inline constexpr std::size_t kMaxBytes = 1U << 20;
inline constexpr std::size_t kMaxMedia = 1024;

/// Parses a description; lines may end in CRLF or LF. Total. Unknown lines are passed over, and an attribute
/// whose value makes no sense is kept in `attributes` only.
/// Errors: malformed, with the line's number, for what is no session description: no v=0 first, a line
/// without "x=", an m= line that cannot be read, sizes beyond the limits above.
[[nodiscard]] Result<Session> parse(std::string_view text);

/// The codecs of a section in its m= line's order, as manifests keep them ("video/VP8", fmtp and feedback
/// with the payload type in front). Payload types without rtpmap are those of RFC 3551; unknown ones are left
/// out.
[[nodiscard]] std::vector<Codec> codecs(const Media& media);

/// Extension URI to id, for ids that fit a packet (1..255).
[[nodiscard]] std::map<std::string, std::uint8_t> header_extensions(const Media& media);

/// Value of one parameter of an fmtp line ("96" of "apt" in "apt=96;rtx-time=3000"); names compare without
/// case.
[[nodiscard]] std::optional<std::string_view> fmtp_value(std::string_view parameters, std::string_view name);

}  // namespace rtpx::sdp
