#include "compose/overlays.hpp"

#include <libyuv.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/utc_time.hpp"
#include "compose/labels.hpp"
#include "media/video_reader.hpp"

namespace rtpx::film {
namespace {

constexpr int kLargestLogo = 4'096;  // pixels of a side
constexpr double kMargin = 0.025;    // of the canvas' height
constexpr std::chrono::minutes kFarthest{18 * 60};

/// Blue, green, red and alpha, as they are in the file.
Result<libav::Frame> as_bgra(const AVFrame& picture, const std::string& name) {
  const auto format = static_cast<AVPixelFormat>(picture.format);
  const libav::Scaler scaler(sws_getContext(picture.width, picture.height, format, picture.width, picture.height,
                                            AV_PIX_FMT_BGRA, SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  if (!scaler) return fail(Errc::unsupported, "cannot convert the picture " + name);
  auto out = libav::make_picture(AV_PIX_FMT_BGRA, picture.width, picture.height);
  if (!out) return out;
  if (const int rows = sws_scale(scaler.get(), picture.data, picture.linesize, 0, picture.height, (*out)->data, (*out)->linesize);
      rows < 0)
    return std::unexpected(libav::error("convert the picture " + name, rows));
  return out;
}

int even_length(double value, int most) {
  return std::clamp(static_cast<int>(std::lround(value / 2)) * 2, 2, most);
}

}  // namespace

void put(Overlay& overlay, FilmPlace place, int width, int height) noexcept {
  const int margin = static_cast<int>(kMargin * height) & ~1;
  const int right = width - overlay.width, below = height - overlay.height;
  const bool is_left = place == FilmPlace::top_left || place == FilmPlace::bottom_left;
  const bool is_middle = place == FilmPlace::top || place == FilmPlace::bottom;
  const bool is_above = place == FilmPlace::top_left || place == FilmPlace::top || place == FilmPlace::top_right;
  const int x = is_middle ? (right / 2) & ~1 : is_left ? margin : right - margin;
  overlay.x = std::clamp(x, 0, right);
  overlay.y = std::clamp(is_above ? margin : below - margin, 0, below);
}

Result<Overlay> read_logo(const FilmLogo& logo, int width, int height) {
  const std::string name = logo.file.string();
  auto reader = VideoReader::open(logo.file);
  if (!reader) return std::unexpected(reader.error());
  const auto picture = (*reader)->next();
  if (!picture) return std::unexpected(picture.error());
  if (*picture == nullptr) return fail(Errc::malformed, name + " holds no picture that can be decoded");
  const AVFrame& from = **picture;
  if (from.width > kLargestLogo || from.height > kLargestLogo)
    return fail(Errc::malformed, name + " is too large for a logo: at most " + std::to_string(kLargestLogo) + " pixels a side");
  auto whole = as_bgra(from, name);
  if (!whole) return std::unexpected(whole.error());
  // What is transparent has some colour, too, which must not come into what is scaled.
  libyuv::ARGBAttenuate((*whole)->data[0], (*whole)->linesize[0], (*whole)->data[0], (*whole)->linesize[0], from.width, from.height);
  const double shape = static_cast<double>(from.width) / from.height;
  const double tall = std::min(logo.height * height, width / shape);
  const int to_height = even_length(tall, height), to_width = even_length(tall * shape, width);
  auto scaled = libav::make_picture(AV_PIX_FMT_BGRA, to_width, to_height);
  if (!scaled) return std::unexpected(scaled.error());
  libyuv::ARGBScale((*whole)->data[0], (*whole)->linesize[0], from.width, from.height, (*scaled)->data[0], (*scaled)->linesize[0],
                    to_width, to_height, libyuv::kFilterBox);
  Overlay out = overlay_of((*scaled)->data[0], (*scaled)->linesize[0], to_width, to_height, std::endian::little);
  put(out, logo.place, width, height);
  return out;
}

Result<std::chrono::minutes> parse_clock_offset(std::string_view text) {
  if (text == "UTC") return std::chrono::minutes(0);
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : -100; };
  if (text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':') {
    const int hours = 10 * digit(1) + digit(2), minutes = 10 * digit(4) + digit(5);
    const std::chrono::minutes offset(60 * hours + minutes);
    if (hours >= 0 && minutes >= 0 && minutes < 60 && offset <= kFarthest) return text[0] == '-' ? -offset : offset;
  }
  return fail(Errc::invalid_argument, "a clock of \"" + std::string(text.substr(0, 40)) + "\" is not known: give UTC, or an offset such as +02:00");
}

std::string clock_text(UtcTime time, std::chrono::minutes offset) {
  std::string out = format_utc(std::chrono::floor<std::chrono::seconds>(time) + offset).substr(0, 19);
  out[10] = ' ';
  if (offset.count() == 0) return out + " UTC";
  const auto minutes = std::abs(static_cast<int>(offset.count()));
  char text[16];
  std::snprintf(text, sizeof text, " %c%02d:%02d", offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
  return out + text;
}

bool ClockOverlay::advance(std::int64_t time_ns) {
  const UtcTime now = started_ + std::chrono::microseconds(time_ns / 1'000);
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (shown_ == second) return false;
  shown_ = second;
  overlay_ = draw_clock(clock_text(now, offset_), width_, height_);
  put(overlay_, place_, width_, height_);
  return true;
}

}  // namespace rtpx::film
