#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <regex>

#include "media/picture.hpp"
#include "media/sprites.hpp"
#include "media/thumbnail.hpp"
#include "media/video_reader.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::TempDir;

libav::Frame read_picture(const std::filesystem::path& file) {
  const auto reader = VideoReader::open(file);
  if (!reader) return nullptr;
  const auto picture = (*reader)->next();
  return picture && *picture != nullptr ? libav::Frame(av_frame_clone(*picture)) : nullptr;
}

// Mean luma of the part of the picture that [x0, x1) x [y0, y1), in hundredths of its sides, names.
double brightness(const AVFrame& picture, int x0, int y0, int x1, int y1) {
  double sum = 0;
  int count = 0;
  for (int y = picture.height * y0 / 100; y < picture.height * y1 / 100; ++y)
    for (int x = picture.width * x0 / 100; x < picture.width * x1 / 100; ++x, ++count)
      sum += picture.data[0][y * picture.linesize[0] + x];
  return sum / count;
}

TEST(Thumbnail, IsNotTheBlackPictureAtTheStart) {
  const TempDir folder;
  // One keyframe only, and it is black.
  const auto video = test::encode_video({.frames = 120, .gop = 1000, .black_frames = 40});
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video}));
  const auto written = write_thumbnail(folder / "a.webm", folder / "a_thumbnail.jpg", {});
  ASSERT_TRUE(written) << written.error().message;
  const auto picture = read_picture(folder / "a_thumbnail.jpg");
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->width, 640);
  EXPECT_EQ(picture->height, 480);
  EXPECT_GT(luma_variance(*picture), 500);
}

TEST(Thumbnail, ASideOfMinusOneKeepsTheAspect) {
  const TempDir folder;
  const auto video = test::encode_video({.width = 320, .height = 180, .frames = 5});
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video}));
  const std::vector<std::pair<std::pair<int, int>, std::pair<int, int>>> cases{{{160, -1}, {160, 90}},
                                                                               {{-1, 45}, {80, 45}},
                                                                               {{-1, -1}, {320, 180}},
                                                                               {{100, 100}, {100, 100}},
                                                                               {{101, -1}, {101, 57}}};
  for (const auto& [asked, expected] : cases) {
    ASSERT_TRUE(
        write_thumbnail(folder / "a.webm", folder / "t.jpg", {.width = asked.first, .height = asked.second}));
    const auto picture = read_picture(folder / "t.jpg");
    ASSERT_TRUE(picture);
    EXPECT_EQ(std::pair(picture->width, picture->height), expected);
  }
  for (const auto& [width, height] :
       std::initializer_list<std::pair<int, int>>{{0, -1}, {-2, 5}, {20'000, -1}}) {
    const auto refused =
        write_thumbnail(folder / "a.webm", folder / "no.jpg", {.width = width, .height = height});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "no.jpg"));
}

TEST(Thumbnail, EveryCodecAndContainerGivesOne) {
  for (const auto& [encoder, format] :
       std::initializer_list<std::pair<const char*, Format>>{{"libvpx", Format::webm},
                                                             {"libvpx-vp9", Format::webm},
                                                             {"libaom-av1", Format::webm},
                                                             {"libx264", Format::mkv},
                                                             {"libx264", Format::mp4},
                                                             {"libx265", Format::fmp4},
                                                             {"libvpx", Format::ivf},
                                                             {"libx264", Format::h264}}) {
    SCOPED_TRACE(std::string(encoder) + " in " + name_of(format));
    const TempDir folder;
    const auto video = test::encode_video({.encoder = encoder, .frames = 30});
    if (video.packets.empty()) continue;
    ASSERT_TRUE(test::mux(format, folder / "a", {video}));
    const auto written = write_thumbnail(folder / "a", folder / "t.jpg", {});
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_GT(luma_variance(*read_picture(folder / "t.jpg")), 500);
  }
}

libav::Frame plain(int y, int u, int v, AVColorRange range, AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED) {
  auto picture = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 64, 32));
  for (int plane = 0; plane < 3; ++plane)
    std::memset(picture->data[plane], plane == 0 ? y : plane == 1 ? u : v,
                static_cast<std::size_t>(picture->linesize[plane]) * static_cast<std::size_t>(plane == 0 ? 32 : 16));
  picture->color_range = range;
  picture->colorspace = matrix;
  return picture;
}

// What scaling makes of a picture of one colour: the first sample of each plane.
std::array<int, 3> scaled(PictureScaler& scaler, const AVFrame& picture, int width, int height) {
  const auto made = scaler.scale(picture, width, height);
  if (!made) return {};
  return {(*made)->data[0][0], (*made)->data[1][0], (*made)->data[2][0]};
}

