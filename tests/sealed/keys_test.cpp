// Keys as text, identities and their passphrases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtpx/sealed.hpp"
#include "sealed/identities.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using testing::HasSubstr;
using testing::Not;

Passphrase answering(std::string passphrase) {
  return [passphrase](const std::string&) -> Result<std::string> { return passphrase; };
}

TEST(SealedKeys, ARecipientIsOneLineThatComesBack) {
  const Recipient recipient = Identity::generate()->recipient();
  EXPECT_TRUE(recipient.text().starts_with("rtpxpub1"));
  EXPECT_EQ(recipient.text().find_first_of(" \n\t"), std::string::npos);
  EXPECT_EQ(Recipient::parse("  " + recipient.text() + "\n")->key(), recipient.key());
}

TEST(SealedKeys, AMistypedRecipientIsRefusedWhateverIsMistyped) {
  const std::string text = Identity::generate()->recipient().text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(Recipient::parse(wrong)) << i;
    EXPECT_FALSE(Recipient::parse(text.substr(0, i))) << i;
  }
  EXPECT_FALSE(Recipient::parse(text + "A"));
}

TEST(SealedKeys, ASecretGivenAsARecipientIsRefusedAndNotRepeated) {
  const std::string text = Identity::generate()->text().value();
  const std::string secret = text.substr(text.find("RTPXSECRET1"));
  const auto parsed = Recipient::parse(secret);
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("secret"));
  EXPECT_THAT(parsed.error().message, Not(HasSubstr(secret.substr(11, 20))));
}

TEST(SealedKeys, AnIdentityFileComesBack) {
  const auto identity = Identity::generate();
  const auto read = Identity::parse(identity->text().value(), "it");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((*read)->secret(), identity->secret());
  EXPECT_EQ((*read)->recipient(), identity->recipient());
}

TEST(SealedKeys, APassphraseProtectsAnIdentity) {
  const auto identity = Identity::generate();
  const std::string text = identity->text("correct horse").value();
  EXPECT_THAT(text, Not(HasSubstr("RTPXSECRET1")));
  EXPECT_EQ((*Identity::parse(text, "it", answering("correct horse")))->secret(), identity->secret());
  const auto wrong = Identity::parse(text, "it", answering("battery staple"));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("not the passphrase"));
  EXPECT_FALSE(Identity::parse(text, "it")) << "nobody to ask";
}

TEST(SealedKeys, WhatIsNoIdentityIsRefused) {
  const auto identity = Identity::generate();
  const std::string text = identity->text().value();
  for (const std::string& wrong : {std::string(), std::string("# nothing\n"), identity->recipient().text(), text + text,
                                   std::string("RTPXSECRET1AAAA"), std::string("RTPXLOCKED1AAAA"), text.substr(0, text.size() - 3)})
    EXPECT_FALSE(Identity::parse(wrong, "it", answering("x"))) << wrong;
  test::TempDir dir;
  EXPECT_EQ(Identity::load(dir / "missing").error().code, Errc::not_found);
}

TEST(SealedKeys, OneFileMayHoldSeveralIdentities) {
  const test::TempDir dir;
  const auto a = Identity::generate(), b = Identity::generate();
  test::write_file(dir / "both", a->text().value() + "\n" + b->text().value());
  const auto both = sealed::load_identities(dir / "both", {});
  ASSERT_TRUE(both) << both.error().message;
  ASSERT_EQ(both->size(), 2U);
  EXPECT_EQ((*both)[0]->recipient(), a->recipient());
  EXPECT_EQ((*both)[1]->recipient(), b->recipient());
  EXPECT_FALSE(Identity::load(dir / "both")) << "which of them is not said";
  test::write_file(dir / "half", a->text().value() + "RTPXSECRET1nonsense");
  EXPECT_EQ(sealed::load_identities(dir / "half", {}).error().code, Errc::invalid_argument);
  test::write_file(dir / "none", "# nothing\n");
  EXPECT_EQ(sealed::load_identities(dir / "none", {}).error().code, Errc::invalid_argument);
  EXPECT_EQ(sealed::load_identities(dir / "missing", {}).error().code, Errc::not_found);
}

}  // namespace
}  // namespace rtpx
