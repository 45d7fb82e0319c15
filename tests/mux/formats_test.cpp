#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::EncodedStream;
using test::TempDir;

constexpr std::array kAllFormats{Format::webm, Format::mkv, Format::mp4,  Format::fmp4, Format::ogg,
                                 Format::wav,  Format::ivf, Format::h264, Format::h265};

struct CodecCase {
  std::string mime_type, encoder;
};
void PrintTo(const CodecCase& of, std::ostream* out) {
  *out << of.mime_type;
}
std::vector<CodecCase> all_codecs() {
  return {{"video/VP8", "libvpx"},     {"video/VP9", "libvpx-vp9"}, {"video/AV1", "libaom-av1"},
          {"video/H264", "libx264"},   {"video/H265", "libx265"},   {"audio/opus", "libopus"},
          {"audio/PCMU", "pcm_mulaw"}, {"audio/PCMA", "pcm_alaw"},  {"audio/G722", "g722"},
          {"audio/L16", "pcm_s16le"},  {"audio/AAC", "aac"},        {"audio/FLAC", "flac"}};
}

const EncodedStream& sample_of(const CodecCase& codec) {
  static std::map<std::string, EncodedStream> made;
  auto& stream = made[codec.encoder];
  if (!stream.packets.empty()) return stream;
  if (codec.mime_type.starts_with("video/"))
    return stream = test::encode_video({.encoder = codec.encoder, .frames = 30, .gop = 12});
  const bool narrow = codec.mime_type.starts_with("audio/PCM");
  const bool g722 = codec.mime_type == "audio/G722";
  return stream = test::encode_audio({.encoder = codec.encoder,
                                      .sample_rate = narrow ? 8'000
                                                     : g722 ? 16'000
                                                            : 48'000,
                                      .seconds = 1});
}

class EveryCodec : public testing::TestWithParam<CodecCase> {};
INSTANTIATE_TEST_SUITE_P(Mux, EveryCodec, testing::ValuesIn(all_codecs()), [](const auto& codec) {
  std::string name = codec.param.mime_type;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
});

TEST_P(EveryCodec, ComesBackFromEveryContainerThatHoldsItAndIsRefusedByTheOthers) {
  const EncodedStream& stream = sample_of(GetParam());
  if (stream.packets.empty()) GTEST_SKIP() << "this FFmpeg has no " << GetParam().encoder;
  int held = 0;
  for (const Format format : kAllFormats) {
    SCOPED_TRACE(name_of(format));
    const TempDir folder;
    const auto file = folder / ("a" + std::string(extension_of(format)));
    const auto written = test::mux(format, file, {stream});
    if (!format_holds(format, GetParam().mime_type)) {
      ASSERT_FALSE(written);
      EXPECT_EQ(written.error().code, Errc::unsupported);
      EXPECT_THAT(written.error().message, testing::HasSubstr(GetParam().mime_type));
      EXPECT_THAT(written.error().message, testing::HasSubstr(name_of(format)));
      EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
      continue;
    }
    ++held;
    ASSERT_TRUE(written) << written.error().message;
    const auto decoded = test::decode_file(file);
    ASSERT_EQ(decoded.streams.size(), 1U) << decoded.error;
    EXPECT_EQ(decoded.streams[0].decode_errors, 0);
    if (GetParam().mime_type.starts_with("video/")) {
      EXPECT_EQ(decoded.streams[0].hashes, stream.hashes);
      EXPECT_EQ(decoded.streams[0].width, 320);
    } else {
      const std::int64_t rate = stream.track.config.sample_rate;
      EXPECT_NEAR(static_cast<double>(decoded.streams[0].samples), static_cast<double>(rate),
                  rate / 10.0);  // FLAC's packets are of 96 ms

      EXPECT_EQ(decoded.streams[0].sample_rate, rate);
      EXPECT_NEAR(static_cast<double>(decoded.duration_ns), 1e9, 1e8);
    }
    if (format == Format::webm || format == Format::mkv) {
      const auto told = test::run("mkvmerge -J '" + file.string() + "'");
      if (told.status != 127) {
        EXPECT_THAT(told.text, testing::HasSubstr("\"warnings\": []"));
      }
      EXPECT_EQ(decoded.streams[0].times_ns.size(), stream.packets.size());
    }
  }
  EXPECT_GT(held, 0);
}

