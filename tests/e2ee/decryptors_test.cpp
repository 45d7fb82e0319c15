// Frames that the real workers of livekit-client and lib-jitsi-meet encrypted (captures/e2ee, TRUTH.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "e2ee/hex.hpp"
#include "e2ee/track_decryptor.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using Json = nlohmann::json;

std::shared_ptr<const E2eeKeys> keys_of(const Json& document) {
  auto keys = E2eeKeys::parse(document.dump());
  EXPECT_TRUE(keys) << keys.error().message;
  return keys ? *keys : nullptr;
}

HintFormat codec_named(const std::string& name) {
  const std::string codec = name.substr(0, name.find(' '));
  return codec == "opus" ? HintFormat::none : hint_format("video/" + codec);
}

/// As packets would bring it: start codes of 4 bytes.
std::string long_start_codes(std::string plain, const std::string& what) {
  if (what.find("3-byte") == std::string::npos) return plain;
  for (const char* unit : {"00000167", "00000168", "00000165"}) {
    const auto at = plain.find(unit);
    EXPECT_NE(at, std::string::npos);
    plain.insert(at, "00");
  }
  return plain;
}

TEST(LiveKitFrames, WhatTheRealWorkerEncryptedIsOpened) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const Json vectors = Json::parse(read_file(folder / "vectors_livekit_synthetic.json"));
  ASSERT_EQ(vectors["frames"].size(), 77U);
  for (const bool named : {true, false}) {  // format and indexes given, or none of them
    Json document{{"keys", vectors["keys"]}};
    if (named) document["format"] = "livekit";
    for (Json& key : document["keys"])
      if (!named) key.erase("index");
    TrackDecryptor decryptor(keys_of(document));
    for (const Json& frame : vectors["frames"]) {
      const auto data = from_hex(frame["encrypted"]);
      const auto opened = decryptor.open({.data = data,
                                          .codec = hint_format(frame["mime"].get<std::string>()),
                                          .ssrc = frame["ssrc"],
                                          .timestamp = frame["rtp_timestamp"]});
      ASSERT_EQ(opened.state, TrackDecryptor::State::decrypted) << frame["set"] << frame["what"];
      EXPECT_EQ(to_hex(*opened.data), long_start_codes(frame["plain"], frame["what"])) << frame["what"];
      EXPECT_EQ(opened.format, E2eeFormat::livekit);
    }
  }
}

TEST(LiveKitFrames, FramesOfCallsAreOpenedByPassphraseAndByBytes) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const Json vectors = Json::parse(read_file(folder / "vectors.json"));
  const Json keys = Json::parse(R"({"keys": [
    {"name": "shared", "passphrase": "correct horse battery staple"},
    {"name": "alice", "hex": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
    {"name": "hkdf", "hex": "000102030405060708090a0b0c0d0e0f"}]})");
  std::map<std::string, int> opened_by;
  for (const Json& frame : vectors["frames"]) {
    TrackDecryptor decryptor(keys_of(keys));
    const auto data = from_hex(frame["encrypted"]);
    const auto opened = decryptor.open(
        {.data = data, .codec = codec_named(frame["codec"]), .timestamp = frame["rtp_timestamp"]});
    ASSERT_EQ(opened.state, TrackDecryptor::State::decrypted) << frame["from_"] << frame["codec"];
    EXPECT_EQ(to_hex(*opened.data), frame["plain"].get<std::string>()) << frame["from_"] << frame["codec"];
    ++opened_by[opened.key->name];
  }
  EXPECT_EQ(vectors["frames"].size(), 17U);
  EXPECT_EQ(opened_by["shared"], 14);
}

TEST(KeyDerivation, EachGenerationIsThatOfTheRealWorkers) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const Json vectors = Json::parse(read_file(folder / "vectors.json"));
  for (const Json& vector : vectors["kdf"]) {
    const std::string kind = vector["kdf"] == "pbkdf2" ? "passphrase" : "hex";
    const auto material = from_hex(vector["material"]);
    const std::string secret =
        kind == "hex" ? vector["material"].get<std::string>() : std::string(as_text(material));
    const auto keys = keys_of({{"format", vector["format"]}, {"keys", {{{kind, secret}}}}});
    const KeyChain& chain = *keys->material().chains.front();
    for (const Json& generation : vector["generations"]) {
      const std::string expected = generation["aes_key"];
      EXPECT_EQ(to_hex(chain.cipher_key(generation["generation"])).substr(0, expected.size()), expected)
          << vector["format"] << vector["kdf"] << generation["generation"];
    }
  }
}

