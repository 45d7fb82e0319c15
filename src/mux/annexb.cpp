#include "mux/annexb.hpp"

#include <algorithm>
#include <array>

namespace rtpx {
namespace {

void append_set(std::vector<std::byte>& out, Bytes set) {
  out.push_back(static_cast<std::byte>(set.size() >> 8));
  out.push_back(static_cast<std::byte>(set.size()));
  out.insert(out.end(), set.begin(), set.end());
}

}  // namespace

std::vector<Bytes> split_annexb(Bytes stream) {
  std::vector<Bytes> nals;
  std::size_t begin = stream.size();  // of the NAL unit that is open; none
  const auto close = [&](std::size_t end) {
    while (end > begin && stream[end - 1] == std::byte{0}) --end;
    if (end > begin) nals.push_back(stream.subspan(begin, end - begin));
  };
  for (std::size_t i = 0; i + 2 < stream.size(); ++i) {
    if (stream[i + 2] > std::byte{1})
      i += 2;  // no start code can begin before the byte after it
    else if (stream[i] == std::byte{0} && stream[i + 1] == std::byte{0} && stream[i + 2] == std::byte{1}) {
      close(i);
      begin = i + 3;
      i += 2;
    }
  }
  close(stream.size());
  return nals;
}

Bytes length_prefixed(Bytes stream, std::vector<std::byte>& into) {
  into.clear();
  for (const Bytes nal : split_annexb(stream)) {
    std::array<std::byte, 4> length;
    store_be(length.data(), static_cast<std::uint32_t>(nal.size()));
    into.insert(into.end(), length.begin(), length.end());
    into.insert(into.end(), nal.begin(), nal.end());
  }
  return into;
}

std::vector<std::byte> avcc_of_annexb(Bytes stream) {
  std::vector<Bytes> sps, pps;
  for (const Bytes nal : split_annexb(stream)) {
    const auto type = static_cast<unsigned>(nal[0]) & 0x1F;
    if (type == 7 && nal.size() >= 4 && nal.size() <= 0xFFFF && sps.size() < 31) sps.push_back(nal);
    if (type == 8 && nal.size() <= 0xFFFF && pps.size() < 255) pps.push_back(nal);
  }
  std::vector<std::byte> out;
  if (sps.empty()) return out;
  out = {std::byte{1}, sps[0][1], sps[0][2], sps[0][3], std::byte{0xFF}};
  out.push_back(static_cast<std::byte>(0xE0 | sps.size()));
  for (const Bytes set : sps) append_set(out, set);
  out.push_back(static_cast<std::byte>(pps.size()));
  for (const Bytes set : pps) append_set(out, set);
  const auto profile = static_cast<unsigned>(sps[0][1]);
  if (profile == 100) {  // our encoders make 4:2:0 of 8 bits
    for (const int octet : {0xFC | 1, 0xF8, 0xF8, 0}) out.push_back(static_cast<std::byte>(octet));
  }
  return out;
}

std::vector<std::byte> av1c_of_obus(Bytes obus) {
  ByteReader in(obus);
  while (in.remaining() >= 2) {
    const std::size_t begin = in.position();
    const unsigned header = in.u8();  // section 5.3.2: type, extension, has_size
    if ((header & 4U) != 0) in.skip(1);
    std::uint64_t size = 0;
    if ((header & 2U) == 0) {
      size = in.remaining();
    } else {
      for (unsigned shift = 0, more = 0x80; shift < 35 && (more & 0x80U) != 0; shift += 7)
        size |= static_cast<std::uint64_t>((more = in.u8()) & 0x7FU) << shift;
    }
    const Bytes body = in.take(size);
    if (!in.ok()) break;
    if ((header >> 3 & 0xFU) != 1) continue;

    // sequence_header_obu(), section 5.5.1
    BitReader bits(body);
    const auto profile = static_cast<unsigned>(bits.bits(3));
    bits.skip(1);  // still_picture
    unsigned level = 0, tier = 0;
    if (bits.bit()) {  // reduced_still_picture_header
      level = static_cast<unsigned>(bits.bits(5));
    } else {
      if (bits.bit()) break;  // timing_info_present_flag: not from our encoders
      bits.skip(1 + 5 +
                12);  // initial_display_delay_present_flag, operating_points_cnt_minus_1, operating_point_idc
      level = static_cast<unsigned>(bits.bits(5));
      if (level > 7) tier = bits.bit() ? 1 : 0;
    }
    if (!bits.ok()) break;
    const Bytes whole = obus.subspan(begin, in.position() - begin);
    std::vector<std::byte> out(4 + whole.size());
    out[0] = std::byte{0x81};
    out[1] = static_cast<std::byte>(profile << 5 | level);
    out[2] = static_cast<std::byte>(tier << 7 | 0x0CU);  // our encoders make 4:2:0 of 8 bits
    std::ranges::copy(whole, out.begin() + 4);
    return out;
  }
  return {};
}

}  // namespace rtpx
