// The recognizer, AV1's dependency descriptors and the parsers of format parameters on the same bytes.
#include <algorithm>

#include "codec/av1_dependency_descriptor.hpp"
#include "codec/fmtp.hpp"
#include "codec/nal.hpp"
#include "codec/opus.hpp"
#include "require.hpp"

using namespace rtpx;

namespace {

// Repeated { control, length, payload }, as in depacketize.hpp.
void recognize(MediaKind kind, Bytes bytes) {
  CodecRecognizer recognizer(kind);
  ByteReader in(bytes);
  MediaPacket packet;
  while (in.remaining() >= 2) {
    const std::uint8_t control = in.u8();
    packet.sequence += (control & 1U) != 0 ? 2 : 1;
    if ((control & 2U) != 0) packet.timestamp += 960;
    packet.marker = (control & 4U) != 0;
    packet.payload = in.take(std::min<std::size_t>(in.u8(), in.remaining()));
    recognizer.push(packet);
  }
  (void)recognizer.answer();
}

void dependency_descriptors(Bytes bytes) {
  DependencyDescriptorReader reader;
  ByteReader in(bytes);
  while (!in.empty()) {
    const auto descriptor = reader.read(in.take(std::min<std::size_t>(in.u8(), in.remaining())));
    if (!descriptor) continue;
    require(descriptor->spatial_layer <= 7 && descriptor->temporal_layer <= 7);
    for (const std::uint16_t difference : descriptor->differences)
      require(difference >= 1 && difference <= 4096);
  }
}

void parameters(Bytes bytes) {
  Codec codec{.payload_type = 96, .mime_type = "audio/multiopus"};
  codec.sdp_fmtp_line = std::string(as_text(bytes));
  if (const auto layout = multiopus_layout(codec)) require(layout->channels >= 1 && layout->channels <= 8);
  for (const auto& nal : decode_sprop(as_text(bytes))) require(!nal.empty() && nal.size() <= bytes.size());
  require(unescape_nal(bytes).size() <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  recognize(MediaKind::video, bytes);
  recognize(MediaKind::audio, bytes);
  dependency_descriptors(bytes);
  parameters(bytes);
  return 0;
}
