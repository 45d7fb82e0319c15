// RTX, RED, ULPFEC and both FlexFECs: each parser on the bytes alone, then all of them together on a stream.
// Stream input: repeated { control, length, bytes }. Control bits 0-2 choose the payload type, bit 3 puts the
// bytes behind a header of the stream, made here (so that the fuzzer need not guess it); otherwise they are
// the packet.
#include <algorithm>
#include <vector>

#include "repair/flexfec.hpp"
#include "repair/red.hpp"
#include "repair/repairer.hpp"
#include "repair/ulpfec.hpp"
#include "require.hpp"

using namespace rtpx;

namespace {

constexpr std::uint8_t kTypes[8] = {96, 97, 49, 50, 118, 120, 111, 63};

void parse_alone(Bytes bytes) {
  std::vector<RedBlock> blocks;
  const bool red = parse_red(bytes, blocks);
  const auto primary = primary_of_red(bytes);
  require(red == primary.has_value());
  if (red) {
    std::size_t total = 0;
    for (const RedBlock& block : blocks) total += block.payload.size();
    require(total + 4 * (blocks.size() - 1) + 1 == bytes.size());
    require(blocks.back().payload.data() == primary->payload.data());
  }
  for (const Parity& level : parse_ulpfec(bytes, 1)) require(level.bytes.size() <= bytes.size());
  if (const auto parity = parse_flexfec_03(bytes))
    require(!parity->members.empty() && parity->members.size() <= kMaxParityMembers);
  if (const auto packet = parse_rtp(bytes))
    if (const auto parity = parse_flexfec(*packet))
      require(!parity->members.empty() && parity->members.size() <= kMaxParityMembers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  parse_alone(bytes);

  const PayloadTypes types({{.payload_type = 96, .mime_type = "video/VP8"},
                            {.payload_type = 97, .mime_type = "video/rtx", .sdp_fmtp_line = "97 apt=96"},
                            {.payload_type = 49, .mime_type = "video/flexfec-03"},
                            {.payload_type = 50, .mime_type = "video/flexfec"},
                            {.payload_type = 118, .mime_type = "video/red"},
                            {.payload_type = 120, .mime_type = "video/ulpfec"},
                            {.payload_type = 111, .mime_type = "audio/opus"},
                            {.payload_type = 63, .mime_type = "audio/red"}});
  std::size_t given = 0;
  Repairer repairer(types,
                    {{"urn:ietf:params:rtp-hdrext:toffset", 14},
                     {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 3},
                     {"http://www.webrtc.org/experiments/rtp-hdrext/video-timing", 7},
                     {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 5}},
                    [&](const Repaired& repaired) {
                      require(types.role(repaired.packet.payload_type) == PayloadRole::media);
                      require(parse_rtp(repaired.packet.whole).has_value());
                      ++given;
                    });
  ByteReader in(bytes);
  std::size_t pushed = 0;
  for (std::uint16_t number = 0; in.remaining() >= 2; ++number) {
    const std::uint8_t control = in.u8();
    const Bytes part = in.take(std::min<std::size_t>(in.u8(), in.remaining()));
    std::vector<std::byte> packet(part.begin(), part.end());
    if ((control & 8) != 0) {
      std::vector<std::byte> header(12);
      header[0] = std::byte{0x80};
      header[1] = static_cast<std::byte>(kTypes[control & 7]);
      store_be(header.data() + 2, number);
      store_be(header.data() + 8, std::uint32_t{1});
      packet.insert(packet.begin(), header.begin(), header.end());
    }
    if (const auto parsed = parse_rtp(packet)) {
      repairer.push(*parsed);
      pushed += 1 + parsed->payload.size();
    }
  }
  require(given <= pushed);  // each packet given back has cost at least a header of its own
  return 0;
}