TEST(Formats, AutomaticIsWebmWhereWebmAllowsTheCodecsElseMatroska) {
  const auto tracks = [](std::initializer_list<const char*> names) {
    std::vector<OutputTrack> made;
    for (const char* name : names) made.emplace_back().mime_type = name;
    return made;
  };
  EXPECT_EQ(choose_format(tracks({"video/VP8", "audio/opus"})), Format::webm);
  EXPECT_EQ(choose_format(tracks({"video/vp9", "audio/OPUS"})), Format::webm);
  EXPECT_EQ(choose_format(tracks({"video/AV1"})), Format::webm);
  EXPECT_EQ(choose_format(tracks({"video/H264", "audio/opus"})), Format::mkv);
  EXPECT_EQ(choose_format(tracks({"video/VP8", "audio/PCMU"})), Format::mkv);
}

TEST(Formats, Mp4HasItsIndexInFrontAndAFragmentedOneHasFragments) {
  const TempDir folder;
  const auto video = test::encode_video({.encoder = "libx264"}), audio = test::encode_audio({});
  ASSERT_TRUE(test::mux(Format::mp4, folder / "a.mp4", {video, audio},
                        {.title = "A call", .date_utc = "2026-07-01T12:34:56Z"}));
  ASSERT_TRUE(test::mux(Format::fmp4, folder / "f.mp4", {video, audio}));
  const std::string whole = test::read_file(folder / "a.mp4"), parts = test::read_file(folder / "f.mp4");
  EXPECT_LT(whole.find("moov"), whole.find("mdat"));
  EXPECT_EQ(whole.find("moof"), std::string::npos);
  EXPECT_LT(parts.find("moov"), parts.find("moof"));
  for (const char* name : {"a.mp4", "f.mp4"}) {
    const auto decoded = test::decode_file(folder / name);
    ASSERT_EQ(decoded.streams.size(), 2U) << decoded.error;
    EXPECT_EQ(decoded.streams[0].hashes, video.hashes);
    EXPECT_EQ(decoded.streams[0].times_ns[1] - decoded.streams[0].times_ns[0], 40'000'000);
    EXPECT_NEAR(static_cast<double>(decoded.duration_ns), 2.0135e9, 2e7) << name;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
  }
}

TEST(Formats, RotationBecomesADisplayMatrixInMp4) {
  const TempDir folder;
  auto video = test::encode_video({.encoder = "libx264", .frames = 5});
  for (const auto& [clockwise, told] :
       std::initializer_list<std::pair<int, double>>{{90, -90}, {180, -180}, {270, 90}}) {
    video.track.rotation = clockwise;
    for (const Format format : {Format::mp4, Format::fmp4}) {
      ASSERT_TRUE(test::mux(format, folder / "a.mp4", {video}));
      const auto decoded = test::decode_file(folder / "a.mp4");
      EXPECT_TRUE(decoded.streams.at(0).display_matrix);
      EXPECT_NEAR(std::remainder(decoded.streams.at(0).rotation - told, 360), 0, 0.01) << clockwise;
    }
  }
}