TEST(LiveKitFrames, WrongKeysOpenNothingAndSayWhatIsMissing) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const Json vectors = Json::parse(read_file(folder / "vectors_livekit_synthetic.json"));
  TrackDecryptor other(keys_of(Json::parse(R"({"keys": [{"index": 0, "passphrase": "wrong"}]})")));
  int wrong = 0, none = 0;
  for (const Json& frame : vectors["frames"]) {
    const auto data = from_hex(frame["encrypted"]);
    const SealedFrame sealed{.data = data,
                             .codec = hint_format(frame["mime"].get<std::string>()),
                             .ssrc = frame["ssrc"],
                             .timestamp = frame["rtp_timestamp"]};
    const auto opened = other.open(sealed);
    EXPECT_FALSE(opened.data);
    EXPECT_EQ(opened.key, nullptr);
    wrong += opened.state == TrackDecryptor::State::wrong_key;
    none += opened.state == TrackDecryptor::State::no_key;
    EXPECT_EQ(opened.state == TrackDecryptor::State::no_key, opened.key_index == 3);
  }
  EXPECT_EQ(wrong + none, 77);
  EXPECT_GT(none, 0);
}

TEST(LiveKitFrames, AFrameWithAnyByteChangedIsNotOpened) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const Json vectors = Json::parse(read_file(folder / "vectors_livekit_synthetic.json"));
  const Json document{
      {"format", "livekit"}, {"keys", vectors["keys"]}, {"key_bits", 128}, {"ratchet_window", 0}};
  const auto keys = keys_of(document);
  for (const std::size_t index : {std::size_t{1}, std::size_t{5}, std::size_t{7}}) {
    const Json& frame = vectors["frames"][index];
    const auto data = from_hex(frame["encrypted"]);
    for (std::size_t i = 0; i < data.size(); ++i) {
      auto damaged = data;
      damaged[i] ^= std::byte{0x10};
      TrackDecryptor decryptor(keys);
      const auto opened =
          decryptor.open({.data = damaged, .codec = hint_format(frame["mime"].get<std::string>())});
      // The index only says which key is meant, and all are tried; the length of the IV stands for nothing
      // else.
      const bool index_byte = i + 1 == data.size();
      EXPECT_EQ(opened.state == TrackDecryptor::State::decrypted, index_byte) << frame["what"] << " at " << i;
    }
  }
}

TEST(PlainFrames, StayAsTheyAre) {
  TrackDecryptor decryptor(keys_of(Json::parse(R"({"keys": [{"passphrase": "x", "format": "livekit"}]})")));
  const auto vp8 = from_hex("9046009d012a80026801396b00271c2216162266122a0c07");
  const auto opened = decryptor.open({.data = vp8, .codec = HintFormat::vp8, .ssrc = 1, .timestamp = 2});
  EXPECT_EQ(opened.state, TrackDecryptor::State::plain);
  EXPECT_FALSE(opened.data);
}

TEST(PlainFrames, LoseTheTrailerThatALiveKitServerPutBehindItsOwn) {
  TrackDecryptor decryptor(keys_of(Json::parse(R"({"keys": [{"passphrase": "x", "format": "livekit"}]})")));
  const std::string picture = "1002009d012a0800080000470885858885848802020 00c0d6000feffab5080";
  std::string hex;
  for (const char c : picture)
    if (c != ' ') hex += c;
  const auto with_trailer = from_hex(hex + "a1b2c3d4e5f60718");
  const auto opened = decryptor.open({.data = with_trailer, .codec = HintFormat::vp8});
  EXPECT_EQ(opened.state, TrackDecryptor::State::plain);
  ASSERT_TRUE(opened.data);
  EXPECT_EQ(to_hex(*opened.data), hex);
}

}  // namespace
}  // namespace rtpx::test
