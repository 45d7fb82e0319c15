// Key logs, rtpengine's metadata and the hellos of DTLS in captures: whatever the bytes are, both end, and
// keys have their profile's length.
#include "ingest/capture/dtls_handshake.hpp"
#include "ingest/capture/rtpengine_call.hpp"
#include "require.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  // The first two bytes tell where the key log ends and the handshake begins.
  const std::size_t cut = std::min<std::size_t>(load_be<std::uint16_t>(bytes.data()), size - 2);
  capture::KeyLog log;
  log.add(as_text(bytes.subspan(2, cut)));
  if (const auto call = capture::parse_rtpengine(as_text(bytes.subspan(2, cut))))
    for (const sdp::Media& media : call->session.media) require(media.cryptos.empty());
  capture::DtlsSession session;
  ByteReader in(bytes.subspan(2 + cut));
  while (!in.empty()) {
    const Bytes datagram = in.take(std::min<std::size_t>(in.u16(), in.remaining()));
    (void)capture::looks_like_dtls(datagram);
    (void)capture::read_hellos(datagram, session);
  }
  for (const SrtpProfile profile :
       {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm, SrtpProfile::aes128_cm_sha1_80})
    if (const auto keys = srtp_keys(session, profile, log)) {
      require(keys->client.key_and_salt.size() == srtp_key_size(profile) + srtp_salt_size(profile));
      require(keys->server.key_and_salt.size() == keys->client.key_and_salt.size());
    }
  return 0;
}