TEST(Formats, BPicturesGetDecodeTimesInMp4) {
  const TempDir folder;
  // x264's own order: decode order with presentation times that go back.
  auto video = test::encode_video(
      {.encoder = "libx264", .options = {{"bf", "2"}, {"preset", "fast"}, {"tune", "psnr"}}});
  bool goes_back = false;
  for (std::size_t i = 1; i < video.packets.size(); ++i)
    goes_back = goes_back || video.packets[i].time_ns < video.packets[i - 1].time_ns;
  ASSERT_TRUE(goes_back);
  for (const Format format : {Format::mp4, Format::fmp4, Format::mkv}) {
    auto muxer = open_muxer(format, folder / "a", {video.track}, {.cue_points = 10});
    ASSERT_TRUE(muxer) << muxer.error().message;
    for (const auto& packet : video.packets)
      ASSERT_TRUE((*muxer)->write({.time_ns = packet.time_ns,
                                   .duration_ns = packet.duration_ns,
                                   .keyframe = packet.keyframe,
                                   .data = packet.data}));
    ASSERT_TRUE((*muxer)->finish());
    const auto decoded = test::decode_file(folder / "a");
    ASSERT_EQ(decoded.streams.size(), 1U);
    EXPECT_EQ(decoded.streams[0].hashes, video.hashes) << name_of(format);
    std::vector<std::int64_t> expected;
    for (const auto& packet : video.packets) expected.push_back(packet.time_ns);
    EXPECT_EQ(decoded.streams[0].times_ns, expected) << name_of(format);
    EXPECT_EQ(decoded.duration_ns, 2'000'000'000) << name_of(format);
  }
}

// One picture size, then another: as a browser does in mid-call.
std::vector<EncodedStream> two_sizes(const std::string& encoder) {
  auto first = test::encode_video({.encoder = encoder, .width = 320, .height = 240, .frames = 20});
  auto second =
      test::encode_video({.encoder = encoder, .width = 640, .height = 360, .frames = 20, .seed = 1});
  for (auto& packet : second.packets) packet.time_ns += 20 * 40'000'000LL;
  return {first, second};
}

Result<void> write_both(Format format, const std::filesystem::path& file, std::vector<EncodedStream> parts) {
  parts[0].track.config_changes = true;
  auto muxer = open_muxer(format, file, {parts[0].track}, {.duration_ns = 1'600'000'000, .cue_points = 4});
  if (!muxer) return std::unexpected(muxer.error());
  for (const EncodedStream& part : parts)
    for (std::size_t i = 0; i < part.packets.size(); ++i) {
      const auto& packet = part.packets[i];
      const bool change = &part != &parts[0] && i == 0;
      auto written = (*muxer)->write({.time_ns = packet.time_ns,
                                      .duration_ns = packet.duration_ns,
                                      .keyframe = packet.keyframe,
                                      .data = packet.data,
                                      .new_config = change ? &part.track.config : nullptr});
      if (!written) return written;
    }
  return (*muxer)->finish();
}

TEST(Formats, AResolutionChangePlaysThroughWhereTheContainerCanHoldIt) {
  const std::initializer_list<std::pair<std::string, std::vector<Format>>> cases{
      {"libvpx", {Format::webm, Format::mkv, Format::ivf}},
      {"libvpx-vp9", {Format::webm, Format::mkv, Format::mp4, Format::fmp4, Format::ivf}},
      {"libaom-av1", {Format::webm, Format::mkv, Format::mp4, Format::fmp4, Format::ivf}},
      {"libx264", {Format::mkv, Format::mp4, Format::fmp4, Format::h264}},
      {"libx265", {Format::mkv, Format::mp4, Format::fmp4, Format::h265}}};
  for (const auto& [encoder, formats] : cases) {
    const auto parts = two_sizes(encoder);
    if (parts[0].packets.empty()) continue;
    std::vector<std::string> expected = parts[0].hashes;
    expected.insert(expected.end(), parts[1].hashes.begin(), parts[1].hashes.end());
    for (const Format format : formats) {
      SCOPED_TRACE(encoder + " in " + name_of(format));
      const TempDir folder;
      const auto file = folder / ("a" + std::string(extension_of(format)));
      const auto written = write_both(format, file, parts);
      ASSERT_TRUE(written) << written.error().message;
      const auto decoded = test::decode_file(file);
      ASSERT_EQ(decoded.streams.size(), 1U) << decoded.error;
      EXPECT_EQ(decoded.streams[0].decode_errors, 0);
      EXPECT_EQ(decoded.streams[0].hashes, expected);
      EXPECT_EQ(decoded.streams[0].picture_sizes.back(), std::pair(640, 360));
    }
  }
}

// RIFF's fmt chunk of plain PCM has no extension, and some readers throw at one.
TEST(Formats, WavOfL16HasThePlainFormatChunk) {
  const TempDir folder;
  for (const auto& [encoder, size] : {std::pair("pcm_s16le", 16), std::pair("pcm_mulaw", 18)}) {
    const auto stream = test::encode_audio({.encoder = encoder, .sample_rate = 8'000, .seconds = 1});
    ASSERT_TRUE(test::mux(Format::wav, folder / "a.wav", {stream}));
    const std::string file = test::read_file(folder / "a.wav");
    EXPECT_EQ(file.at(file.find("fmt ") + 4), size) << encoder;
    EXPECT_EQ(file.find("fact"), file.find("fmt ") + 8 + static_cast<std::size_t>(size)) << encoder;
    EXPECT_EQ(test::decode_file(folder / "a.wav").streams.at(0).samples, 8'000) << encoder;
  }
}

TEST(Formats, WavFillsGapsWithSilenceAndLeavesOutOverlaps) {
  const TempDir folder;
  auto stream = test::encode_audio({.encoder = "pcm_mulaw", .sample_rate = 8'000, .seconds = 1});
  for (std::size_t i = 0; i < stream.packets.size(); ++i) {
    stream.packets[i].time_ns += 250'000'000;                 // begins late
    if (i >= 25) stream.packets[i].time_ns += 3'000'000'000;  // a gap
  }
  stream.packets.insert(stream.packets.begin() + 10, stream.packets[9]);  // the same packet twice
  ASSERT_TRUE(test::mux(Format::wav, folder / "a.wav", {stream}));
  const auto decoded = test::decode_file(folder / "a.wav");
  ASSERT_EQ(decoded.streams.size(), 1U);
  EXPECT_EQ(decoded.streams[0].samples, 4.25 * 8'000);
}

}  // namespace
}  // namespace rtpx
