// The vectors of RFC 9605, appendix C.
#include <gtest/gtest.h>

#include "e2ee/frame_decryptor.hpp"
#include "e2ee/hex.hpp"
#include "e2ee/sframe_header.hpp"

namespace rtpx::test {
namespace {

struct Header {
  std::uint64_t key_id, counter;
  const char* encoded;
};

TEST(SFrameHeader, HeadersOfTheRfc) {
  for (const Header& vector : {Header{0, 0, "00"},
                               {0, 1, "01"},
                               {0, 255, "08ff"},
                               {0, 256, "090100"},
                               {0, 65535, "09ffff"},
                               {0, 65536, "0a010000"},
                               {0, 4294967296, "0c0100000000"},
                               {0, 18446744073709551615ULL, "0fffffffffffffffff"},
                               {1, 1, "11"},
                               {1, 16777216, "1b01000000"},
                               {255, 0, "80ff"},
                               {255, 255, "88ffff"},
                               {256, 256, "9901000100"},
                               {65535, 65536, "9affff010000"},
                               {65536, 4294967295, "ab010000ffffffff"},
                               {4294967296, 1099511627775, "cc0100000000ffffffffff"},
                               {1099511627775, 0, "c0ffffffffff"},
                               {16777215, 18446744073709551615ULL, "afffffffffffffffffffffff"}}) {
    const auto bytes = from_hex(vector.encoded);
    const auto header = parse_sframe_header(bytes);
    ASSERT_TRUE(header) << vector.encoded;
    EXPECT_EQ(header->key_id, vector.key_id) << vector.encoded;
    EXPECT_EQ(header->counter, vector.counter) << vector.encoded;
    EXPECT_EQ(header->size, bytes.size());
    EXPECT_FALSE(parse_sframe_header(Bytes(bytes).first(bytes.size() - 1))) << vector.encoded;
  }
}

constexpr const char* kSealedByRfc[] = {
    "9901234567449408b6f490086165b9d6f62b24ae1a59a56486b4ae8ed036b88912e24f11",
    "99012345673f31438db4d09434e43afa0f8a2f00867a2be085046a9f5cb4f101d607",
    "990123456717fc8af28a5a695afcfc6c8df6358a17e26b2fcb3bae32e443",
    "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb",
    "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279"};
constexpr const char* kPlainOfRfc = "64726166742d696574662d736672616d652d656e63";
constexpr const char* kOptions =
    R"("format": "sframe", "metadata": "4945544620534672616d65205747", "keys": [{"name": "k", )";

std::shared_ptr<const E2eeKeys> rfc_keys(const std::string& options, const std::string& key) {
  auto keys = E2eeKeys::parse("{" + options + kOptions + key + "}]}");
  EXPECT_TRUE(keys) << keys.error().message;
  return *keys;
}

TEST(SFrame, EachCipherSuiteOfTheRfcOpens) {
  for (int suite = 1; suite <= 5; ++suite)
    for (const std::string& options : {"\"cipher_suite\": " + std::to_string(suite) + ", ", std::string()}) {
      const auto keys = rfc_keys(options, R"("kid": 291, "hex": "000102030405060708090a0b0c0d0e0f")");
      const auto sealed = from_hex(kSealedByRfc[suite - 1]);
      const auto decryptor = make_sframe_decryptor(keys->material());
      const OpenedFrame opened = decryptor->open({.data = sealed});
      ASSERT_EQ(opened.outcome, OpenedFrame::Outcome::decrypted) << suite;
      EXPECT_EQ(to_hex(opened.data), kPlainOfRfc);
      EXPECT_EQ(opened.key_index, 291U);
      EXPECT_EQ(opened.key->name, "k");
    }
}

TEST(SFrame, NothingOpensWithAnotherKeyCounterOrByte) {
  for (int suite = 1; suite <= 5; ++suite) {
    const auto sealed = from_hex(kSealedByRfc[suite - 1]);
    const auto right = rfc_keys("", R"("kid": 291, "hex": "000102030405060708090a0b0c0d0e0f")");
    for (const char* key : {R"("kid": 291, "hex": "000102030405060708090a0b0c0d0e0e")",
                            R"("kid": 290, "hex": "000102030405060708090a0b0c0d0e0f")"})
      EXPECT_NE(make_sframe_decryptor(rfc_keys("", key)->material())->open({.data = sealed}).outcome,
                OpenedFrame::Outcome::decrypted);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      auto damaged = sealed;
      damaged[i] ^= std::byte{1};
      const OpenedFrame opened = make_sframe_decryptor(right->material())->open({.data = damaged});
      EXPECT_NE(opened.outcome, OpenedFrame::Outcome::decrypted) << suite << " at " << i;
      EXPECT_TRUE(opened.data.empty());
    }
    for (std::size_t size = 0; size < sealed.size(); ++size)
      EXPECT_NE(make_sframe_decryptor(right->material())->open({.data = Bytes(sealed).first(size)}).outcome,
                OpenedFrame::Outcome::decrypted);
  }
}

// Made with Python's hmac and the openssl command.
TEST(Medooze, AudioVideoRatchetedAndWithItsVp8HeaderInClear) {
  const auto keys = E2eeKeys::parse(R"({"format": "medooze", "keys": [
    {"name": "nine", "index": 9, "hex": "000102030405060708090a0b0c0d0e0f"},
    {"name": "three", "index": 3, "hex": "000102030405060708090a0b0c0d0e0f"}]})");
  ASSERT_TRUE(keys);
  const auto open = [&](const char* sealed, HintFormat codec) {
    const auto data = from_hex(sealed);
    return make_medooze_decryptor((*keys)->material())->open({.data = data, .codec = codec});
  };
  constexpr const char* kVideo = "311900e4c0efb90b0d93c0604f280ef26579403e";
  const OpenedFrame audio = open("190905fe7c482eab14e2dd1aa4222ca675fecc6fd26b9d", HintFormat::none);
  ASSERT_EQ(audio.outcome, OpenedFrame::Outcome::decrypted);
  EXPECT_EQ(to_hex(audio.data), "780be4c136ecc58d8c49469904c5aaed");
  EXPECT_EQ(audio.key->name, "nine");
  const OpenedFrame video =
      open("2909012c00e8586b4385747f1b33662983452ec50aa3bf3567cbb1cc870b2f379968", HintFormat::vp8);
  ASSERT_EQ(video.outcome, OpenedFrame::Outcome::decrypted);
  EXPECT_EQ(to_hex(video.data), kVideo);
  EXPECT_EQ(video.generation, 2U);
  const OpenedFrame clear =
      open("3119001307d29fa9f9fdac8cf7f44ecc24a61ae2319d6e2faf5dfae9706da4e2ec4afd", HintFormat::vp8);
  ASSERT_EQ(clear.outcome, OpenedFrame::Outcome::decrypted);
  EXPECT_EQ(to_hex(clear.data), kVideo);
  EXPECT_EQ(clear.key_index, 3U);
  // The tag of sound is too short for video.
  EXPECT_NE(open("190905fe7c482eab14e2dd1aa4222ca675fecc6fd26b9d", HintFormat::vp8).outcome,
            OpenedFrame::Outcome::decrypted);
}

}  // namespace
}  // namespace rtpx::test
