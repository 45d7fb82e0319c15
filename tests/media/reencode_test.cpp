#include "media/reencode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/picture.hpp"
#include "media/video_encoder.hpp"
#include "media/video_reader.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::TempDir;

std::string call_with_sound(const TempDir& folder) {
  const auto video = test::encode_video({.encoder = "libx264", .width = 320, .height = 180, .frames = 50}),
             audio = test::encode_audio({});
  EXPECT_TRUE(test::mux(Format::mkv, folder / "in.mkv", {video, audio}, {.title = "A call"}));
  return "in.mkv";
}

double mean_difference(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto one = VideoReader::open(a), other = VideoReader::open(b);
  if (!one || !other) return 1e9;
  double sum = 0;
  int count = 0;
  for (;;) {
    const auto x = (*one)->next(), y = (*other)->next();
    if (!x || !y || *x == nullptr || *y == nullptr) return count > 0 ? sum / count : 1e9;
    if ((*x)->width != (*y)->width || (*x)->height != (*y)->height) return 1e9;
    for (int row = 0; row < (*x)->height; ++row)
      for (int column = 0; column < (*x)->width; ++column, ++count)
        sum += std::abs((*x)->data[0][row * (*x)->linesize[0] + column] -
                        (*y)->data[0][row * (*y)->linesize[0] + column]);
  }
}

TEST(Reencode, EveryCodecKeepsPicturesTimesAndSound) {
  const TempDir folder;
  const auto in = folder / call_with_sound(folder);
  const auto source = test::decode_file(in);
  for (const auto& [codec, format, name] : std::initializer_list<std::tuple<VideoCodec, Format, const char*>>{
           {VideoCodec::vp8, Format::webm, "vp8"},
           {VideoCodec::vp9, Format::webm, "vp9"},
           {VideoCodec::av1, Format::webm, "av1"},
           {VideoCodec::h264, Format::mkv, "h264"},
           {VideoCodec::h264, Format::mp4, "h264"},
           {VideoCodec::av1, Format::mp4, "av1"}}) {
    SCOPED_TRACE(std::string(name) + " in " + name_of(format));
    if (!can_encode(codec)) continue;
    const auto out = folder / "out";
    const auto done = reencode(in, out, format, {.codec = codec, .threads = 1, .gop_size = 20});
    ASSERT_TRUE(done) << done.error().message;
    const auto decoded = test::decode_file(out);
    ASSERT_EQ(decoded.streams.size(), 2U) << decoded.error;
    EXPECT_EQ(decoded.streams[0].codec, name);
    EXPECT_EQ(decoded.streams[0].decode_errors, 0);
    EXPECT_EQ(decoded.streams[0].times_ns, source.streams[0].times_ns);
    EXPECT_LT(mean_difference(in, out), 6);
    EXPECT_TRUE(decoded.streams[0].keyframes[0] && decoded.streams[0].keyframes[20] &&
                decoded.streams[0].keyframes[40]);
    EXPECT_EQ(decoded.streams[1].codec, "opus");
    EXPECT_EQ(decoded.streams[1].sizes, source.streams[1].sizes);
    if (format == Format::mp4) continue;
    EXPECT_EQ(decoded.streams[1].times_ns, source.streams[1].times_ns);
    const auto told = test::run("mkvmerge -J '" + out.string() + "'");
    if (told.status != 127) {
      EXPECT_THAT(told.text, testing::HasSubstr("\"warnings\": []"));
      EXPECT_THAT(told.text, testing::HasSubstr("\"title\": \"A call\""));
    }
  }
}

