#pragma once

#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Whether payloads of this H.265 codec carry decoding order numbers (RFC 7798 section 4.4): where its format
/// parameters allow NAL units to be sent in another order than decoded.
[[nodiscard]] bool h265_has_donl(const Codec& codec) noexcept;

/// An H.265 payload without a PACI around it (RFC 7798 section 4.4.4) and without decoding order numbers
/// (DONL, DOND; sections 4.4.1 to 4.4.3). Payloads that have none come back as they are; others are built in
/// `buffer`. The order of sending is taken for that of decoding. nullopt: malformed.
[[nodiscard]] std::optional<Bytes> plain_h265_payload(Bytes payload, bool has_donl,
                                                      std::vector<std::byte>& buffer);

}  // namespace rtpx
