#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "compose/paint.hpp"
#include "rtpx/composer.hpp"
#include "rtpx/manifest.hpp"

// What lies over all tiles of a canvas.
namespace rtpx::film {

/// Puts it at its place on a canvas of even sides, a little from the edges. It must fit.
void put(Overlay& overlay, FilmPlace place, int width, int height) noexcept;

/// The logo for a canvas of `width` x `height`, at its place. Errors: not_found, malformed, unsupported, io.
[[nodiscard]] Result<Overlay> read_logo(const FilmLogo& logo, int width, int height);

/// "UTC", or an offset east of it within 18 hours: "+02:00". Errors: invalid_argument.
[[nodiscard]] Result<std::chrono::minutes> parse_clock_offset(std::string_view text);

/// What a clock shows: "2026-11-28 14:46:05 UTC", "2026-11-28 16:46:05 +02:00".
[[nodiscard]] std::string clock_text(UtcTime time, std::chrono::minutes offset);

/// Shows the second of the call in which a picture is.
class ClockOverlay {
 public:
  /// `started`: the film's zero. `width`, `height`: of the canvas.
  ClockOverlay(const FilmClock& clock, std::chrono::minutes offset, UtcTime started, int width, int height)
      : place_(clock.place), offset_(offset), started_(started), width_(width), height_(height) {}
  /// Whether it shows something else at this time of the film than before.
  [[nodiscard]] bool advance(std::int64_t time_ns);
  [[nodiscard]] const Overlay& overlay() const noexcept { return overlay_; }

 private:
  FilmPlace place_;
  std::chrono::minutes offset_;
  UtcTime started_;
  int width_, height_;
  std::optional<std::chrono::sys_seconds> shown_;
  Overlay overlay_;
};

}  // namespace rtpx::film
