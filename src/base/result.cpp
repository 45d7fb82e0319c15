#include "rtpx/result.hpp"

#include <ctime>

#include "rtpx/track.hpp"
#include "rtpx/version.hpp"

#define RTPX_TEXT_(x) #x
#define RTPX_TEXT(x) RTPX_TEXT_(x)

namespace rtpx {

const char* version() noexcept {
  return RTPX_TEXT(RTPX_VERSION_MAJOR) "." RTPX_TEXT(RTPX_VERSION_MINOR) "." RTPX_TEXT(RTPX_VERSION_PATCH);
}

const char* to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::tracks_not_found:
      return "tracks_not_found";
    case Errc::truncated:
      return "truncated";
    case Errc::malformed:
      return "malformed";
    case Errc::unsupported:
      return "unsupported";
    case Errc::io:
      return "io";
    case Errc::no_space:
      return "no_space";
    case Errc::too_many_files:
      return "too_many_files";
    case Errc::network:
      return "network";
    case Errc::denied:
      return "denied";
    case Errc::cancelled:
      return "cancelled";
    case Errc::storage_failed:
      return "storage_failed";
    case Errc::nothing_to_convert:
      return "nothing_to_convert";
    case Errc::internal:
      return "internal";
  }
  return "unknown";
}

ReceiveClock::time_point ReceiveClock::now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace rtpx
