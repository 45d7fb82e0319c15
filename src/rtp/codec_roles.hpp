#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rtpx/track.hpp"

namespace rtpx {

/// What the packets of a payload type are for.
enum class PayloadRole : std::uint8_t {
  media,
  rtx,              ///< RFC 4588
  red,              ///< RFC 2198: wraps media, under the media's SSRC
  ulpfec,           ///< RFC 5109
  flexfec,          ///< draft-ietf-payload-flexible-fec-scheme-03 and RFC 8627
  other_fec,        ///< FEC that is not used: RFC 2733, RFC 6015
  comfort_noise,    ///< RFC 3389
  telephone_event,  ///< RFC 4733
  unknown
};

/// The encoding name of a mime type: "VP8" of "video/VP8"; empty without a slash.
[[nodiscard]] std::string_view encoding_name(std::string_view mime_type) noexcept;

/// The role of a codec ("video/rtx", in any case). A name that is in no table is media of a codec that is not
/// known here; a text without a slash is unknown.
[[nodiscard]] PayloadRole payload_role(std::string_view mime_type) noexcept;

/// True for media in a codec that can be converted.
[[nodiscard]] bool is_known_media(std::string_view mime_type) noexcept;

/// The payload type that RTX repairs: apt of its format parameters (RFC 4588 section 8.1). nullopt for other
/// codecs, and where there is none below 128.
[[nodiscard]] std::optional<std::uint8_t> associated_payload_type(const Codec& codec);

/// Their names, for messages: "VP8, VP9, …".
[[nodiscard]] std::string known_media_names();

}  // namespace rtpx
