#include "generated_picture.hpp"

#include <cstring>
#include <initializer_list>

#include "base/bytes.hpp"

namespace rtpx::bench {
namespace {

void put(std::byte* to, std::initializer_list<int> octets) {
  for (const int octet : octets) *to++ = static_cast<std::byte>(octet);
}

// RFC 7741 section 4.2 with a picture id of 15 bits, then RFC 6386 section 9.1: 1280 x 720.
void vp8(std::byte* payload, const PicturePart& part) {
  put(payload, {part.first ? 0x90 : 0x80, 0x80});
  store_be(payload + 2, static_cast<std::uint16_t>(0x8000 | part.picture));
  if (part.first && part.keyframe) put(payload + 4, {0x50, 0x42, 0, 0x9D, 0x01, 0x2A, 0, 5, 0xD0, 2});
  if (part.first && !part.keyframe) put(payload + 4, {0x51});
}

// RFC 9628 section 4.2, non-flexible, without layers; then the uncompressed header: 1280 x 720.
void vp9(std::byte* payload, const PicturePart& part) {
  put(payload, {0x80 | (part.keyframe ? 0 : 0x40) | (part.first ? 8 : 0) | (part.last ? 4 : 0)});
  store_be(payload + 1, static_cast<std::uint16_t>(0x8000 | part.picture));
  if (part.first && part.keyframe) put(payload + 3, {0x82, 0x49, 0x83, 0x42, 0x20, 0x4F, 0xF0, 0x2C, 0xF0});
  if (part.first && !part.keyframe) put(payload + 3, {0x86});
}

// Aggregation header; the sequence header is a browser's; a shown frame in one OBU over all packets.
void av1(std::byte* payload, const PicturePart& part) {
  static constexpr std::initializer_list<int> kSequence = {8, 0, 0, 0, 4, 0x3C, 0xFF, 0xBC, 1, 0xA0, 8};
  const bool key = part.first && part.keyframe;
  put(payload, {(part.first ? 0 : 0x80) | (part.last ? 0 : 0x40) | (key ? 0x28 : 0x10)});
  if (!part.first) return;
  std::byte* frame = payload + 1;
  if (key) {
    put(frame, {static_cast<int>(kSequence.size())});
    put(frame + 1, kSequence);
    frame += 1 + kSequence.size();
  }
  put(frame, {0x30, part.keyframe ? 0x10 : 0x30});
}

// FU-A of one slice.
void h264(std::byte* payload, const PicturePart& part) {
  const int type = part.keyframe ? 5 : 1;
  put(payload, {0x7C, (part.first ? 0x80 : 0) | (part.last ? 0x40 : 0) | type});
  if (part.first) put(payload + 2, {part.keyframe ? 0x88 : 0x9A, 0x84});
}

// FU of one slice: IDR_W_RADL or TRAIL_R.
void h265(std::byte* payload, const PicturePart& part) {
  const int type = part.keyframe ? 19 : 1;
  put(payload, {0x62, 1, (part.first ? 0x80 : 0) | (part.last ? 0x40 : 0) | type});
  if (part.first) put(payload + 3, {part.keyframe ? 0xA8 : 0xD0});
}

void add_unit(std::vector<std::byte>& aggregate, std::initializer_list<int> nal) {
  const std::size_t at = aggregate.size();
  aggregate.resize(at + 2 + nal.size());
  put(&aggregate[at], {0, static_cast<int>(nal.size())});
  put(&aggregate[at + 2], nal);
}

}  // namespace

void write_picture_head(Picture codec, std::byte* payload, const PicturePart& part) {
  switch (codec) {
    case Picture::vp8:
      return vp8(payload, part);
    case Picture::vp9:
      return vp9(payload, part);
    case Picture::av1:
      return av1(payload, part);
    case Picture::h264:
      return h264(payload, part);
    case Picture::h265:
      return h265(payload, part);
  }
}

// The sets of real encoders.
std::vector<std::byte> parameter_packet(Picture codec) {
  std::vector<std::byte> out;
  if (codec == Picture::h264) {
    out.push_back(std::byte{0x78});
    add_unit(out, {0x67, 0x42, 0xC0, 0x1F, 0x8C, 0x8D, 0x40, 0x50, 0x1E, 0xD0, 0x0F, 0x08, 0x84, 0x6A});
    add_unit(out, {0x68, 0xCE, 0x3C, 0x80});
  }
  if (codec == Picture::h265) {
    out = {std::byte{0x60}, std::byte{1}};
    add_unit(out, {0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00,
                   0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x1E, 0x95, 0x98, 0x09});
    add_unit(out, {0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
                   0x00, 0x03, 0x00, 0x1E, 0xA0, 0x20, 0x81, 0x05, 0x96, 0x56, 0x69, 0x24, 0xCA, 0xF0,
                   0x10, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x01, 0xE0, 0x80});
    add_unit(out, {0x44, 0x01, 0xC1, 0x72, 0xB4, 0x22, 0x40});
  }
  return out;
}

}  // namespace rtpx::bench