// What is shown stays: pictures of full range, those of BT.709 where VP8 has BT.601 only, and VP8's, which say nothing.
TEST(Reencode, ColoursStay) {
  const TempDir folder;
  const auto first = [&](const std::filesystem::path& file) {
    const auto reader = VideoReader::open(file);
    const auto picture = reader ? (*reader)->next() : Result<AVFrame*>(nullptr);
    return picture && *picture != nullptr ? libav::Frame(av_frame_clone(*picture)) : libav::make_frame();
  };
  const auto mean = [](const AVFrame& picture, int plane) {
    double sum = 0;
    const int width = plane == 0 ? picture.width : picture.width / 2, height = plane == 0 ? picture.height : picture.height / 2;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) sum += picture.data[plane][y * picture.linesize[plane] + x];
    return width > 0 ? sum / width / height : 0;
  };
  auto full = test::encode_video({.encoder = "libx264", .frames = 10, .options = {{"color_range", "pc"}}});
  ASSERT_TRUE(test::mux(Format::mkv, folder / "full.mkv", {full}));
  ASSERT_TRUE(reencode(folder / "full.mkv", folder / "out.mkv", Format::mkv, {.codec = VideoCodec::h264}));
  const auto was = first(folder / "full.mkv"), is = first(folder / "out.mkv");
  ASSERT_EQ(was->color_range, AVCOL_RANGE_JPEG);
  EXPECT_NE(is->color_range, AVCOL_RANGE_JPEG);
  EXPECT_NEAR((mean(*is, 0) - 16) * 255 / 219, mean(*was, 0), 3);

  const auto hd = test::encode_video({.encoder = "libx264", .frames = 10, .options = {{"colorspace", "bt709"}}});
  ASSERT_TRUE(test::mux(Format::mkv, folder / "hd.mkv", {hd}));
  ASSERT_TRUE(reencode(folder / "hd.mkv", folder / "hd.webm", Format::webm, {.codec = VideoCodec::vp8}));
  const auto bt709 = first(folder / "hd.mkv"), bt601 = first(folder / "hd.webm");
  ASSERT_EQ(bt709->colorspace, AVCOL_SPC_BT709);
  PictureScaler scaler(PictureScaler::Range::video, PictureScaler::Matrix::bt601);
  const auto wanted = scaler.scale(*bt709, bt709->width, bt709->height);
  ASSERT_TRUE(wanted);
  for (int plane = 0; plane < 3; ++plane) EXPECT_NEAR(mean(*bt601, plane), mean(**wanted, plane), 3) << plane;

  ASSERT_TRUE(test::mux(Format::webm, folder / "vp8.webm", {test::encode_video({.frames = 10})}));
  ASSERT_TRUE(reencode(folder / "vp8.webm", folder / "vp8.mp4", Format::mp4, {.codec = VideoCodec::h264}));
  EXPECT_EQ(first(folder / "vp8.mp4")->colorspace, AVCOL_SPC_SMPTE170M);
}

TEST(Reencode, OptionsAreHeeded) {
  const TempDir folder;
  const auto in = folder / call_with_sound(folder);
  const auto size_with = [&](Reencode options) {
    options.threads = 1;  // libvpx's threads spin where cores are busy
    const auto done = reencode(in, folder / "out.webm", Format::webm, options);
    EXPECT_TRUE(done) << done.error().message;
    return std::filesystem::file_size(folder / "out.webm");
  };
  EXPECT_GT(size_with({.bitrate = "20M", .crf = 4}), size_with({.bitrate = "20M", .crf = 40}) * 3 / 2);
  EXPECT_GT(size_with({.bitrate = "3M", .crf = 4}), size_with({.bitrate = "100k", .crf = 4}) * 3 / 2);
  (void)size_with({.resolution = std::pair(160, -1)});
  const auto small = test::decode_file(folder / "out.webm");
  EXPECT_EQ(std::pair(small.streams[0].width, small.streams[0].height), std::pair(160, 90));
  const auto cues = [&] {
    const std::string file = test::read_file(folder / "out.webm");
    return file.find(std::string("\x1C\x53\xBB\x6B\x10", 5)) < file.find("\x1F\x43\xB6\x75");
  };
  EXPECT_TRUE(cues());
  (void)size_with({.cues_to_front = false});
  EXPECT_FALSE(cues());
}

TEST(Reencode, AnOptionOutOfRangeIsNamed) {
  const TempDir folder;
  const auto in = folder / call_with_sound(folder);
  const std::initializer_list<std::pair<Reencode, const char*>> cases{
      {{.crf = 3}, "crf"},
      {{.crf = 64}, "crf"},
      {{.gop_size = 0}, "gop_size"},
      {{.threads = -1}, "threads"},
      {{.bitrate = "fast"}, "fast"},
      {{.bitrate = "0"}, "bit rate"},
      {{.resolution = std::pair(0, 5)}, "0x5"}};
  for (const auto& [options, named] : cases) {
    const auto refused = reencode(in, folder / "out.webm", Format::webm, options);
    ASSERT_FALSE(refused) << named;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument) << named;
    EXPECT_THAT(refused.error().message, testing::HasSubstr(named));
  }
  EXPECT_EQ(*parse_bitrate("1.5M"), 1'500'000);
  EXPECT_EQ(*parse_bitrate("800k"), 800'000);
  EXPECT_EQ(reencode(in, folder / "out.webm", Format::webm, {.codec = VideoCodec::h264}).error().code,
            Errc::unsupported);
  EXPECT_FALSE(std::filesystem::exists(folder / "out.webm"));
}

