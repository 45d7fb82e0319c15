#include "ingest/capture/decryption.hpp"

#include <algorithm>

#include "ingest/capture/dtls_handshake.hpp"
#include "ingest/udp/sdes.hpp"
#include "rtp/packet.hpp"

namespace rtpx::capture {
namespace {

constexpr std::size_t kMaxFlows = 4096;
constexpr std::size_t kMaxSources = 65536;
constexpr std::size_t kMaxKeys = 256;
constexpr SrtpProfile kProfiles[] = {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm,
                                     SrtpProfile::aes128_cm_sha1_80, SrtpProfile::aes128_cm_sha1_32};

void add_key(const SrtpKeys& keys, std::vector<Srtp>& to) {
  if (auto made = Srtp::create(keys, Srtp::Direction::receive)) to.push_back(std::move(*made));
}

/// Whether the packets of a compound fill it exactly.
bool is_clear_rtcp(Bytes payload) {
  ByteReader in(payload);
  while (in.remaining() >= 4) {
    const std::uint8_t first = in.u8(), type = in.u8();
    if (first >> 6 != 2 || type < 192 || type > 223) return false;
    in.skip(4 * std::size_t{in.u16()});
    if (!in.ok()) return false;
  }
  return in.remaining() == 0;
}

/// RFC 3711 section 3.4: E flag and index before a tag of 10 bytes; RFC 7714 section 9: at the end.
bool looks_like_srtcp(Bytes payload) {
  constexpr std::uint32_t kEncrypted = 0x80000000U, kEarly = 1U << 20;
  for (const std::size_t back : {std::size_t{14}, std::size_t{4}}) {
    if (payload.size() < 8 + back) continue;
    const auto word = load_be<std::uint32_t>(&payload[payload.size() - back]);
    if ((word & kEncrypted) != 0 && (word & ~kEncrypted) < kEarly) return true;
  }
  return false;
}

}  // namespace

Result<Decryption> Decryption::create(const sdp::Session* sdp, KeyLog log) {
  Decryption out;
  out.log_ = std::move(log);
  if (sdp == nullptr) return out;
  std::optional<Error> refused;
  for (const sdp::Media& media : sdp->media) {
    for (const sdp::Crypto& crypto : media.cryptos) {
      const auto keys = sdes_keys(crypto);
      if (!keys) {
        refused = keys.error();
        continue;
      }
      if (out.signalled_.size() < kMaxKeys)
        if (auto made = Srtp::create(*keys, Srtp::Direction::receive))
          out.signalled_.push_back(std::move(*made));
    }
  }
  if (out.signalled_.empty() && refused) return std::unexpected(*refused);
  return out;
}

std::optional<Bytes> Decryption::open(const Datagram& datagram) {
  if (looks_like_dtls(datagram.payload)) observe(datagram);
  const bool rtcp = looks_like_rtcp(datagram.payload);
  const auto packet = rtcp ? std::nullopt : parse_rtp(datagram.payload);
  if (!rtcp && !packet) return datagram.payload;
  Handshake* handshake = handshake_of(datagram);
  std::vector<Srtp>* keys = &signalled_;
  if (handshake != nullptr)
    keys = handshake->client == datagram.source ? &handshake->from_client : &handshake->from_server;
  if (keys->empty()) return handshake == nullptr ? std::optional(datagram.payload) : std::nullopt;
  const std::uint32_t ssrc =
      rtcp ? (datagram.payload.size() >= 8 ? load_be<std::uint32_t>(&datagram.payload[4]) : 0) : packet->ssrc;
  return try_all(*keys, datagram, ssrc);
}

std::optional<Bytes> Decryption::try_all(std::vector<Srtp>& keys, const Datagram& datagram,
                                         std::uint32_t ssrc) {
  const auto id = std::tuple(ssrc, datagram.source, static_cast<const void*>(&keys));
  const auto known = known_.find(id);
  Srtp::Failure why = Srtp::Failure::refused;
  const auto opened_by = [&](std::size_t i) {
    buffer_.assign(datagram.payload.begin(), datagram.payload.end());
    return looks_like_rtcp(datagram.payload) ? keys[i].unprotect_rtcp(buffer_, why)
                                             : keys[i].unprotect_rtp(buffer_, why);
  };
  std::optional<Bytes> clear;
  if (known != known_.end()) {
    clear = opened_by(known->second);
  } else {
    for (std::size_t i = 0; i < keys.size() && !clear && why == Srtp::Failure::refused; ++i) {
      clear = opened_by(i);
      if (clear && known_.size() < kMaxSources) known_.emplace(id, i);
    }
  }
  ++(clear ? counts_.opened : why == Srtp::Failure::replayed ? counts_.replayed : counts_.refused);
  return clear;
}

Decryption::Handshake* Decryption::handshake_of(const Datagram& datagram) {
  const auto at = handshakes_.find(std::minmax(datagram.source, datagram.destination));
  return at == handshakes_.end() || (at->second.from_client.empty() && at->second.from_server.empty())
             ? nullptr
             : &at->second;
}

void Decryption::observe(const Datagram& datagram) {
  if (log_.empty()) return;
  const Flow flow = std::minmax(datagram.source, datagram.destination);
  if (!handshakes_.contains(flow) && handshakes_.size() == kMaxFlows) return;
  Handshake& handshake = handshakes_[flow];
  const auto before = handshake.session.client_random;
  const Hello hello = read_hellos(datagram.payload, handshake.session);
  if (hello == Hello::client) {
    handshake.client = datagram.source;
    if (before != handshake.session.client_random) {
      handshake.from_client.clear();
      handshake.from_server.clear();
      std::erase_if(known_, [&](const auto& entry) {
        return std::get<2>(entry.first) == &handshake.from_client ||
               std::get<2>(entry.first) == &handshake.from_server;
      });
    }
  }
  if (hello != Hello::server || !handshake.from_client.empty()) return;
  for (const SrtpProfile profile : kProfiles) {
    if (handshake.session.profile && *handshake.session.profile != profile) continue;
    if (const auto keys = srtp_keys(handshake.session, profile, log_)) {
      add_key(keys->client, handshake.from_client);
      add_key(keys->server, handshake.from_server);
    }
  }
}

EncryptionSigns::Hosts EncryptionSigns::hosts(const Endpoint& one, const Endpoint& other) {
  return std::minmax(one.address, other.address);
}

void EncryptionSigns::add(const Datagram& datagram) {
  DtlsSession session;
  const bool dtls =
      looks_like_dtls(datagram.payload) && read_hellos(datagram.payload, session) != Hello::none;
  const bool rtcp = looks_like_rtcp(datagram.payload);
  if (!dtls && !rtcp) return;
  const Hosts key = hosts(datagram.source, datagram.destination);
  if (!seen_.contains(key) && seen_.size() == kMaxFlows) return;
  Seen& seen = seen_[key];
  seen.dtls = seen.dtls || dtls;
  if (!rtcp) return;
  if (is_clear_rtcp(datagram.payload))
    ++seen.clear;
  else if (looks_like_srtcp(datagram.payload))
    ++seen.sealed;
}

bool EncryptionSigns::encrypted(const Endpoint& source, const Endpoint& destination,
                                std::string_view protocol) const {
  if (destination.version == 0) return false;  // not from the network: whoever wrote the file had opened them
  const auto at = seen_.find(hosts(source, destination));
  const Seen seen = at == seen_.end() ? Seen() : at->second;
  if (seen.clear != seen.sealed) return seen.sealed > seen.clear;
  if (protocol.find("SAVP") != protocol.npos && protocol.find("TLS") == protocol.npos) return true;
  return seen.dtls;
}

}  // namespace rtpx::capture
