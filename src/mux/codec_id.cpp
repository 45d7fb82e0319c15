#include "mux/codec_id.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"

namespace rtpx {
namespace {

constexpr std::array<std::pair<std::string_view, CodecId>, 16> kNames{{
    {"video/vp8", CodecId::vp8},
    {"video/vp9", CodecId::vp9},
    {"video/av1", CodecId::av1},
    {"video/av1x", CodecId::av1},
    {"video/h264", CodecId::h264},
    {"video/h265", CodecId::h265},
    {"video/hevc", CodecId::h265},
    {"audio/opus", CodecId::opus},
    {"audio/multiopus", CodecId::opus},
    {"audio/pcmu", CodecId::pcmu},
    {"audio/pcma", CodecId::pcma},
    {"audio/g722", CodecId::g722},
    {"audio/l16", CodecId::l16},
    {"audio/aac", CodecId::aac},
    {"audio/mp4a-latm", CodecId::aac},
    {"audio/flac", CodecId::flac},
}};

}  // namespace

std::optional<CodecId> codec_of(std::string_view mime_type) noexcept {
  for (const auto& [name, codec] : kNames)
    if (equals_ignoring_case(name, mime_type)) return codec;
  return std::nullopt;
}

}  // namespace rtpx