TEST(Reencode, AResolutionChangeAndARotationEndInOneUprightSize) {
  const TempDir folder;
  auto wide = test::encode_video({.width = 320, .height = 180, .frames = 10});
  auto square = test::encode_video({.width = 180, .height = 180, .frames = 10, .seed = 1});
  for (auto packet : square.packets) {
    packet.time_ns += 400'000'000;
    wide.packets.push_back(packet);
  }
  wide.track.rotation = 90;
  ASSERT_TRUE(test::mux(Format::webm, folder / "in.webm", {wide}));
  ASSERT_TRUE(reencode(folder / "in.webm", folder / "out.webm", Format::webm, {.threads = 1}));
  const auto decoded = test::decode_file(folder / "out.webm");
  ASSERT_EQ(decoded.streams.size(), 1U);
  EXPECT_EQ(decoded.streams[0].picture_sizes, std::vector(20, std::pair(180, 320)));
  EXPECT_FALSE(decoded.streams[0].display_matrix);
  const auto reader = VideoReader::open(folder / "out.webm");
  const AVFrame* picture = nullptr;
  for (int i = 0; i < 15; ++i) picture = *(*reader)->next();
  // The square stands between black bars.
  EXPECT_NEAR(picture->data[0][10 * picture->linesize[0] + 90], 16, 6);
  EXPECT_NEAR(picture->data[0][310 * picture->linesize[0] + 90], 16, 6);
}

TEST(Reencode, ProgressGoesUpToOneAndAStopLeavesNothing) {
  const TempDir folder;
  const auto video = test::encode_video({.width = 640, .height = 360, .frames = 150});
  ASSERT_TRUE(test::mux(Format::webm, folder / "in.webm", {video}));
  std::vector<double> told;
  ASSERT_TRUE(reencode(folder / "in.webm", folder / "out.webm", Format::webm, {.threads = 1},
                       [&](double f) { told.push_back(f); }));
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_GE(told.size(), 2U);
  EXPECT_EQ(told.back(), 1);
  std::filesystem::remove(folder / "out.webm");

  std::stop_source stop;
  const auto stopped = reencode(
      folder / "in.webm", folder / "out.webm", Format::webm, {.threads = 1},
      [&](double) { stop.request_stop(); }, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Reencode, DamagedInputIsPassedOver) {
  const TempDir folder;
  auto video = test::encode_video({.frames = 60, .gop = 20});
  for (std::size_t i = 0; i < video.packets.size(); ++i)
    if (i % 7 == 3) std::ranges::fill(video.packets[i].data, std::byte{0xA5});
  ASSERT_TRUE(test::mux(Format::webm, folder / "in.webm", {video}));
  const auto done = reencode(folder / "in.webm", folder / "out.webm", Format::webm, {.threads = 1});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_GT(test::decode_file(folder / "out.webm").streams.at(0).times_ns.size(), 20U);

  test::write_file(folder / "rubbish.webm", std::string(5'000, 'x'));
  EXPECT_EQ(reencode(folder / "rubbish.webm", folder / "o.webm", Format::webm, {.threads = 1}).error().code,
            Errc::malformed);
  EXPECT_FALSE(std::filesystem::exists(folder / "o.webm"));
}

// With frame delay, dav1d loses intact pictures beside one that does not decode.
TEST(Reencode, EveryAv1PictureThatDecodesIsKeptByHoweverManyThreads) {
  const TempDir folder;
  auto video = test::encode_video({.encoder = "libaom-av1", .frames = 40, .gop = 20});
  if (video.packets.empty()) GTEST_SKIP() << "this FFmpeg has no libaom-av1";
  for (std::size_t lost = 38; lost > 0 && lost < 40; lost -= 7)
    video.packets.erase(video.packets.begin() + static_cast<std::ptrdiff_t>(lost));
  ASSERT_TRUE(test::mux(Format::webm, folder / "in.webm", {video}));
  const auto decodable = test::decode_file(folder / "in.webm").streams.at(0).picture_sizes.size();
  ASSERT_GT(decodable, 5U);
  for (const int threads : {1, 2, 4}) {
    const auto done = reencode(folder / "in.webm", folder / "out.webm", Format::webm, {.threads = threads});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(test::decode_file(folder / "out.webm").streams.at(0).times_ns.size(), decodable) << threads;
  }
}

}  // namespace
}  // namespace rtpx
