// Frames that may be encrypted end to end: all formats' parsers and decryptors, with keys that open the
// corpus. Input: { codec, what is known of the stretch, SSRC (4), RTP time (4), frame }.
#include <algorithm>

#include "e2ee/frame_trailer.hpp"
#include "e2ee/sframe_header.hpp"
#include "e2ee/track_decryptor.hpp"
#include "packets/encrypted_frames.hpp"
#include "require.hpp"

namespace {

const std::shared_ptr<const rtpx::E2eeKeys>& keys() {
  static const auto made =
      rtpx::E2eeKeys::parse(R"({"ratchet_window": 1, "injected_trailer": "a1b2", "keys": [
    {"name": "a", "index": 0, "passphrase": "correct horse battery staple", "format": "livekit"},
    {"name": "b", "index": 0, "hex": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "format": "jitsi"},
    {"name": "c", "index": 9, "hex": "000102030405060708090a0b0c0d0e0f", "format": "medooze"},
    {"name": "d", "index": 291, "hex": "000102030405060708090a0b0c0d0e0f", "format": "sframe"}]})");
  return *made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rtpx;
  ByteReader in(std::as_bytes(std::span(data, size)));
  const std::uint8_t codec = in.u8(), known = in.u8();
  SealedFrame frame;
  frame.ssrc = in.u32();
  frame.timestamp = in.u32();
  if (!in.ok()) return 0;
  frame.codec = static_cast<HintFormat>(codec % 6);
  if (known < 4) frame.known = static_cast<E2eeFormat>(known);
  frame.data = in.rest();

  const Bytes bare = without_frame_metadata(frame.data);
  require(bare.size() <= frame.data.size() && bare.data() == frame.data.data());
  for (const auto& header : {parse_sframe_header(frame.data), parse_medooze_header(frame.data)})
    require(!header || (header->size >= 1 && header->size <= frame.data.size()));

  TrackDecryptor decryptor(keys());
  const TrackDecryptor::Opened opened = decryptor.open(frame);
  using State = TrackDecryptor::State;
  require((opened.state == State::decrypted) == (opened.key != nullptr));
  require(opened.state != State::decrypted || opened.data);
  require((opened.state != State::no_key && opened.state != State::wrong_key) || !opened.data);
  if (opened.data) {
    require(opened.data->size() <= frame.data.size());
    require(opened.state == State::decrypted ||
            std::ranges::equal(*opened.data, frame.data.first(opened.data->size())));
  }

  // The same bytes as a track: payloads of 1 to 64 bytes.
  std::vector<EncryptedSpan> spans;
  EncryptedFrames watch(spans);
  std::int64_t timestamp = frame.timestamp;
  for (ByteReader packets(frame.data); packets.ok() && !packets.empty(); timestamp += 960) {
    const std::size_t length = std::min<std::size_t>(packets.u8() % 64U + 1, packets.remaining());
    RtpPacket packet;
    packet.ssrc = frame.ssrc;
    packet.timestamp = static_cast<std::uint32_t>(timestamp);
    packet.payload = packets.take(length);
    watch.push(0, timestamp, packet, codec % 2 == 1, codec % 3 != 0, packet.payload);
  }
  for (const EncryptedSpan& span : spans)
    require(span.from_timestamp <= span.to_timestamp && span.frames > 0 && !span.key_indexes.empty());
  return 0;
}
