// Whatever is made of a recording, a command that says "done" has lost nothing of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/captures.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;

TEST(Losses, AFilmOfALossyCallSaysSoAndExitsWithOne) {
  RTPX_NEEDS_CAPTURE(call, "field/ffmpeg9_loss_norepair");
  const TempDir folder;
  const auto run = rtpx({"compose", call, "-o", folder / "film.mp4", "--size", "320x180", "--fps", "10"});
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("lost for good"));
  EXPECT_TRUE(std::filesystem::exists(folder / "film.mp4"));
}

TEST(Losses, ThePackageOfALossyCallSaysSoAndExitsWithOne) {
  RTPX_NEEDS_CAPTURE(call, "field/ffmpeg9_loss_norepair");
  const TempDir folder;
  const auto run = rtpx({"package", call, "-o", folder / "site"});
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("lost for good"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "site" / "index.m3u8"));
}

TEST(Losses, OfACallThatIsEncryptedEndToEndNoSilentFilmIsMade) {
  RTPX_NEEDS_CAPTURE(call, "e2ee/lk_vp8/recording");
  const TempDir folder;
  const auto film = rtpx({"compose", call, "-o", folder / "film.mp4"});
  EXPECT_EQ(film.status, 3) << film.err;
  EXPECT_THAT(film.err, HasSubstr("end-to-end encrypted"));
  const auto site = rtpx({"package", call, "-o", folder / "site"});
  EXPECT_EQ(site.status, 3) << site.err;
  EXPECT_THAT(site.err, HasSubstr("end-to-end encrypted"));
  EXPECT_EQ(entries(folder.path()), 0U);
}

}  // namespace
}  // namespace rtpx::test
