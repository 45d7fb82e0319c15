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
  EXPECT_EQ(resolve_location("./7.rtpx", dir.path()).value(), dir / "./7.rtpx");
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

TEST(Location, AnAbsolutePathThatExistsComesFirst) {
  const TempDir dir, other;
  write_file(dir / "7.rtpx", "");
  write_file(other / "7.rtpx", "");
  EXPECT_EQ(resolve_location((other / "7.rtpx").string(), dir.path()), other / "7.rtpx");
  EXPECT_EQ(resolve_location("file://" + (other / "7.rtpx").string(), dir.path()), other / "7.rtpx");
  EXPECT_EQ(resolve_location("FILE://LocalHost" + (other / "7.rtpx").string(), dir.path()), other / "7.rtpx");
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
