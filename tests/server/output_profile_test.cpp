#include <gtest/gtest.h>

#include "server/library/output_profile.hpp"

namespace rtpx::server {
namespace {

using Words = std::vector<std::string>;

TEST(OutputProfile, AFormatIsItsOwnName) {
  for (const char* format : kFormats) {
    const auto profile = parse_output_profile(format);
    ASSERT_TRUE(profile) << format;
    EXPECT_EQ(profile->name, format);
    EXPECT_EQ(profile->arguments, (Words{"--format", format}));
    EXPECT_TRUE(profile->has_pictures);
  }
}

TEST(OutputProfile, OptionsAreArgumentsOfConvertAndTheNameStandsInTheFiles) {
  const auto small = parse_output_profile("small=mp4:video=h264,size=640x,bitrate=1.5M,audio=aac,layers=best");
  ASSERT_TRUE(small) << small.error().message;
  EXPECT_EQ(small->arguments, (Words{"--format", "mp4", "--suffix", "+small", "--reencode", "h264", "--resolution", "640x", "--bitrate",
                                     "1.5M", "--audio", "aac", "--layers", "best"}));
  const auto sound = parse_output_profile("sound=ogg:video=none");
  ASSERT_TRUE(sound);
  EXPECT_FALSE(sound->has_pictures);
  EXPECT_EQ(sound->arguments, (Words{"--format", "ogg", "--suffix", "+sound", "--only", "audio"}));
  EXPECT_EQ(parse_output_profile("copy=mkv:video=copy,audio=copy")->arguments, (Words{"--format", "mkv", "--suffix", "+copy"}));
}

// What is in a profile becomes words of a command line.
TEST(OutputProfile, NothingElseIsOne) {
  for (const char* text : {"", "avi", "=mp4", "mp4=", "MP4", "Small=mp4", "-x=mp4", "a b=mp4", "a/b=mp4", "mp4:", "mp4:video=vp8", "a=mp4:video", "a=mp4:video=",
                           "a=mp4:video=h264,video=vp8", "a=mp4:video=h264,size=x", "a=mp4:video=h264,size=12345x1", "a=mp4:video=h264,size=640x360x1",
                           "a=mp4:video=h264,bitrate=M", "a=mp4:video=h264,bitrate=1.2.3", "a=mp4:video=h264,bitrate=-1", "a=mp4:layers=--help",
                           "a=mp4:upload=s3://x/y", "a=mp4:audio=none,video=none", "a=mp4:size=640x360", "webm=mp4"})
    EXPECT_FALSE(parse_output_profile(text)) << text;
  EXPECT_FALSE(parse_output_profile(std::string(33, 'a') + "=mp4"));
  EXPECT_FALSE(parse_output_profile("a=mp4:" + std::string(200, 'x')));
}

TEST(OutputProfile, TwoNeverWriteTheSameFile) {
  EXPECT_TRUE(parse_output_profiles({"auto", "mp4", "a=mp4", "b=mp4:audio=aac"}));
  EXPECT_FALSE(parse_output_profiles({"mp4", "fmp4"}));
  EXPECT_TRUE(parse_output_profiles({"mp4", "live=fmp4"}));
  EXPECT_FALSE(parse_output_profiles({"a=mp4", "a=webm"}));
  EXPECT_FALSE(parse_output_profiles(Words(kMostProfiles + 1, "mp4")));
}

}  // namespace
}  // namespace rtpx::server
