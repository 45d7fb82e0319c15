#include "support/payloader.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "support/rtp_files.hpp"
#include "support/tools.hpp"

namespace rtpx::test {

void RtpSource::add(std::uint32_t timestamp, bool marker, const std::string& payload) {
  std::string packet(12, '\0');
  auto* header = reinterpret_cast<std::byte*>(packet.data());
  header[0] = std::byte{0x80};
  header[1] = static_cast<std::byte>(payload_type_ | (marker ? 0x80 : 0));
  store_be(header + 2, static_cast<std::uint16_t>(packets_.size()));
  store_be(header + 4, timestamp);
  header[11] = std::byte{1};
  packets_.push_back(packet + payload);
}

std::vector<std::string> payload_with_gstreamer(const TempDir& folder, const std::string& file,
                                                const std::string& elements) {
  if (!run(folder, "timeout 20 gst-launch-1.0 -q filesrc location=" + file + " ! matroskademux ! " +
                       elements + " ! rtpstreampay ! filesink location=out.rtp"))
    return {};
  return read_rtp_packets(folder / "out.rtp");
}

std::vector<std::string> obus_of(const std::string& unit) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < unit.size();) {
    const std::size_t header = (static_cast<int>(unit[at]) & 4) != 0 ? 2 : 1;
    std::size_t size = 0, field = 0;
    do size |= (static_cast<std::size_t>(unit[at + header + field]) & 0x7F) << (7 * field);
    while ((static_cast<int>(unit[at + header + field++]) & 0x80) != 0);
    out.push_back(std::string(1, static_cast<char>(unit[at] & ~2)) + unit.substr(at + 1, header - 1) +
                  unit.substr(at + header + field, size));
    at += header + field + size;
  }
  return out;
}

std::vector<std::string> av1_payloads(const std::string& unit, bool first) {
  std::vector<std::string> packets{std::string(1, '\0')};
  for (const std::string& obu : obus_of(unit)) {
    if ((static_cast<int>(obu[0]) >> 3 & 15) == 2) continue;  // temporal delimiter
    for (std::size_t at = 0; at < obu.size();) {
      if (packets.back().size() > 250) {
        packets.emplace_back(1, static_cast<char>(at > 0 ? 0x80 : 0));
        if (at > 0) packets[packets.size() - 2][0] |= 0x40;
      }
      const std::size_t size = std::min(obu.size() - at, 300 - packets.back().size());
      if (size > 127)
        packets.back() += {static_cast<char>(0x80 | (size & 0x7F)), static_cast<char>(size >> 7)};
      else
        packets.back() += static_cast<char>(size);
      packets.back() += obu.substr(at, size);
      at += size;
    }
  }
  if (first) packets[0][0] |= 8;
  return packets;
}

bool is_vp9_keyframe(const std::string& frame) {
  return (static_cast<int>(frame[0]) & 0x04) == 0;
}

std::vector<std::string> vp9_payloads(const std::string& frame) {
  const bool key = is_vp9_keyframe(frame);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < frame.size(); at += 990) {
    const int begins = at == 0 ? 0x08 : 0, ends = at + 990 >= frame.size() ? 0x04 : 0;
    out.push_back(std::string(1, static_cast<char>((key ? 0 : 0x40) | begins | ends)) +
                  frame.substr(at, 990));
  }
  return out;
}

std::vector<std::string> read_ivf(const std::filesystem::path& file) {
  const std::string b = read_file(file);
  std::vector<std::string> out;
  for (std::size_t at = 32; at + 12 <= b.size();) {
    const std::uint32_t size = __builtin_bswap32(load_be<std::uint32_t>(as_bytes(b).data() + at));
    out.push_back(b.substr(at + 12, size));
    at += 12 + size;
  }
  return out;
}

}  // namespace rtpx::test
