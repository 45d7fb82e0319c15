#include "mux/parameter_sets.hpp"

#include <array>

namespace rtpx {
namespace {

void read_sets(ByteReader& in, unsigned count, std::vector<Bytes>& sets) {
  for (; count > 0 && in.ok(); --count) {
    const Bytes set = in.take(in.u16());
    if (!set.empty()) sets.push_back(set);
  }
}

void read_avcc(ByteReader& in, std::vector<Bytes>& sets) {
  in.skip(5);  // configurationVersion, profile, compatibility, level, lengthSizeMinusOne
  read_sets(in, in.u8() & 0x1FU, sets);
  read_sets(in, in.u8(), sets);
}

void read_hvcc(ByteReader& in, std::vector<Bytes>& sets) {
  in.skip(22);
  for (unsigned arrays = in.u8(); arrays > 0 && in.ok(); --arrays) {
    in.skip(1);  // array_completeness, NAL_unit_type
    read_sets(in, in.u16(), sets);
  }
}

unsigned nal_type(CodecId codec, std::byte first) noexcept {
  const auto octet = static_cast<unsigned>(first);
  return codec == CodecId::h264 ? octet & 0x1F : octet >> 1 & 0x3F;
}

}  // namespace

Result<std::vector<Bytes>> parameter_sets(CodecId codec, Bytes record) {
  ByteReader in(record);
  std::vector<Bytes> sets;
  if (codec == CodecId::h264) read_avcc(in, sets);
  if (codec == CodecId::h265) read_hvcc(in, sets);
  if (!in.ok())
    return fail(Errc::malformed, std::string("the ") + (codec == CodecId::h264 ? "avcC" : "hvcC") +
                                     " record of " + std::to_string(record.size()) +
                                     " bytes ends inside a parameter set");
  return sets;
}

bool has_sequence_parameter_set(CodecId codec, Bytes access_unit) noexcept {
  const unsigned wanted = codec == CodecId::h264 ? 7 : 33;
  ByteReader in(access_unit);
  while (in.remaining() > 4) {
    const Bytes nal = in.take(in.u32());
    if (!nal.empty() && nal_type(codec, nal[0]) == wanted) return true;
  }
  return false;
}

Result<std::vector<std::byte>> missing_parameter_sets(CodecId codec, Bytes record, Bytes access_unit) {
  std::vector<std::byte> out;
  if (!has_parameter_sets(codec) || has_sequence_parameter_set(codec, access_unit)) return out;
  const auto sets = parameter_sets(codec, record);
  if (!sets) return std::unexpected(sets.error());
  for (const Bytes set : *sets) {
    std::array<std::byte, 4> length;
    store_be(length.data(), static_cast<std::uint32_t>(set.size()));
    out.insert(out.end(), length.begin(), length.end());
    out.insert(out.end(), set.begin(), set.end());
  }
  return out;
}

}  // namespace rtpx
