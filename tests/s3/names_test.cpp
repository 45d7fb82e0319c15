#include "s3/names.hpp"

#include <gtest/gtest.h>

#include "rtpx/s3.hpp"

namespace rtpx::s3 {
namespace {

TEST(S3Names, EncodesOnceAndKeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(uri_encode("a b/ü+~.-_", true), "a%20b/%C3%BC%2B~.-_");
  EXPECT_EQ(uri_encode("a/b", false), "a%2Fb");
}

TEST(S3Names, BucketNamesFollowTheRules) {
  for (const char* good : {"abc", "my-bucket.2026", "0123"}) EXPECT_TRUE(check_bucket_name(good)) << good;
  for (const char* bad :
       {"", "ab", "Upper", "under_score", "-abc", "abc-", "a..b", "10.1.2.3", "xn--abc", "a-s3alias"})
    EXPECT_FALSE(check_bucket_name(bad)) << bad;
  EXPECT_FALSE(check_bucket_name(std::string(64, 'a')));
}

TEST(S3Names, KeysAreBoundedUtf8WithoutClimbing) {
  for (const char* good : {"", "a/b c/ü?.rtpx", "..a", "a..b"}) EXPECT_TRUE(check_key(good)) << good;
  for (const char* bad : {"/a", "a/../b", "..", "a/.", "\xff", "a\nb"}) EXPECT_FALSE(check_key(bad)) << bad;
  EXPECT_FALSE(check_key(std::string(1025, 'a')));
}

TEST(S3Names, FilesOfARecordingHavePlainNames) {
  for (const char* good : {"video.rtpx", "a b", "ü", "a..b"}) EXPECT_TRUE(check_plain_name(good)) << good;
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "/a", "a\nb", "\xff"})
    EXPECT_FALSE(check_plain_name(bad)) << bad;
  EXPECT_FALSE(check_plain_name(std::string(256, 'a')));
  EXPECT_FALSE(check_plain_name(std::string("a\0b", 3)));
}

TEST(S3Names, DownloadsAreNeitherHiddenNorElsewhere) {
  for (const char* good : {"video.rtpx", "output/video.webm", "a/b/c"})
    EXPECT_TRUE(check_download_name(good)) << good;
  for (const char* bad :
       {"", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", ".a/b", "a/.", ".rtpx-upload/task-1.json"})
    EXPECT_FALSE(check_download_name(bad)) << bad;
}

TEST(S3Names, UrlsAreSplitAtTheFirstSlash) {
  const auto url = parse_s3_url("s3://bucket/a/b");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->bucket, "bucket");
  EXPECT_EQ(url->key, "a/b");
  EXPECT_TRUE(parse_s3_url("s3://bucket"));
  EXPECT_EQ(parse_s3_url("http://bucket/a").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace rtpx::s3
