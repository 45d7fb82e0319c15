#pragma once

#include <array>
#include <string>
#include <string_view>

#include "rtpx/result.hpp"

namespace rtpx::capi {

inline constexpr std::array kVideoCodecs{"vp8", "vp9", "av1", "h264"};
inline constexpr std::array kAudioCodecs{"copy", "opus", "aac", "flac", "pcm"};
inline constexpr std::array kFilmPlaces{"top-left", "top", "top-right", "bottom-left", "bottom", "bottom-right"};

/// Sets `out` to what `text` names among `names`, which are in the order of the enumeration; NULL changes nothing.
template <typename Enum, std::size_t N>
Result<void> choose(const char* text, const char* option, const std::array<const char*, N>& names, Enum& out) {
  if (text == nullptr) return {};
  std::string known;
  for (std::size_t i = 0; i < N; ++i) {
    if (std::string_view(text) == names[i]) {
      out = static_cast<Enum>(i);
      return {};
    }
    known += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  return fail(Errc::invalid_argument, std::string(option) + " \"" + text + "\" is none of " + known + ".");
}

}  // namespace rtpx::capi
