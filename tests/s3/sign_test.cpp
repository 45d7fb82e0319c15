#include "s3/sign.hpp"

#include <gtest/gtest.h>

#include "s3/credentials.hpp"
#include "s3/digest.hpp"

namespace rtpx::s3 {
namespace {

// The worked example of AWS's documentation, "GET Object", with its published key and time:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
TEST(S3Sign, GivesTheSignatureOfTheDocumentation) {
  SignedParts parts;
  parts.method = "GET";
  parts.host = "examplebucket.s3.amazonaws.com";
  parts.encoded_path = "/test.txt";
  parts.headers = {{"range", "bytes=0-9"}};
  parts.payload_hash = hex(sha256(""));
  const auto headers = sign(parts, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""},
                            "us-east-1", std::chrono::sys_seconds(std::chrono::seconds(1369353600)));
  EXPECT_NE(headers.back().find("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            std::string::npos)
      << headers.back();
}

TEST(S3Sign, TheQueryIsSortedAndEncoded) {
  EXPECT_EQ(canonical_query({{"uploads", ""}, {"prefix", "a b"}}), "prefix=a%20b&uploads=");
}

TEST(S3Digest, EtagsAreMd5sOfPartsAndTheirNumber) {
  Digests digests(static_cast<unsigned>(Digests::Want::md5));
  digests.add(as_bytes("hello"));
  const Md5 md5 = digests.md5();
  EXPECT_EQ(simple_etag(md5), "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(multipart_etag({md5}), "62109206880d38a4010a98e11243924a-1");
  EXPECT_TRUE(etag_is_md5("5d41402abc4b2a76b9719d911017c592-12"));
  EXPECT_FALSE(etag_is_md5("5d41402abc4b2a76b9719d911017c592-"));
  EXPECT_FALSE(etag_is_md5("not"));
}

TEST(S3Credentials, ProfilesAreReadFromIniText) {
  const std::string text =
      "[default]\naws_access_key_id = A\n# note\n[profile work]\n  region=eu-west-1 \n[other]\nregion = x\n";
  EXPECT_EQ(ini_section(text, "default")->at("aws_access_key_id"), "A");
  EXPECT_EQ(ini_section(text, "work")->at("region"), "eu-west-1");
  EXPECT_FALSE(ini_section(text, "work")->contains("aws_access_key_id"));
  EXPECT_FALSE(ini_section("[", "x"));
  EXPECT_FALSE(ini_section(text, "profile work"));
}

}  // namespace
}  // namespace rtpx::s3
