#include "server/front/call.hpp"

#include "server/front/shown_text.hpp"

namespace rtpx::server {

int status_of(const Error& error) {
  switch (error.code) {
    case Errc::not_found:
    case Errc::tracks_not_found:
      return 404;
    case Errc::malformed:
    case Errc::truncated:
    case Errc::invalid_argument:
      return 400;
    case Errc::unsupported:
    case Errc::nothing_to_convert:
      return 422;
    case Errc::already_exists:
      return 409;
    case Errc::denied:
    case Errc::too_many_files:
      return 503;
    case Errc::no_space:
      return 507;
    case Errc::network:
      return 502;
    default:
      return 500;
  }
}

std::string shown(const App& app, const Error& error) {
  std::string text = shown(error.message, app.options().base_dir);
  return app.fleet() == nullptr ? text : shown(std::move(text), app.fleet()->store().recordings_of("").text());
}

http::Response problem(const App& app, const Error& error) {
  return http::problem(status_of(error), shown(app, error));
}

}  // namespace rtpx::server
