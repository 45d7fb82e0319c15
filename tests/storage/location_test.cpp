#include <gtest/gtest.h>
#include <sys/stat.h>

#include "rtpx/manifest.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using test::write_file;

TEST(Location, RelativeIsRelativeToTheManifest) {
  const TempDir dir;
  write_file(dir / "7.rtpx", "");
  EXPECT_EQ(resolve_location("7.rtpx", dir.path()), dir / "7.rtpx");
  EXPECT_EQ(resolve_location("./7.rtpx", dir.path()).value(), dir / "7.rtpx");
}

TEST(Location, MovedRecordingsAreFoundBesideTheManifest) {
  const TempDir dir;
  write_file(dir / "7.rtpx", "");
  EXPECT_EQ(resolve_location("/srv/recordings/20261122-123743/7.rtpx", dir.path()), dir / "7.rtpx");
  EXPECT_EQ(resolve_location("recordings/20261122-123743/7.rtpx", dir.path()), dir / "7.rtpx");
  EXPECT_EQ(resolve_location("file:///srv/recordings/7.rtpx", dir.path()), dir / "7.rtpx");
  const auto missing = resolve_location("/srv/recordings/8.rtpx", dir.path());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
}

TEST(Location, ACopyIsReadWhereItLies) {
  const TempDir copy, original;
  write_file(copy / "7.rtpx", "");
  write_file(original / "7.rtpx", "");
  for (const std::string& location :
       {(original / "7.rtpx").string(), "file://" + (original / "7.rtpx").string(),
        "FILE://LocalHost" + (original / "7.rtpx").string(),
        "../" + original.path().filename().string() + "/7.rtpx", std::string("b/../7.rtpx")})
    EXPECT_EQ(resolve_location(location, copy.path()), copy / "7.rtpx") << location;
}

TEST(Location, NothingOutsideOfTheFolderIsRead) {
  const TempDir dir;
  const TempDir other;
  write_file(other / "7.rtpx", "");
  for (const std::string& location : {(other / "7.rtpx").string(), "file://" + (other / "7.rtpx").string(),
                                      "../" + other.path().filename().string() + "/7.rtpx",
                                      "file:///%2e%2e" + (other / "7.rtpx").string()}) {
    const auto found = resolve_location(location, dir.path());
    ASSERT_FALSE(found) << location;
    EXPECT_EQ(found.error().code, Errc::not_found);
    EXPECT_NE(found.error().message.find("outside of the folder"), std::string::npos)
        << found.error().message;
  }
}

TEST(Location, AFolderBelowIsInside) {
  const TempDir dir;
  fs::create_directories(dir / "media/a");
  write_file(dir / "media/a/7.rtpx", "");
  EXPECT_EQ(resolve_location("media/a/7.rtpx", dir.path()), dir / "media/a/7.rtpx");
  EXPECT_EQ(resolve_location("./media/a/7.rtpx", dir.path()), dir / "media/a/7.rtpx");
  EXPECT_FALSE(resolve_location("media/../media/a/7.rtpx", dir.path()));
}

TEST(Location, NoSymbolicLinkIsFollowed) {
  const TempDir dir, other;
  write_file(other / "secret", "");
  fs::create_symlink(other / "secret", dir / "7.rtpx");
  fs::create_directory_symlink(other.path(), dir / "media");
  fs::create_symlink("gone", dir / "dangling.rtpx");
  for (const char* location : {"7.rtpx", "media/secret", "dangling.rtpx", "/srv/7.rtpx"}) {
    const auto found = resolve_location(location, dir.path());
    ASSERT_FALSE(found) << location;
    EXPECT_EQ(found.error().code, Errc::not_found);
    EXPECT_NE(found.error().message.find("symbolic link"), std::string::npos) << found.error().message;
  }
}

TEST(Location, TheRecordingItselfMayBeBehindALink) {
  const TempDir dir, links;
  write_file(dir / "7.rtpx", "");
  fs::create_directory_symlink(dir.path(), links / "call");
  EXPECT_EQ(resolve_location("7.rtpx", links / "call"), links / "call/7.rtpx");
}

TEST(Location, OnlyUrlsArePercentDecoded) {
  const TempDir dir;
  write_file(dir / "a b.rtpx", "");
  write_file(dir / "%2Fx.rtpx", "");
  EXPECT_EQ(resolve_location("file:///gone/a%20b.rtpx", dir.path()), dir / "a b.rtpx");
  EXPECT_FALSE(resolve_location("a%20b.rtpx", dir.path()));
  EXPECT_EQ(resolve_location("%2Fx.rtpx", dir.path()), dir / "%2Fx.rtpx");
  EXPECT_EQ(resolve_location("file:///gone/%252Fx.rtpx", dir.path()), dir / "%2Fx.rtpx");
  EXPECT_EQ(resolve_location("file:///gone/%2Fx.rtpx", dir.path()),
            dir / "%2Fx.rtpx");  // not encoded by its writer
}

TEST(Location, RemoteOnesAreUnsupported) {
  const TempDir dir;
  write_file(dir / "7.rtpx", "");
  for (const char* url : {"s3://bucket/7.rtpx", "https://example.org/7.rtpx"})
    EXPECT_EQ(resolve_location(url, dir.path()).error().code, Errc::unsupported) << url;
}

TEST(Location, NeitherFoldersNorPipesAreFiles) {
  const TempDir dir;
  fs::create_directory(dir / "d.rtpx");
  ASSERT_EQ(::mkfifo((dir / "p.rtpx").c_str(), 0600), 0);
  for (const std::string& location :
       {std::string("d.rtpx"), std::string("p.rtpx"), std::string("/dev/zero"), std::string(""),
        std::string("/"), std::string("a\0b", 3), std::string("..")}) {
    const auto found = resolve_location(location, dir.path());
    ASSERT_FALSE(found) << location;
    EXPECT_EQ(found.error().code, Errc::not_found);
  }
}

}  // namespace
}  // namespace rtpx
