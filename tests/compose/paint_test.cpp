#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "compose/labels.hpp"
#include "compose/made_call.hpp"
#include "compose/paint.hpp"

using namespace rtpx;
using namespace rtpx::film;

namespace {

libav::Frame picture_of(int width, int height) {
  auto picture = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, width, height));
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < (plane == 0 ? height : height / 2); ++y)
      for (int x = 0; x < (plane == 0 ? width : width / 2); ++x)
        picture->data[plane][y * picture->linesize[plane] + x] =
            static_cast<std::uint8_t>(40 + 150 * x / width + 40 * (2 * y > height ? 1 : 0) + 10 * plane);
  return picture;
}

double difference(const AVFrame& a, const AVFrame& b) {
  double sum = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x)
      sum += std::abs(a.data[0][y * a.linesize[0] + x] - b.data[0][y * b.linesize[0] + x]);
  return sum / a.width / a.height;
}

// The picture turned first by other code, then scaled, is the same as the tile.
TEST(TileScaler, TurnsAndMirrorsAsTheOrientationSays) {
  for (const int degrees : {0, 90, 180, 270})
    for (const bool mirrored : {false, true}) {
      const Orientation how{degrees, mirrored};
      const auto picture = picture_of(320, 180);
      const auto upright = std::move(*oriented(picture_of(320, 180), how));
      for (const auto& [width, height] : {std::pair(160, 160), std::pair(300, 100), std::pair(90, 200)})
        for (const Fit fit : {Fit::cover, Fit::contain}) {
          auto tile = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, width, height));
          auto wanted = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, width, height));
          TileScaler one, other;
          ASSERT_TRUE(one.scale(*picture, how, fit, false, {}, *tile));
          ASSERT_TRUE(other.scale(*upright, {}, fit, false, {}, *wanted));
          EXPECT_LT(difference(*tile, *wanted), 3)
              << degrees << (mirrored ? " mirrored" : "") << " into " << width;
        }
    }
}

TEST(TileScaler, ContainLeavesBordersAndCoverNone) {
  const auto picture = picture_of(320, 180);
  auto tile = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 100, 100));
  TileScaler scaler;
  ASSERT_TRUE(scaler.scale(*picture, {}, Fit::contain, false, {16, 128, 128}, *tile));
  EXPECT_EQ(tile->data[0][50], 16);
  EXPECT_GT(tile->data[0][50 * tile->linesize[0] + 50], 60);
  ASSERT_TRUE(scaler.scale(*picture, {}, Fit::cover, false, {16, 128, 128}, *tile));
  EXPECT_GT(tile->data[0][50], 60);
  ASSERT_TRUE(scaler.scale(*picture, {}, Fit::automatic, true, {16, 128, 128}, *tile))
      << "a screen is never cut";
  EXPECT_EQ(tile->data[0][50], 16);
}

TEST(TileScaler, TakesFormatsOfEveryDecoder) {
  for (const auto format :
       {AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_GRAY8}) {
    auto picture = std::move(*libav::make_picture(format, 64, 36));
    for (int plane = 0; plane < 3 && picture->data[plane] != nullptr; ++plane)
      std::memset(picture->data[plane], 0, static_cast<std::size_t>(picture->linesize[plane]) * 18);
    auto tile = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 32, 18));
    EXPECT_TRUE(TileScaler().scale(*picture, {}, Fit::cover, false, {}, *tile)) << format;
  }
  auto small = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 3, 3));
  auto tile = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 640, 360));
  for (int plane = 0; plane < 3; ++plane)
    std::memset(small->data[plane], 90, static_cast<std::size_t>(small->linesize[plane]) * 2);
  EXPECT_TRUE(TileScaler().scale(*small, {90, true}, Fit::cover, false, {}, *tile));
}

TEST(Labels, InitialsAreLettersOfTheFirstAndTheLastWord) {
  EXPECT_EQ(initials_of("Ann Lee"), "AL");
  EXPECT_EQ(initials_of("ann"), "A");
  EXPECT_EQ(initials_of("Jean-Luc van Picard"), "JP");
  EXPECT_EQ(initials_of("élodie"), "É");
  EXPECT_EQ(initials_of("e\xCC\x81lodie"), "E\xCC\x81");  // an accent of its own stays with its letter
  EXPECT_EQ(initials_of("محمد علي"), "مع");
  EXPECT_EQ(initials_of("李小龙"), "李");
  EXPECT_EQ(initials_of(""), "?");
  EXPECT_EQ(initials_of("\xFF\xFE()"), "?");
  EXPECT_EQ(initials_of("Bob (guest)"), "BG");
}

int drawn(const Overlay& overlay) {
  int out = 0;
  for (std::size_t i = 0; i < overlay.luma.size(); ++i)
    out += overlay.cover[i] > 200 && overlay.luma[i] > 200;
  return out;
}

TEST(Labels, NamesOfAnyScriptAreDrawn) {
  for (const char* name : {"Ann", "Ольга", "محمد علي", "יעל כהן", "Ελένη"}) {
    const Overlay label = draw_label(name, false, 640, 360);
    ASSERT_FALSE(label.empty()) << name;
    EXPECT_GT(drawn(label), 50) << name;
    EXPECT_LE(label.x + label.width, 640);
    EXPECT_LE(label.y + label.height, 360);
  }
}

TEST(Labels, HostileNamesStayInTheirTile) {
  std::string endless;
  for (int i = 0; i < 5000; ++i) endless += "Zalgo\xCC\x81\xCC\x82";
  for (const std::string& name :
       {endless, std::string("a\nb\nc"), std::string(300, '\x80'), std::string("\xE2\x80\xAE right")})
    for (const auto& [width, height] :
         {std::pair(640, 360), std::pair(64, 36), std::pair(20, 300), std::pair(8, 8)}) {
      const Overlay label = draw_label(name, true, width, height);
      EXPECT_LE(label.x + label.width, width);
      EXPECT_LE(label.y + label.height, height);
      const Overlay card = draw_initials(name, name, width, height);
      EXPECT_EQ(card.width, width);
      const Overlay title = draw_title(name, 160, 90);
      EXPECT_LE(title.x + title.width, 160);
    }
}

TEST(Labels, WhoIsMutedHasASign) {
  const auto red = [](const Overlay& overlay) {
    int out = 0;
    for (std::size_t i = 0; i < overlay.v.size(); ++i)
      out += overlay.chroma_cover[i] > 100 && overlay.v[i] > 150;
    return out;
  };
  EXPECT_EQ(red(draw_label("Ann", false, 640, 360)), 0);
  EXPECT_GT(red(draw_label("Ann", true, 640, 360)), 5);
  EXPECT_GT(red(draw_label("", true, 640, 360)), 5);
  EXPECT_TRUE(draw_label("", false, 640, 360).empty());
}

}  // namespace
