// Texts of services, whole and broken.
#include "s3/answers.hpp"

#include <gtest/gtest.h>

#include "s3/temporary_credentials.hpp"

namespace rtpx::s3 {
namespace {

TEST(S3Answers, ErrorsOfServicesAndOfTheTokenServiceAreOneLine) {
  const auto error = parse_service_error(
      " \r\n<?xml "
      "version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>Not\nthere.\x1b[31m</Message></Error>");
  EXPECT_EQ(error.code, "NoSuchKey");
  EXPECT_EQ(error.message.find_first_of("\n\x1b"), std::string::npos) << error.message;
  EXPECT_EQ(
      parse_service_error("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>").code,
      "AccessDenied");
  EXPECT_EQ(parse_service_error("<html>sign in</html>").code, "");
  const auto longer = parse_service_error("<Error><Message>" + std::string(5000, 'a') + "</Message></Error>");
  EXPECT_LT(longer.message.size(), 400U);
}

TEST(S3Answers, WhatIsNoListIsNotAnEmptyOne) {
  EXPECT_FALSE(parse_object_page(""));
  EXPECT_FALSE(parse_object_page("<html/>"));
  EXPECT_FALSE(parse_upload_page("<ListBucketResult/>"));
  EXPECT_TRUE(parse_object_page("<ListBucketResult/>")->objects.empty());
}

TEST(S3Answers, PagesTellTheNextOnlyWhenTheyAreCutOff) {
  const std::string page =
      "<ListBucketResult><Contents><Key>a&amp;b</Key><Size>7</Size><ETag>&quot;e&quot;</ETag></Contents>"
      "<NextContinuationToken>t</NextContinuationToken>";
  EXPECT_EQ(parse_object_page(page + "</ListBucketResult>")->next, "");
  const auto more = parse_object_page(page + "<IsTruncated>true</IsTruncated></ListBucketResult>");
  EXPECT_EQ(more->next, "t");
  EXPECT_EQ(more->objects.at(0).key, "a&b");
  EXPECT_EQ(more->objects.at(0).etag, "e");
}

TEST(S3Answers, WhiteSpaceBeforeTheDocumentIsWaiting) {
  EXPECT_TRUE(
      says_completed("   \n<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"));
  EXPECT_FALSE(says_completed("   "));
  EXPECT_FALSE(says_completed("<Error><Code>InternalError</Code></Error>"));
}

TEST(S3Answers, CredentialsNeedBothHalves) {
  EXPECT_FALSE(parse_credentials_json("{}"));
  EXPECT_FALSE(parse_credentials_json("[1"));
  EXPECT_FALSE(parse_credentials_json(R"({"AccessKeyId":"a","SecretAccessKey":7})"));
  const auto found = parse_credentials_json(
      R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"b","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credentials.session_token, "t");
  EXPECT_LT(found->expires, std::chrono::system_clock::time_point::max());
  EXPECT_EQ(parse_expiration(""), std::chrono::system_clock::time_point::max());
}

}  // namespace
}  // namespace rtpx::s3
