#pragma once

#include <cstdint>
#include <string>

#include "rtpx/result.hpp"
#include "server/app.hpp"
#include "server/http/message.hpp"

namespace rtpx::server {

/// How long another node's answer is waited for.
enum class Patience : std::uint8_t {
  of_viewers,         ///< some seconds
  while_it_is_heard,  ///< as long as the node tells the fleet that it lives
};

/// Another node's answer to the same request. Errors: network: there is none; the message is for a person.
[[nodiscard]] Result<http::Response> relay(App& app, const http::Request& request, const std::string& node, Patience patience);

}  // namespace rtpx::server
