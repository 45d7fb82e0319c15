#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2ee/key_material.hpp"
#include "rtpx/e2ee.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(E2eeKeysFile, WhatIsWrongIsSaidAndNoSecretIs) {
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"", "no JSON"},
           {"{\"keys\": [{\"passphrase\": \"SECRET\"}]", "no JSON"},
           {"[\"SECRET\"]", "no JSON object"},
           {"{}", "no list"},
           {"{\"keys\": []}", "at least one key"},
           {"{\"keys\": [{\"passphrase\": \"SECRET\"}], \"key_bits\": 192}", "key_bits"},
           {"{\"keys\": [{\"passphrase\": \"SECRET\"}], \"ratchet_window\": 1000}", "ratchet_window"},
           {"{\"keys\": [{\"passphrase\": \"SECRET\"}], \"format\": \"rot13\"}", "rot13"},
           {"{\"keys\": [{\"passphrase\": \"SECRET\"}, {\"hex\": \"SECRET\"}]}", "key 2 has a \"hex\""},
           {"{\"keys\": [{\"base64\": \"SECRET-!\"}]}", "key 1 has a \"base64\""},
           {"{\"keys\": [{\"hex\": \"00\", \"passphrase\": \"SECRET\"}]}", "more than one"},
           {"{\"keys\": [{\"passphrase\": \"SECRET\", \"index\": -1}]}", "no number"},
           {"{\"keys\": [{\"pasphrase\": \"SECRET\"}]}", "pasphrase"},
           {"{\"keys\": [{\"passphrase\": \"\"}]}", "none of"},
           {"{\"keys\": [{\"name\": \"SECRET\"}]}", "none of"}}) {
    const auto keys = E2eeKeys::parse(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_EQ(keys.error().code, Errc::malformed);
    EXPECT_THAT(keys.error().message, HasSubstr(said)) << text;
    EXPECT_THAT(keys.error().message, Not(HasSubstr("SECRET")));
  }
}

TEST(E2eeKeysFile, KeysAreTextHexOrBase64) {
  const auto keys = E2eeKeys::parse(
      R"({"format": "element-call", "keyring": 256, "keys": [{"passphrase": "abc"}, {"hex": "616263"},
          {"base64": "YWJj"}, {"base64": "-_8=", "format": "sframe", "kid": 18446744073709551615}]})");
  ASSERT_TRUE(keys) << keys.error().message;
  const auto& material = (*keys)->material();
  ASSERT_EQ(material.keys.size(), 4U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(as_text(material.keys[i]->secret.bytes()), "abc");
  EXPECT_EQ(as_text(material.keys[3]->secret.bytes()), "\xFB\xFF");
  EXPECT_EQ(material.keys[3]->index, 18446744073709551615ULL);
  EXPECT_EQ(material.keys[0]->format, E2eeFormat::livekit);
  EXPECT_EQ(material.keys[3]->format, E2eeFormat::sframe);
  EXPECT_EQ(material.ratchet_window, 10U);
}

TEST(E2eeKeysFile, IsReadFromAFileAndNamesIt) {
  TempDir folder;
  write_file(folder / "keys.json", R"({"keys": [{"passphrase": "abc"}]})");
  EXPECT_TRUE(E2eeKeys::load(folder / "keys.json"));
  const auto none = E2eeKeys::load(folder / "none.json");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("none.json"));
  write_file(folder / "long.json", std::string((1U << 20) + 1, ' '));
  const auto too_long = E2eeKeys::load(folder / "long.json");
  ASSERT_FALSE(too_long);
  EXPECT_THAT(too_long.error().message, HasSubstr("longer than 1 MiB"));
  EXPECT_FALSE(E2eeKeys::load(folder.path()));
}

}  // namespace
}  // namespace rtpx::test
