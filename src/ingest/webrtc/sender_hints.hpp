#pragma once

#include <string>
#include <string_view>

#include "rtpx/result.hpp"

namespace rtpx {

/// What a sender's user may do about an offer that was refused for `error`, in the sender's own options: one
/// sentence, empty where nothing is known. `user_agent` (RFC 9110 section 10.1.5) is a hint for this message,
/// never for behaviour.
[[nodiscard]] std::string sender_hint(std::string_view user_agent, const Error& error);

}  // namespace rtpx
