#pragma once

#include <string>

#include "rtpx/result.hpp"
#include "server/app.hpp"
#include "server/http/message.hpp"

namespace rtpx::server {

/// Another node's answer to the same request. Errors: network: there is none; the message is for a person.
[[nodiscard]] Result<http::Response> relay(App& app, const http::Request& request, const std::string& node);

}  // namespace rtpx::server
