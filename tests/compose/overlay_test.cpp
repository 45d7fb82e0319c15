// What lies over all tiles: a logo and the time of the call.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/utc_time.hpp"
#include "compose/labels.hpp"
#include "compose/layout.hpp"
#include "compose/made_call.hpp"
#include "compose/overlays.hpp"
#include "media/video_reader.hpp"
#include "rtpx/composer.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/reader.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using namespace film;

/// 40 x 20 pixels: the left half red, the right half white and transparent.
void write_image(const std::filesystem::path& path) {
  std::string text = "P7\nWIDTH 40\nHEIGHT 20\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 40; ++x) text += x < 20 ? std::string("\xFF\x00\x00\xFF", 4) : std::string("\xFF\xFF\xFF\x00", 4);
  write_file(path, text);
}

libav::Frame grey_canvas() {
  auto canvas = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 640, 360));
  fill(*canvas, 0, 0, 640, 360, {100, 128, 128});
  return canvas;
}

TEST(Logo, LiesAtItsPlaceAsLargeAsItIsToldAndWhatIsTransparentStaysSo) {
  const TempDir folder;
  write_image(folder / "logo.pam");
  for (const FilmPlace place : {FilmPlace::top_left, FilmPlace::top, FilmPlace::top_right, FilmPlace::bottom_left,
                                FilmPlace::bottom, FilmPlace::bottom_right}) {
    const auto logo = read_logo({folder / "logo.pam", place, 0.1}, 640, 360);
    ASSERT_TRUE(logo) << logo.error().message;
    ASSERT_EQ(std::pair(logo->width, logo->height), std::pair(72, 36));
    auto canvas = grey_canvas();
    blend(*canvas, *logo);
    int left = 640, right = -1, top = 360, bottom = -1;
    for (int y = 0; y < 360; ++y)
      for (int x = 0; x < 640; ++x)
        if (std::abs(canvas->data[0][y * canvas->linesize[0] + x] - 100) > 8) {
          left = std::min(left, x), right = std::max(right, x);
          top = std::min(top, y), bottom = std::max(bottom, y);
        }
    // Of the 72 the left half is seen, 8 pixels from the edges.
    const bool is_above = place <= FilmPlace::top_right;
    const int column = static_cast<int>(place) % 3;
    const int x = column == 0 ? 8 : column == 1 ? 284 : 640 - 8 - 72;
    EXPECT_NEAR(left, x, 1);
    EXPECT_NEAR(right, x + 35, 2);
    EXPECT_NEAR(top, is_above ? 8 : 360 - 8 - 36, 1);
    EXPECT_NEAR(bottom, is_above ? 43 : 351, 1);
    const int middle_y = (top + bottom) / 2, middle_x = (left + right) / 2;
    EXPECT_NEAR(canvas->data[0][middle_y * canvas->linesize[0] + middle_x], 81, 3);  // red, BT.601
    EXPECT_NEAR(canvas->data[2][middle_y / 2 * canvas->linesize[2] + middle_x / 2], 240, 4);
  }
}

TEST(Logo, ThatIsNoneIsRefused) {
  const TempDir folder;
  EXPECT_EQ(read_logo({folder / "none.png"}, 640, 360).error().code, Errc::not_found);
  write_file(folder / "text.png", "no picture");
  EXPECT_FALSE(read_logo({folder / "text.png"}, 640, 360));
  write_image(folder / "logo.pam");
  const auto wide = read_logo({folder / "logo.pam", FilmPlace::top, 1}, 160, 360);
  ASSERT_TRUE(wide);
  EXPECT_EQ(std::pair(wide->width, wide->height), std::pair(160, 80)) << "never wider than the canvas";
}

TEST(Clock, SaysTheTimeInItsZone) {
  const UtcTime time = std::chrono::sys_days(std::chrono::year(2026) / 12 / 31) + std::chrono::hours(23) +
                       std::chrono::minutes(59) + std::chrono::microseconds(59'999'999);
  EXPECT_EQ(clock_text(time, *parse_clock_offset("UTC")), "2026-12-31 23:59:59 UTC");
  EXPECT_EQ(clock_text(time, *parse_clock_offset("+02:00")), "2027-01-01 01:59:59 +02:00");
  EXPECT_EQ(clock_text(time, *parse_clock_offset("-03:30")), "2026-12-31 20:29:59 -03:30");
  for (const char* bad : {"", "utc", "+2:00", "+02:60", "+19:00", "02:00", "+0a:00", "+02:00x"})
    EXPECT_FALSE(parse_clock_offset(bad)) << bad;
}