TEST(PictureScaler, RangesAreConvertedAtAnySize) {
  for (const auto& [width, height] : {std::pair(64, 32), std::pair(32, 16), std::pair(128, 64)}) {
    SCOPED_TRACE(width);
    PictureScaler full(PictureScaler::Range::full), video(PictureScaler::Range::video);
    for (const auto& [narrow, wide] : {std::pair(16, 0), std::pair(235, 255), std::pair(126, 128)}) {
      EXPECT_NEAR(scaled(full, *plain(narrow, 128, 128, AVCOL_RANGE_MPEG), width, height)[0], wide, 1);
      EXPECT_NEAR(scaled(full, *plain(wide, 128, 128, AVCOL_RANGE_JPEG), width, height)[0], wide, 1);
      EXPECT_NEAR(scaled(video, *plain(wide, 128, 128, AVCOL_RANGE_JPEG), width, height)[0], narrow, 1);
      EXPECT_NEAR(scaled(video, *plain(narrow, 128, 128, AVCOL_RANGE_MPEG), width, height)[0], narrow, 1);
    }
  }
}

// Green in BT.709 is (173, 42, 26), in BT.601 (145, 54, 34): ITU-R BT.709-6 and BT.601-7, 8 bits.
TEST(PictureScaler, ColoursAreBt601WhereTheyHaveToBe) {
  const auto green = plain(173, 42, 26, AVCOL_RANGE_MPEG, AVCOL_SPC_BT709);
  PictureScaler kept(PictureScaler::Range::video), made(PictureScaler::Range::video, PictureScaler::Matrix::bt601);
  EXPECT_TRUE(kept.is_made(*green, 64, 32));
  EXPECT_FALSE(made.is_made(*green, 64, 32));
  EXPECT_TRUE(made.is_made(*plain(145, 54, 34, AVCOL_RANGE_MPEG), 64, 32));
  for (const auto& [width, height] : {std::pair(64, 32), std::pair(32, 16)}) {
    const auto as_it_was = scaled(kept, *green, width, height), converted = scaled(made, *green, width, height);
    for (std::size_t plane = 0; plane < 3; ++plane) {
      EXPECT_NEAR(as_it_was[plane], (std::array{173, 42, 26})[plane], 2);
      EXPECT_NEAR(converted[plane], (std::array{145, 54, 34})[plane], 3);
    }
  }
}

// Of the sender's own size, too, which is what WebRTC's cameras send most: JPEG's black is 0.
TEST(Thumbnail, IsAsBrightAsThePicture) {
  const TempDir folder;
  const auto video = test::encode_video({.width = 640, .height = 480, .frames = 50, .flashes = true});
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video}));
  const auto source = read_picture(folder / "a.webm");
  ASSERT_TRUE(source);
  const double shown = (brightness(*source, 0, 0, 100, 100) - 16) * 255 / 219;
  for (const int width : {640, 320}) {
    ASSERT_TRUE(write_thumbnail(folder / "a.webm", folder / "t.jpg", {.width = width, .height = -1}));
    const auto picture = read_picture(folder / "t.jpg");
    ASSERT_TRUE(picture);
    EXPECT_NEAR(brightness(*picture, 0, 0, 100, 100), shown, 4) << width;
  }
}

// A picture that is bright in its upper left quarter only.
libav::Frame corner() {
  auto picture = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 64, 32));
  blacken(*picture, PictureScaler::Range::full);
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 32; ++x) picture->data[0][y * picture->linesize[0] + x] = 200;
  return picture;
}

TEST(Picture, IsMirroredThenTurnedClockwise) {
  const struct {
    Orientation how;
    int x, y;  // where the bright quarter goes, in hundredths
  } cases[]{{{0, false}, 0, 0}, {{90, false}, 50, 0}, {{180, false}, 50, 50}, {{270, false}, 0, 50},
            {{0, true}, 50, 0}, {{90, true}, 50, 50}, {{180, true}, 0, 50},   {{270, true}, 0, 0}};
  for (const auto& [how, x, y] : cases) {
    const auto turned = oriented(corner(), how);
    ASSERT_TRUE(turned);
    EXPECT_EQ((*turned)->width, how.swaps_sides() ? 32 : 64);
    EXPECT_EQ(brightness(**turned, x, y, x + 50, y + 50), 200) << how.clockwise_degrees << how.mirrored;
    EXPECT_EQ(brightness(**turned, 0, 0, 100, 100), 50);
  }
}

TEST(Picture, TheFilesOrientationIsReadBackAsItWasWritten) {
  const TempDir folder;
  auto video = test::encode_video({.encoder = "libx264", .frames = 3});
  for (const Format format : {Format::mkv, Format::mp4, Format::fmp4})
    for (const int rotation : {0, 90, 180, 270})
      for (const bool mirrored : {false, true}) {
        video.track.rotation = rotation;
        video.track.mirrored = mirrored;
        ASSERT_TRUE(test::mux(format, folder / "a", {video}));
        const auto reader = VideoReader::open(folder / "a");
        ASSERT_TRUE(reader);
        // FFmpeg 5.1 does not read the yaw of a projection.
        const bool seen = mirrored && !(format == Format::mkv && !(*reader)->orientation().mirrored);
        EXPECT_EQ((*reader)->orientation().mirrored, seen) << name_of(format) << rotation;
        if (seen == mirrored) {
          EXPECT_EQ((*reader)->orientation().clockwise_degrees, rotation) << name_of(format) << mirrored;
        }
      }
}

