#include "support/rtp_files.hpp"

#include <algorithm>
#include <optional>

#include "rtp/packet.hpp"
#include "rtp/unwrap.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using Strings = std::vector<std::string>;

Bytes part(const std::string& text, std::size_t at, std::size_t size) {
  return as_bytes(std::string_view(text).substr(std::min(at, text.size()), size));
}
std::uint32_t le32(const std::string& b, std::size_t at) {
  return __builtin_bswap32(load_be<std::uint32_t>(part(b, at, 4).data()));
}

// The UDP payload in a link-layer frame; empty when it has none.
std::string udp_payload(std::string_view frame, std::uint32_t link_type) {
  std::size_t at = 14;
  if (link_type == 113) at = 16;
  if (link_type == 0) at = 4;
  if (link_type == 101 || link_type == 12) at = 0;
  if (link_type == 1 && frame.size() > 18 && frame.substr(12, 2) == std::string_view("\x81\x00", 2)) at = 18;
  if (frame.size() < at + 28) return {};
  const auto u8 = [&](std::size_t i) { return static_cast<std::uint8_t>(frame[i]); };
  std::size_t udp = at + 40;
  std::uint8_t protocol = u8(at + 6);
  if (u8(at) >> 4 == 4) {
    udp = at + 4U * (u8(at) & 15U);
    protocol = u8(at + 9);
  } else if (u8(at) >> 4 != 6) {
    return {};
  }
  if (protocol != 17 || frame.size() < udp + 8) return {};
  const std::size_t length = static_cast<std::size_t>(u8(udp + 4)) << 8 | u8(udp + 5);
  return std::string(frame.substr(udp + 8, length < 8 ? std::string_view::npos : length - 8));
}

Strings read_pcap(const std::string& b) {
  Strings out;
  for (std::size_t at = 24; at + 16 <= b.size(); at += 16 + le32(b, at + 8))
    out.push_back(udp_payload(std::string_view(b).substr(at + 16, le32(b, at + 8)), le32(b, 20) & 0xFFFF));
  return out;
}

Strings read_pcapng(const std::string& b) {
  Strings out;
  std::vector<std::uint32_t> links;
  for (std::size_t at = 0; at + 12 <= b.size() && le32(b, at + 4) >= 12; at += le32(b, at + 4)) {
    if (le32(b, at) == 1) links.push_back(le32(b, at + 8) & 0xFFFF);
    if (le32(b, at) != 6 || le32(b, at + 8) >= links.size()) continue;
    out.push_back(udp_payload(std::string_view(b).substr(at + 28, le32(b, at + 20)), links[le32(b, at + 8)]));
  }
  return out;
}

Strings read_rtpdump(const std::string& b) {
  Strings out;
  std::size_t at = b.find('\n') + 17;
  while (at + 8 <= b.size()) {
    const std::size_t length = load_be<std::uint16_t>(part(b, at, 2).data());
    if (length < 8) break;
    out.push_back(b.substr(at + 8, length - 8));
    at += length;
  }
  return out;
}

Strings read_len16(const std::string& b) {
  Strings out;
  for (std::size_t at = 0; at + 2 <= b.size();) {
    const std::size_t length = load_be<std::uint16_t>(part(b, at, 2).data());
    out.push_back(b.substr(at + 2, length));
    at += 2 + length;
  }
  return out;
}

Strings read_rtpx(const std::string& b, int rid) {
  Strings out;
  for (std::size_t at = 0; at + 13 <= b.size();) {
    const std::size_t length = load_be<std::uint32_t>(part(b, at + 9, 4).data());
    if (static_cast<std::uint8_t>(b[at]) == rid) out.push_back(b.substr(at + 13, length));
    at += 13 + length;
  }
  return out;
}

}  // namespace

std::vector<std::string> read_rtp_packets(const std::filesystem::path& file, int rid) {
  const std::string b = read_file(file);
  Strings all;
  if (file.extension() == ".rtpx")
    all = read_rtpx(b, rid);
  else if (b.starts_with("\xd4\xc3\xb2\xa1"))
    all = read_pcap(b);
  else if (b.starts_with("\x0a\x0d\x0d\x0a"))
    all = read_pcapng(b);
  else if (b.starts_with("#!rtpplay"))
    all = read_rtpdump(b);
  else
    all = read_len16(b);
  std::erase_if(all,
                [](const std::string& p) { return looks_like_rtcp(as_bytes(p)) || !parse_rtp(as_bytes(p)); });
  return all;
}

MediaPackets::MediaPackets(std::vector<std::string> packets, int payload_type, std::uint32_t ssrc,
                           int dependency_descriptor_id)
    : bytes_(std::move(packets)) {
  SequenceUnwrapper sequences;
  TimestampUnwrapper timestamps;
  for (const std::string& bytes : bytes_) {
    const auto packet = parse_rtp(as_bytes(bytes));
    if (!packet || packet->payload_type != payload_type || (ssrc != 0 && packet->ssrc != ssrc)) continue;
    if (ssrc == 0) ssrc = packet->ssrc;
    MediaPacket media{.sequence = sequences(packet->sequence_number),
                      .timestamp = timestamps(packet->timestamp),
                      .marker = packet->marker,
                      .payload = packet->payload};
    if (dependency_descriptor_id != 0)
      media.dependency_descriptor =
          find_extension(*packet, static_cast<std::uint8_t>(dependency_descriptor_id));
    media_.push_back(media);
  }
  std::ranges::stable_sort(media_, {}, &MediaPacket::sequence);
  const auto repeated = std::ranges::unique(media_, {}, &MediaPacket::sequence);
  media_.erase(repeated.begin(), repeated.end());
}

}  // namespace rtpx::test
