#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mux/matroska_ids.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::AudioSource;
using test::EncodedStream;
using test::TempDir;
using test::VideoSource;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  return names;
}

void expect_mkvmerge_finds_nothing_wrong(const std::filesystem::path& file) {
  const auto told = test::run("mkvmerge -J '" + file.string() + "'");
  if (told.status == 127) return;  // not installed here
  EXPECT_EQ(told.status, 0) << told.text;
  EXPECT_THAT(told.text, testing::HasSubstr("\"warnings\": []"));
  EXPECT_THAT(told.text, testing::HasSubstr("\"errors\": []"));
}

TEST(MatroskaWriter, Vp8AndOpusInWebmDecodeToWhatTheEncoderMade) {
  const TempDir folder;
  const auto video = test::encode_video({}), audio = test::encode_audio({});
  const auto written = test::mux(Format::webm, folder / "a.webm", {video, audio},
                                 {.title = "A call", .date_utc = "2026-07-01T12:34:56Z"});
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("a.webm"));

  const auto decoded = test::decode_file(folder / "a.webm");
  ASSERT_EQ(decoded.streams.size(), 2U) << decoded.error;
  EXPECT_EQ(decoded.format, "matroska,webm");
  EXPECT_EQ(decoded.duration_ns, 2'013'500'000);  // 101 packets of 20 ms without the codec delay of 6.5 ms
  EXPECT_EQ(decoded.streams[0].codec, "vp8");
  EXPECT_EQ(decoded.streams[0].width, 320);
  EXPECT_EQ(decoded.streams[0].times_ns.size(), 50U);
  EXPECT_EQ(decoded.streams[0].times_ns[49], 49 * 40'000'000LL);
  EXPECT_EQ(decoded.streams[0].hashes, video.hashes);
  EXPECT_EQ(decoded.streams[0].decode_errors, 0);
  EXPECT_EQ(decoded.streams[1].codec, "opus");
  EXPECT_EQ(decoded.streams[1].extradata, audio.track.config.codec_private);
  EXPECT_EQ(decoded.streams[1].times_ns[0], -7'000'000);  // 312 samples, in milliseconds
  EXPECT_EQ(decoded.streams[1].decode_errors, 0);
  expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
}

}  // namespace
}  // namespace rtpx