TEST(Thumbnail, IsTurnedAsTheFileSays) {
  const TempDir folder;
  auto video = test::encode_video({.width = 320, .height = 180, .frames = 5});
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video}));
  video.track.rotation = 90;
  ASSERT_TRUE(test::mux(Format::webm, folder / "b.webm", {video}));
  ASSERT_TRUE(write_thumbnail(folder / "a.webm", folder / "a.jpg", {.width = -1, .height = -1}));
  ASSERT_TRUE(write_thumbnail(folder / "b.webm", folder / "b.jpg", {.width = 90, .height = -1}));
  const auto plain = read_picture(folder / "a.jpg"), turned = read_picture(folder / "b.jpg");
  EXPECT_EQ(std::pair(turned->width, turned->height), std::pair(90, 160));
  // What was at the left is at the top.
  EXPECT_NEAR(brightness(*turned, 0, 0, 100, 25), brightness(*plain, 0, 0, 25, 100), 6);
  EXPECT_NEAR(brightness(*turned, 75, 0, 100, 100), brightness(*plain, 0, 0, 100, 25), 6);
}

TEST(Thumbnail, AFileWithoutAPictureIsAnError) {
  const TempDir folder;
  ASSERT_TRUE(test::mux(Format::webm, folder / "sound.webm", {test::encode_audio({.seconds = 0.1})}));
  test::write_file(folder / "rubbish.webm", std::string(5000, 'x'));
  for (const auto& [name, code] :
       std::initializer_list<std::pair<const char*, Errc>>{{"sound.webm", Errc::malformed},
                                                           {"rubbish.webm", Errc::malformed},
                                                           {"nothing.webm", Errc::not_found}}) {
    const auto written = write_thumbnail(folder / name, folder / "t.jpg", {});
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code, code) << written.error().message;
    EXPECT_THAT(written.error().message, testing::HasSubstr(name));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "t.jpg"));
}

TEST(Sprites, ShowTheVideoAtEvenDistancesAndTheVttNamesEachPicture) {
  for (const int gop : {10, 1000}) {  // with keyframes enough, and with one
    SCOPED_TRACE(gop);
    const TempDir folder;
    const auto video =
        test::encode_video({.width = 320, .height = 180, .frames = 200, .gop = gop, .black_frames = 100});
    ASSERT_TRUE(test::mux(Format::webm, folder / "a b.webm", {video}));
    const auto written =
        write_sprites(folder / "a b.webm", folder / "a b_sprites.jpg", folder / "a b_sprites.vtt", 7);
    ASSERT_TRUE(written) << written.error().message;
    const auto sheet = read_picture(folder / "a b_sprites.jpg");
    ASSERT_TRUE(sheet);
    EXPECT_EQ(std::pair(sheet->width, sheet->height), std::pair(480, 270));
    const std::string vtt = test::read_file(folder / "a b_sprites.vtt");
    EXPECT_TRUE(
        vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.142\na%20b_sprites.jpg#xywh=0,0,160,90\n"));
    const std::regex cue("\n(\\S+) --> (\\S+)\na%20b_sprites\\.jpg#xywh=(\\d+),(\\d+),160,90\n");
    int cues = 0;
    for (std::sregex_iterator at(vtt.begin(), vtt.end(), cue), end; at != end; ++at, ++cues) {
      const int x = std::stoi((*at)[3]), y = std::stoi((*at)[4]);
      libav::Frame tile = std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, 160, 90));
      for (int row = 0; row < 90; ++row)
        std::copy_n(sheet->data[0] + (y + row) * sheet->linesize[0] + x, 160,
                    tile->data[0] + row * tile->linesize[0]);
      const double seen = luma_variance(*tile);
      EXPECT_TRUE(cues == 3 || (cues < 3 ? seen < 20 : seen > 500))
          << cues << ": " << seen;  // black up to 4 s of 8
    }
    EXPECT_EQ(cues, 7);
    EXPECT_THAT(vtt, testing::HasSubstr("--> 00:00:08.000\n"));
  }
}

TEST(Sprites, ACountOutOfRangeAndAStopAreErrors) {
  const TempDir folder;
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {test::encode_video({.frames = 100, .gop = 1000})}));
  for (const int count : {0, -1, kMostSprites + 1})
    EXPECT_EQ(write_sprites(folder / "a.webm", folder / "s.jpg", folder / "s.vtt", count).error().code,
              Errc::invalid_argument);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(
      write_sprites(folder / "a.webm", folder / "s.jpg", folder / "s.vtt", 4, stop.get_token()).error().code,
      Errc::cancelled);
  EXPECT_FALSE(std::filesystem::exists(folder / "s.jpg"));
}

}  // namespace
}  // namespace rtpx
