#pragma once

#include "app.hpp"
#include "http/message.hpp"
#include "routes.hpp"

namespace rtpx::server {

/// The HTTP status that fits an error of the library.
[[nodiscard]] int status_of(const Error& error);
[[nodiscard]] inline http::Response problem(const Error& error) {
  return http::problem(status_of(error), error.message);
}

/// What POST /whip and POST /api/ingest have in common: application/sdp, the rate of new sessions, readiness.
/// nullopt: go on.
[[nodiscard]] std::optional<http::Response> refuse_session(App& app, const http::Request& request,
                                                           const std::string& what);
/// `?name=`, of a length that a manifest can bear, and `?continues=`, where there is such a recording.
[[nodiscard]] SessionLabel session_label(App& app, const http::Request& request);
/// A description that was not taken: logged, and when to come again.
[[nodiscard]] http::Response session_refused(const http::Request& request, const Error& error);

inline constexpr std::size_t kMaxDescription = 256U << 10;  ///< of SDP

}  // namespace rtpx::server
