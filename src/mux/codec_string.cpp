#include "mux/codec_string.hpp"

#include <cstdio>

#include "mux/mp4_track.hpp"

namespace rtpx {
namespace {

unsigned octet(const std::vector<std::byte>& bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned>(bytes[at]) : 0;
}

template <typename... Values>
std::string printed(const char* format, Values... values) {
  char text[80];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// ISO/IEC 14496-15 annex E.3: profile space, tier and level, and the constraint bytes without their zeros.
std::string h265_string(const char* entry, const std::vector<std::byte>& hvcc) {
  const unsigned general = octet(hvcc, 1);
  std::uint32_t flags = 0, reversed = 0;
  for (std::size_t i = 2; i < 6; ++i) flags = flags << 8 | octet(hvcc, i);
  for (unsigned bit = 0; bit < 32; ++bit) reversed |= (flags >> bit & 1U) << (31 - bit);
  constexpr const char* kSpaces[] = {"", "A", "B", "C"};
  std::string out = std::string(entry) + "." + kSpaces[general >> 6] + std::to_string(general & 0x1F) + "." +
                    printed("%X", reversed) + "." + ((general & 0x20) != 0 ? "H" : "L") +
                    std::to_string(octet(hvcc, 12));
  std::size_t last = 12;
  while (last > 6 && octet(hvcc, last - 1) == 0) --last;
  for (std::size_t i = 6; i < last; ++i) out += printed(".%X", octet(hvcc, i));
  return out;
}

// AV1 Codec ISO Media File Format Binding section 5.
std::string av1_string(const std::vector<std::byte>& av1c) {
  const unsigned profile = octet(av1c, 1) >> 5, level = octet(av1c, 1) & 0x1F, bits = octet(av1c, 2);
  const unsigned depth = (bits & 0x40) == 0 ? 8 : profile == 2 && (bits & 0x20) != 0 ? 12 : 10;
  return printed("av01.%u.%02u%c.%02u", profile, level, (bits & 0x80) != 0 ? 'H' : 'M', depth);
}

}  // namespace

Result<std::string> codec_string(const OutputTrack& track, Format format) {
  const auto made = Mp4Track::make(track, 48'000);
  if (!made) return std::unexpected(made.error());
  const std::vector<std::byte>& setup = made->setup;
  switch (made->codec) {
    case CodecId::vp8:
      if (format == Format::webm) return "vp8";
      return printed("vp08.%02u.%02u.08", octet(setup, 4), octet(setup, 5));
    case CodecId::vp9:
      return printed("vp09.%02u.%02u.%02u", octet(setup, 4), octet(setup, 5), octet(setup, 6) >> 4);
    case CodecId::av1:
      return av1_string(setup);
    case CodecId::h264:
      return printed("%s.%02X%02X%02X", made->sets_in_band ? "avc3" : "avc1", octet(setup, 1), octet(setup, 2),
                     octet(setup, 3));
    case CodecId::h265:
      return h265_string(made->sets_in_band ? "hev1" : "hvc1", setup);
    case CodecId::opus:
      return "opus";
    case CodecId::flac:
      return "flac";
    case CodecId::aac: {
      // The object type is the first five bits of the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
      const unsigned type = octet(track.config.codec_private, 0) >> 3;
      return "mp4a.40." + std::to_string(type == 0 ? 2 : type);
    }
    default:
      return fail(Errc::unsupported, "browsers have no name for " + track.mime_type);
  }
}

}  // namespace rtpx
