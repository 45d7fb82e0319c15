// What encoders of phones, cameras and studios make and no capture shows: pictures that refer to later ones,
// hidden pictures, slices, fields, deep and full colour. Through convert() into Matroska and MP4, a decoder
// shows the pictures that it shows of the encoder's own file, at their times.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "mux/muxer.hpp"
#include "rtp/packet.hpp"
#include "support/packet_recording.hpp"
#include "support/payloader.hpp"
#include "support/tools.hpp"

namespace rtpx::test {
namespace {

constexpr Format kBoth[] = {Format::mkv, Format::mp4};

struct Encoder {
  const char* name;
  const char* mime_type;
  const char* options;  ///< FFmpeg's
};
void PrintTo(const Encoder& of, std::ostream* out) {
  *out << of.name;
}

// With the parameter sets before each keyframe.
std::string payloader(const std::string& mime_type) {
  const std::string name = mime_type == "video/H265" ? "h265" : "h264";
  return name + "parse ! rtp" + name + "pay mtu=600 config-interval=-1";
}

class Encoders : public testing::TestWithParam<Encoder> {
 protected:
  /// Packets of 1.5 s of pictures that the encoder wrote into in.mkv, 30 a second.
  std::vector<std::string> packets() {
    const std::string mime_type = GetParam().mime_type;
    const bool nal = mime_type == "video/H264" || mime_type == "video/H265";
    const std::string in = nal ? "in.mkv" : "in.ivf";
    if (!run(folder_, "ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=30:d=1.5 " +
                          std::string(GetParam().options) + " " + in))
      return {};
    if (nal) return payload_with_gstreamer(folder_, in, payloader(mime_type));
    EXPECT_TRUE(run(folder_, "ffmpeg -v error -i in.ivf -c copy in.mkv"));
    RtpSource source(96);
    std::uint32_t time = 0;
    for (const std::string& unit : read_ivf(folder_ / in)) {
      const auto payloads = mime_type == "video/AV1" ? av1_payloads(unit, time == 0) : vp9_payloads(unit);
      for (std::size_t i = 0; i < payloads.size(); ++i)
        source.add(time, i + 1 == payloads.size(), payloads[i]);
      time += 3000;
    }
    return source.packets();
  }
  [[nodiscard]] ConvertedFile converted_to(Format format, const std::vector<std::string>& packets) {
    const Codec codec{.payload_type = 96, .mime_type = GetParam().mime_type, .clock_rate = 90'000};
    return converted_track(folder_, codec, MediaKind::video, packets, {.format = format});
  }

  TempDir folder_;
};

TEST_P(Encoders, PicturesAndTheirTimesAreTheEncodersOwn) {
  RTPX_NEEDS("ffmpeg");
  RTPX_NEEDS("gst-launch-1.0");
  const auto sent = packets();
  ASSERT_FALSE(sent.empty());
  const auto expected = frame_hashes(folder_ / "in.mkv", "v:0");
  EXPECT_EQ(expected.size(), 45U);
  auto times = packet_times(folder_ / "in.mkv", "v:0");
  std::ranges::sort(times);
  for (const Format format : kBoth) {
    const auto file = converted_to(format, sent);
    EXPECT_EQ(decode_errors(file.file), "");
    EXPECT_EQ(frame_hashes(file.file, "v:0"), expected) << name_of(format);
    auto ours = packet_times(file.file, "v:0");
    std::ranges::sort(ours);
    ASSERT_EQ(ours.size(), times.size());
    for (std::size_t i = 0; i < ours.size(); ++i)
      EXPECT_NEAR(ours[i] - ours[0], times[i] - times[0], 0.0021) << name_of(format) << " picture " << i;
    EXPECT_EQ(track_report(file)["damaged_count"], 0);
    EXPECT_NEAR(probe(file.file).duration_seconds, 1.5, 0.002) << name_of(format);
    if (format == Format::mkv) {
      EXPECT_EQ(mkvmerge_warnings(file.file), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Encoders,
    testing::Values(
        Encoder{"H264_pyramid_of_B_pictures", "video/H264",
                "-pix_fmt yuv420p -c:v libx264 -x264-params bframes=4:b-adapt=0:b-pyramid=normal:keyint=24"},
        Encoder{"H264_open_gop", "video/H264",
                "-pix_fmt yuv420p -c:v libx264 -x264-params bframes=3:b-adapt=0:open-gop=1:keyint=12"},
        Encoder{"H264_delimiters_and_slices", "video/H264",
                "-pix_fmt yuv420p -c:v libx264 -x264-params aud=1:slices=6:bframes=0:keyint=20"},
        Encoder{"H264_intra_refresh", "video/H264",
                "-pix_fmt yuv420p -c:v libx264 -x264-params intra-refresh=1:bframes=0:keyint=10"},
        Encoder{"H264_interlaced", "video/H264",
                "-pix_fmt yuv420p -c:v libx264 -x264-params tff=1:bframes=0:keyint=15"},
        Encoder{"H264_high_10", "video/H264", "-pix_fmt yuv420p10le -c:v libx264 -x264-params keyint=15"},
        Encoder{"H264_4_4_4", "video/H264", "-pix_fmt yuv444p -c:v libx264 -x264-params keyint=15"},
        Encoder{
            "H265_B_pictures_and_slices", "video/H265",
            "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=error:keyint=15:bframes=4:slices=3:aud=1"},
        Encoder{"H265_main_10", "video/H265",
                "-pix_fmt yuv420p10le -c:v libx265 -x265-params log-level=error:keyint=15:bframes=0"},
        Encoder{"H265_4_2_2", "video/H265",
                "-pix_fmt yuv422p -c:v libx265 -x265-params log-level=error:keyint=15"},
        Encoder{
            "VP9_hidden_pictures", "video/VP9",
            "-pix_fmt yuv420p -c:v libvpx-vp9 -cpu-used 4 -auto-alt-ref 1 -lag-in-frames 16 -g 30 -b:v 300k"},
        Encoder{"VP9_profile_1", "video/VP9",
                "-pix_fmt yuv444p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 20"},
        Encoder{"VP9_profile_2", "video/VP9",
                "-pix_fmt yuv420p10le -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 20"},
        Encoder{"AV1_hidden_pictures", "video/AV1",
                "-pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 -lag-in-frames 19 -g 30 -b:v 300k"},
        Encoder{"AV1_10_bit_tiles", "video/AV1",
                "-pix_fmt yuv420p10le -c:v libaom-av1 -cpu-used 8 -usage realtime -g 20 -tile-columns 1"}),
    [](const auto& param_info) { return param_info.param.name; });

class EncodersThatChange : public Encoders {};

// The second half has another size, and therefore other parameter sets.
TEST_P(EncodersThatChange, PlayThroughInEveryContainer) {
  RTPX_NEEDS("ffmpeg");
  RTPX_NEEDS("gst-launch-1.0");
  const bool h265 = std::string_view(GetParam().mime_type) == "video/H265";
  std::vector<std::string> sent;
  std::string stream;  // a byte stream of both halves
  for (const char* size : {"320x180", "480x270"}) {
    const std::string in = "in" + std::string(size) + ".mkv";
    ASSERT_TRUE(run(folder_, "ffmpeg -v error -f lavfi -i testsrc2=r=30:d=1:s=" + std::string(size) + " " +
                                 GetParam().options + " " + in));
    auto packets = payload_with_gstreamer(folder_, in, payloader(GetParam().mime_type));
    if (!sent.empty()) packets = continued(sent, std::move(packets), 3000);
    sent.insert(sent.end(), packets.begin(), packets.end());
    ASSERT_TRUE(run(folder_, "ffmpeg -v error -y -i " + in + " -c copy in." + (h265 ? "hevc" : "h264")));
    stream += read_file(folder_ / (h265 ? "in.hevc" : "in.h264"));
  }
  write_file(folder_ / "stream", stream);
  const auto expected = frame_hashes(folder_ / "stream", "v:0");
  EXPECT_EQ(expected.size(), 60U);
  for (const Format format : {Format::mkv, Format::mp4, Format::fmp4, h265 ? Format::h265 : Format::h264}) {
    const auto file = converted_to(format, sent);
    EXPECT_TRUE(file.parts.empty());
    EXPECT_EQ(decode_errors(file.file), "");
    EXPECT_EQ(frame_hashes(file.file, "v:0"), expected) << name_of(format);
    const auto changes = track_report(file)["changes"];
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0]["what"], "resolution");
    EXPECT_EQ(changes[0]["to"], "480x270");
    EXPECT_NEAR(changes[0]["time_ms"].get<double>(), 1000, 2);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , EncodersThatChange,
    testing::Values(Encoder{"H264", "video/H264", "-pix_fmt yuv420p -c:v libx264 -x264-params bframes=0"},
                    Encoder{"H265", "video/H265",
                            "-pix_fmt yuv420p -c:v libx265 -x265-params log-level=error:bframes=0"}),
    [](const auto& param_info) { return param_info.param.name; });

// A recording that begins at an open GOP's picture: those that are shown before it refer to what was never
// there, and are left out (ITU-T H.265 section 8.1.3: RASL pictures).
TEST(EncodersOpenGop, WhatRefersToBeforeTheBeginningIsLeftOut) {
  RTPX_NEEDS("ffmpeg");
  RTPX_NEEDS("gst-launch-1.0");
  const TempDir folder;
  ASSERT_TRUE(run(
      folder,
      "ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=30:d=1.5 -pix_fmt yuv420p -c:v libx265 "
      "-x265-params log-level=error:keyint=12:min-keyint=12:open-gop=1:bframes=3:repeat-headers=1 in.mkv"));
  auto packets = payload_with_gstreamer(folder, "in.mkv", payloader("video/H265"));
  const auto is_cra = [](const std::string& packet) {
    const auto payload = parse_rtp(as_bytes(packet))->payload;
    const int type = static_cast<int>(payload[0]) >> 1 & 63;
    return (type == 49 ? static_cast<int>(payload[2]) & 63 : type) == 21;
  };
  const auto first = std::ranges::find_if(packets, is_cra);
  ASSERT_NE(first, packets.end());
  const std::uint32_t start = parse_rtp(as_bytes(*first))->timestamp;
  const auto unit = std::ranges::find_if(
      packets, [&](const auto& packet) { return parse_rtp(as_bytes(packet))->timestamp == start; });
  packets.erase(packets.begin(), unit);
  const Codec codec{.payload_type = 96, .mime_type = "video/H265", .clock_rate = 90'000};
  const auto all = frame_hashes(folder / "in.mkv", "v:0");
  for (const Format format : kBoth) {
    const auto file = converted_track(folder, codec, MediaKind::video, packets, {.format = format}).file;
    EXPECT_EQ(decode_errors(file), "");
    const auto shown = frame_hashes(file, "v:0");
    ASSERT_GE(shown.size(), 30U);
    EXPECT_THAT(all, testing::Contains(shown.front()));
    EXPECT_TRUE(std::equal(shown.rbegin(), shown.rend(), all.rbegin())) << "the last ones, all of them";
  }
}

TEST(EncodersWithoutSets, AreRefusedWithWhatIsMissing) {
  RTPX_NEEDS("ffmpeg");
  RTPX_NEEDS("gst-launch-1.0");
  const TempDir folder;
  ASSERT_TRUE(run(folder, "ffmpeg -v error -f lavfi -i testsrc2=s=320x180:d=1 -c:v libx264 in.mkv"));
  PacketRecording recording(folder / "call");
  recording.add("track", MediaKind::video, {{96, "video/H264", 90'000}},
                payload_with_gstreamer(folder, "in.mkv", "h264parse ! rtph264pay"));
  const auto result = convert(recording.path().string(), {.output_path = folder.path()});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, testing::HasSubstr("parameter sets that are neither in the packets"));
}

// The manifest says two channels, as it must (RFC 7587 section 7); what is in a packet its TOC tells.
TEST(EncodersOpus, ASenderThatGoesFromMonoToStereoIsHeardThroughout) {
  RTPX_NEEDS("ffmpeg");
  RTPX_NEEDS("gst-launch-1.0");
  const TempDir folder;
  std::vector<std::string> sent;
  for (const char* channels : {"'pan=mono|c0=c0'", "'pan=stereo|c0=c0|c1=0*c0'"}) {
    const std::string in = "in" + std::to_string(sent.size()) + ".mkv";
    ASSERT_TRUE(run(folder, "ffmpeg -v error -f lavfi -i sine=d=1:r=48000 -af " + std::string(channels) +
                                " -c:a libopus -b:a 96k " + in));
    auto packets = payload_with_gstreamer(folder, in, "opusparse ! rtpopuspay");
    if (!sent.empty()) packets = continued(sent, std::move(packets), 960);
    sent.insert(sent.end(), packets.begin(), packets.end());
  }
  const Codec codec{.payload_type = 96, .mime_type = "audio/opus", .clock_rate = 48'000, .channels = 2};
  const auto file = converted_track(folder, codec, MediaKind::audio, sent).file;
  EXPECT_EQ(decode_errors(file), "");
  ASSERT_TRUE(run(folder, "ffmpeg -v error -i '" + file.string() + "' -f s16le -ac 2 raw"));
  const std::string raw = read_file(folder / "raw");
  const auto loudest_of = [&](std::size_t channel, double from, double to) {
    int most = 0;
    for (auto i = static_cast<std::size_t>(from * 48'000); i < static_cast<std::size_t>(to * 48'000); ++i) {
      std::int16_t sample = 0;
      std::memcpy(&sample, raw.data() + (2 * i + channel) * sizeof(sample), sizeof(sample));
      most = std::max(most, std::abs(sample));
    }
    return most;
  };
  ASSERT_GT(raw.size(), 4U * 48'000 * 19 / 10);
  EXPECT_GT(loudest_of(0, 0.2, 0.8), 2000);
  EXPECT_EQ(loudest_of(1, 0.2, 0.8), loudest_of(0, 0.2, 0.8));
  EXPECT_GT(loudest_of(0, 1.2, 1.8), 2000);
  EXPECT_LT(loudest_of(1, 1.2, 1.8), 200);
}

}  // namespace
}  // namespace rtpx::test
