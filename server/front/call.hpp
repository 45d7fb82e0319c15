#pragma once

#include "server/app.hpp"
#include "server/front/routes.hpp"
#include "server/http/message.hpp"

namespace rtpx::server {

/// The HTTP status that fits an error of the library.
[[nodiscard]] int status_of(const Error& error);
/// For whoever asks: without where this server, or its fleet, keeps recordings.
[[nodiscard]] std::string shown(const App& app, const Error& error);
/// What it says is shown().
[[nodiscard]] http::Response problem(const App& app, const Error& error);

/// What POST /whip, /api/ingest and /api/pull have in common: the rate of new sessions, readiness.
/// nullopt: go on.
[[nodiscard]] std::optional<http::Response> refuse_opening(App& app, const http::Request& request);
/// The same, and the body must be application/sdp.
[[nodiscard]] std::optional<http::Response> refuse_session(App& app, const http::Request& request,
                                                           const std::string& what);
/// `?name=` and `?recording=`, of a length that a manifest can bear, and `?continues=`, where there is such a
/// recording.
[[nodiscard]] SessionLabel session_label(App& app, const http::Request& request);
/// A description that was not taken: logged, and when to come again.
[[nodiscard]] http::Response session_refused(const App& app, const http::Request& request, const Error& error);

inline constexpr std::size_t kMaxDescription = 256U << 10;  ///< of SDP

}  // namespace rtpx::server