TEST(LayoutFile, HasALogoAndAClock) {
  const auto layout = parse_layout(R"({"logo": {"file": "a.png", "place": "bottom-left", "height": 0.2},
      "clock": {"place": "top", "offset": "+02:00"}, "variants": [{"regions": [{}]}]})",
                                   "l.json");
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->logo, (FilmLogo{"a.png", FilmPlace::bottom_left, 0.2}));
  EXPECT_EQ(layout->clock, (FilmClock{FilmPlace::top, "+02:00"}));
  for (const char* bad : {R"("logo": {})", R"("logo": {"file": ""})", R"("logo": {"file": "a", "place": "middle"})",
                          R"("logo": {"file": "a", "height": 2})", R"("logo": "a.png")", R"("clock": true)",
                          R"("clock": {"offset": "CET"})", R"("clock": {"zone": "UTC"})"}) {
    const auto refused = parse_layout("{" + std::string(bad) + R"(, "variants": [{"regions": [{}]}]})", "l.json");
    ASSERT_FALSE(refused) << bad;
    EXPECT_NE(refused.error().message.find("l.json: "), std::string::npos) << refused.error().message;
  }
}

/// How much brighter the letters of a clock are than its box, in a film's picture.
double reads(const AVFrame& picture, UtcTime time) {
  Overlay clock = draw_clock(clock_text(time, std::chrono::minutes(0)), 640, 360);
  put(clock, FilmPlace::bottom_right, 640, 360);
  double letters = 0, box = 0;
  int of_letters = 0, of_box = 0;
  for (int y = 0; y < clock.height; ++y)
    for (int x = 0; x < clock.width; ++x) {
      const auto i = static_cast<std::size_t>(y * clock.width + x);
      const int luma = picture.data[0][(clock.y + y) * picture.linesize[0] + clock.x + x];
      const bool is_letter = clock.cover[i] > 220 && clock.luma[i] > 200;
      (is_letter ? letters : box) += luma;
      ++(is_letter ? of_letters : of_box);
    }
  return letters / std::max(1, of_letters) - box / of_box;
}

TEST(ComposedFilm, HasTheLogoAndTheTimeOfTheCallAtEverySecond) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 5});
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = 5, .shade = 60, .stands = true});
  call.write();
  write_image(folder / "logo.pam");
  write_file(folder / "own.json", R"({"logo": {"file": "logo.pam", "place": "top-left"}, "clock": {}, "variants": [{"regions": [{}]}]})");
  ComposeOptions options;
  options.output = folder / "film.mp4";
  options.layout_file = folder / "own.json";
  options.width = 640;
  options.height = 360;
  options.threads = 2;
  options.crf = 12;
  const auto timeless = compose({call.path().string()}, options);
  ASSERT_TRUE(timeless) << timeless.error().message;
  ASSERT_EQ(timeless->notes.size(), 1U);
  EXPECT_NE(timeless->notes[0].message.find("has no clock"), std::string::npos);
  EXPECT_FALSE(timeless->lost_media);

  auto manifest = read_manifest(call.path() / "manifest.json");
  ASSERT_TRUE(manifest);
  for (auto& [id, track] : *manifest) track.clock = ClockAnchor{.receive_time_ms = 0, .utc = *parse_utc("2026-12-31T23:59:57.300000Z")};
  write_file(call.path() / "manifest.json", serialize_manifest(*manifest));
  const auto reader = Reader::open(call.path().string());
  ASSERT_TRUE(reader) << reader.error().message;
  const auto started = reader->timeline().started;
  ASSERT_TRUE(started);

  const auto made = compose({call.path().string()}, options);
  ASSERT_TRUE(made) << made.error().message;

  auto film = VideoReader::open(options.output);
  ASSERT_TRUE(film);
  int looked = 0;
  for (;;) {
    const auto picture = (*film)->next();
    ASSERT_TRUE(picture);
    if (*picture == nullptr) break;
    const std::int64_t time_ns = (*film)->time_ns(**picture);
    const UtcTime now = *started + std::chrono::microseconds(time_ns / 1'000);
    // A picture that begins within a millisecond of the second may be rounded to the one before.
    if (std::chrono::floor<std::chrono::seconds>(now) != std::chrono::floor<std::chrono::seconds>(now + std::chrono::milliseconds(2))) continue;
    const double right = reads(**picture, now);
    EXPECT_GT(right, 60) << time_ns;
    for (const int other : {-2, -1, 1, 2}) EXPECT_GT(right, reads(**picture, now + std::chrono::seconds(other))) << time_ns;
    EXPECT_NEAR((*picture)->data[0][26 * (*picture)->linesize[0] + 26], 81, 10);  // the logo's red
    ++looked;
  }
  EXPECT_GE(looked, 5) << "each second has a picture, though the camera stands still";
}

}  // namespace
}  // namespace rtpx::test
