#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rtpx {

/// The payloads that our containers know. L16 is little-endian, as its depacketizer gives it; AAC is raw
/// access units with an AudioSpecificConfig, FLAC raw frames with a STREAMINFO, as codec_private.
enum class CodecId : std::uint8_t { vp8, vp9, av1, h264, h265, opus, pcmu, pcma, g722, l16, aac, flac };

/// By mime type, case-insensitive: "video/VP8", "audio/G722"; "video/HEVC" is H.265.
[[nodiscard]] std::optional<CodecId> codec_of(std::string_view mime_type) noexcept;
[[nodiscard]] constexpr bool is_video(CodecId codec) noexcept {
  return codec <= CodecId::h265;
}

}  // namespace rtpx
