// Captures of encrypted calls: what a key opens is recorded in clear, and what none opens never becomes
// sound.
#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include "ingest/capture/dtls_handshake.hpp"
#include "ingest/import_support.hpp"
#include "ingest/srtp/srtp.hpp"
#include "ingest/udp/sdes.hpp"
#include "ingest/webrtc/dtls.hpp"
#include "support/places.hpp"

namespace rtpx {
namespace {

using namespace test;
using testing::HasSubstr;

class ImportSrtp : public ImportFixture {};

constexpr std::uint32_t kAlice = 0x0A000001, kBob = 0x0A000002;

Rtp voice(unsigned i, std::uint32_t ssrc = 7, unsigned type = 0) {
  return {.payload_type = type,
          .sequence = 65500 + i,
          .timestamp = 160 * i,
          .ssrc = ssrc,
          .payload = std::string(160, static_cast<char>(i))};
}

class Sender {
 public:
  explicit Sender(const SrtpKeys& keys) : srtp_(std::move(*Srtp::create(keys, Srtp::Direction::send))) {}
  std::string rtp(const std::string& packet) { return sealed(packet, false); }
  std::string rtcp(const std::string& packet) { return sealed(packet, true); }

 private:
  std::string sealed(const std::string& packet, bool control) {
    std::vector<std::byte> buffer(packet.size() + Srtp::kOverhead);
    std::ranges::copy(as_bytes(packet), buffer.begin());
    const auto out =
        control ? srtp_.protect_rtcp(buffer, packet.size()) : srtp_.protect_rtp(buffer, packet.size());
    return std::string(as_text(out.value()));
  }
  Srtp srtp_;
};

SrtpKeys key_of(char fill, SrtpProfile profile = SrtpProfile::aes128_cm_sha1_80) {
  return {
      profile, std::vector<std::byte>(srtp_key_size(profile) + srtp_salt_size(profile), std::byte(fill)), {}};
}
std::string sdp_with(const std::string& crypto, const std::string& protocol = "RTP/SAVP") {
  return kSdpHead + "m=audio 6000 " + protocol + " 0\na=rtpmap:0 PCMU/8000\n" + crypto;
}
std::string crypto_line(const SrtpKeys& keys, const std::string& suite) {
  return "a=crypto:" + write_sdes({1, suite, {keys}}, keys) + "\n";
}
std::string report(std::uint32_t ssrc) {
  return "\x80\xC8" + be16(6) + be32(ssrc) + std::string(20, 'r');
}

TEST_F(ImportSrtp, CryptoLinesOfTheSdpOpenEachSuite) {
  const struct {
    SrtpProfile profile;
    const char* suite;
  } suites[] = {{SrtpProfile::aes128_cm_sha1_80, "AES_CM_128_HMAC_SHA1_80"},
                {SrtpProfile::aes128_cm_sha1_32, "AES_CM_128_HMAC_SHA1_32"},
                {SrtpProfile::aes256_cm_sha1_80, "AES_256_CM_HMAC_SHA1_80"},
                {SrtpProfile::aes256_cm_sha1_32, "AES_256_CM_HMAC_SHA1_32"},
                {SrtpProfile::aead_aes_128_gcm, "AEAD_AES_128_GCM"},
                {SrtpProfile::aead_aes_256_gcm, "AEAD_AES_256_GCM"}};
  for (const auto& [profile, suite] : suites) {
    std::filesystem::remove_all(folder_ / "recording");
    const SrtpKeys keys = key_of('k', profile);
    Sender sender(keys);
    std::string file = pcap_head(101);
    for (unsigned i = 0; i < 80; ++i)
      file += pcap_record(frame(sender.rtp(voice(i).bytes())), 1000, 20'000 * i % 1000000);
    file += pcap_record(frame(sender.rtcp(report(7)), 5001, 6001));
    // A wrong key stands first: which one opens is found by trying.
    const auto summary =
        import(file, sdp_with(crypto_line(key_of('x', profile), suite) + crypto_line(keys, suite)));
    EXPECT_EQ(summary.decryption.opened, 81U) << suite;
    ASSERT_EQ(summary.tracks.size(), 1U) << suite;
    const auto got = records(summary.tracks[0].track.id);
    ASSERT_EQ(got.size(), 80U) << suite;
    for (unsigned i = 0; i < 80; ++i) EXPECT_EQ(got[i].bytes, voice(i).bytes()) << suite;
    EXPECT_EQ(summary.tracks[0].rtcp_packets, 1U);
  }
}

TEST_F(ImportSrtp, PacketsThatNoKeyOpensAreCountedAndCopiesToo) {
  Sender sender(key_of('k')), stranger(key_of('s'));
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 20; ++i) {
    const std::string packet = frame(sender.rtp(voice(i).bytes()));
    file += pcap_record(packet);
    if (i % 4 == 0) file += pcap_record(packet);
    if (i % 5 == 0) file += pcap_record(frame(stranger.rtp(voice(i, 99).bytes()), 7000));
  }
  const auto summary = import(file, sdp_with(crypto_line(key_of('k'), "AES_CM_128_HMAC_SHA1_80")));
  EXPECT_EQ(summary.decryption.opened, 20U);
  EXPECT_EQ(summary.decryption.replayed, 5U);
  EXPECT_EQ(summary.decryption.refused, 4U);
  EXPECT_EQ(summary.tracks.size(), 1U);
}

TEST_F(ImportSrtp, WithoutTheRightKeyNothingIsWritten) {
  Sender sender(key_of('k'));
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 20; ++i) file += pcap_record(frame(sender.rtp(voice(i).bytes())));
  const auto no_key = try_import(file, sdp_with(""));
  ASSERT_FALSE(no_key);
  EXPECT_EQ(no_key.error().code, Errc::unsupported);
  EXPECT_THAT(no_key.error().message, HasSubstr("20 packets are encrypted (SRTP), and no key was given"));
  const auto wrong_key = try_import(file, sdp_with(crypto_line(key_of('x'), "AES_CM_128_HMAC_SHA1_80")));
  ASSERT_FALSE(wrong_key);
  EXPECT_THAT(wrong_key.error().message, HasSubstr("none of its 20 packets is opened by the keys"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "recording"));
}

TEST_F(ImportSrtp, WithoutASdpTheTrackIsKeptAsWhatItIs) {
  for (const auto profile :
       {SrtpProfile::aes128_cm_sha1_80, SrtpProfile::aes128_cm_sha1_32, SrtpProfile::aead_aes_128_gcm}) {
    std::filesystem::remove_all(folder_ / "recording");
    Sender sender(key_of('k', profile));
    std::string file = pcap_head(101);
    for (unsigned i = 0; i < 20; ++i) file += pcap_record(frame(sender.rtp(voice(i).bytes())));
    const auto summary = import(file);
    EXPECT_EQ(summary.sealed, 20U);
    ASSERT_EQ(summary.tracks.size(), 1U);
    EXPECT_EQ(summary.tracks[0].track.codecs.at(0).mime_type, "audio/SRTP");
    EXPECT_EQ(summary.tracks[0].packets, 20U) << "nothing that was captured is lost";
  }
}

TEST_F(ImportSrtp, WhatWasDecryptedBeforeIsTakenAsItIs) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 20; ++i) file += pcap_record(frame(voice(i).bytes()));
  file += pcap_record(frame(report(7), 5001, 6001));
  EXPECT_EQ(import(file, sdp_with("", "UDP/TLS/RTP/SAVPF")).tracks.size(), 1U);
  std::filesystem::remove_all(folder_ / "recording");
  EXPECT_EQ(import(file, sdp_with(crypto_line(key_of('k'), "AES_CM_128_HMAC_SHA1_80"))).tracks.size(), 1U);
}

/// A call between two of OpenSSL's ends, as a capture sees it.
struct DtlsCall {
  std::string file = pcap_head(101);
  std::string key_log;
  SrtpKeys client, server;
  static std::string* log_of_this_call;

  DtlsCall() {
    auto context = std::move(*DtlsContext::create());
    SSL_CTX_set_keylog_callback(
        context->get(), [](const SSL*, const char* line) { log_of_this_call->append(line).append("\n"); });
    log_of_this_call = &key_log;
    std::vector<std::string> to_server, to_client;
    Dtls alice(context, Dtls::Role::client, {context->fingerprint()}, [&](Bytes out) {
      file += pcap_record(frame(std::string(as_text(out)), 5000, 6000, kAlice, kBob));
      to_server.emplace_back(as_text(out));
    });
    Dtls bob(context, Dtls::Role::server, {context->fingerprint()}, [&](Bytes out) {
      file += pcap_record(frame(std::string(as_text(out)), 6000, 5000, kBob, kAlice));
      to_client.emplace_back(as_text(out));
    });
    alice.start();
    for (int turn = 0; turn < 20; ++turn) {
      for (const auto& datagram : std::exchange(to_server, {})) bob.receive(as_bytes(datagram));
      for (const auto& datagram : std::exchange(to_client, {})) alice.receive(as_bytes(datagram));
    }
    EXPECT_EQ(alice.state(), Dtls::State::connected) << alice.error();
    EXPECT_EQ(bob.state(), Dtls::State::connected) << bob.error();
    client = alice.local_keys();
    server = bob.local_keys();
    Sender from_client(client), from_server(server);
    for (unsigned i = 0; i < 30; ++i) {
      file += pcap_record(frame(from_client.rtp(voice(i, 7).bytes()), 5000, 6000, kAlice, kBob));
      file += pcap_record(frame(from_server.rtp(voice(i, 8).bytes()), 6000, 5000, kBob, kAlice));
    }
    file += pcap_record(frame(from_client.rtcp(report(7)), 5000, 6000, kAlice, kBob));
  }
};
std::string* DtlsCall::log_of_this_call = nullptr;

TEST_F(ImportSrtp, AKeyLogOpensACallWhoseHandshakeWasCaptured) {
  const DtlsCall call;
  ASSERT_THAT(call.key_log, HasSubstr("CLIENT_RANDOM "));
  const auto summary = import(call.file, "", {}, "# a comment\nRSA 00 11\n" + call.key_log);
  EXPECT_EQ(summary.decryption.opened, 61U);
  EXPECT_EQ(summary.decryption.refused, 0U);
  ASSERT_EQ(summary.tracks.size(), 2U);
  const auto got = records("audio_00000008");
  ASSERT_EQ(got.size(), 30U);
  for (unsigned i = 0; i < 30; ++i) EXPECT_EQ(got[i].bytes, voice(i, 8).bytes());
}

// Firefox' NSS with itself, captured on the way, and what it wrote to SSLKEYLOGFILE (RFC 9147, RFC 5705).
TEST_F(ImportSrtp, AKeyLogOpensACallOfFirefoxOverDtls13) {
  const auto data = source_dir() / "tests/data/firefox_dtls13";
  const std::string keys = read_file(data / "keys.log");
  ASSERT_THAT(keys, HasSubstr("EXPORTER_SECRET "));
  const auto summary = import(read_file(data / "call.pcap"), "", {}, keys);
  EXPECT_EQ(summary.decryption.opened, 60U);
  EXPECT_EQ(summary.decryption.refused, 0U);
  EXPECT_EQ(summary.sealed, 0U);
}

TEST_F(ImportSrtp, AKeyLogOfAnotherCallOpensNothingAndOneWithoutSecretsIsRefused) {
  const DtlsCall call, other;
  const auto kept = import(call.file, "", {}, other.key_log);
  EXPECT_EQ(kept.sealed, 60U);
  EXPECT_EQ(kept.tracks.at(0).track.codecs.at(0).mime_type, "audio/SRTP");
  const auto none = try_import(call.file, "", {}, "hello\n");
  std::filesystem::remove_all(folder_ / "recording");
  const auto empty = try_import(call.file, "", {}, "hello\n");
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("holds no secrets"));
}

TEST_F(ImportSrtp, ThePcapngBringsItsSecretsAlong) {
  const DtlsCall call;
  const auto block = [](std::uint32_t type, std::string body) {
    body.resize((body.size() + 3) / 4 * 4);
    const std::string length = le32(static_cast<std::uint32_t>(body.size() + 12));
    return le32(type) + length + body + length;
  };
  std::string file = block(0x0A0D0D0A, le32(0x1A2B3C4D) + le16(1) + le16(0) + std::string(8, '\xFF'));
  file += block(1, le16(101) + le16(0) + le32(0));
  file += block(10, le32(0x544C534B) + le32(static_cast<std::uint32_t>(call.key_log.size())) + call.key_log);
  std::string rest = call.file.substr(24);
  while (rest.size() >= 16) {
    std::uint32_t size = 0;
    std::memcpy(&size, rest.data() + 8, 4);
    file += block(6, le32(0) + le32(0) + le32(1000) + le32(size) + le32(size) + rest.substr(16, size));
    rest.erase(0, 16 + size);
  }
  const auto summary = import(file);
  EXPECT_EQ(summary.decryption.opened, 61U);
}

TEST(KeyLog, ReadsBothKindsOfSecretsAndNothingElse) {
  capture::KeyLog log;
  const std::string random(64, 'a'), secret(96, 'b');
  log.add("CLIENT_RANDOM " + random + " " + secret + "\r\nCLIENT_RANDOM x y\nEXPORTER_SECRET " + random +
          " " + std::string(64, 'c') + "\nCLIENT_RANDOM " + random.substr(2) + " " + secret +
          "\nEXPORTER_SECRET " + random);
  capture::ClientRandom key{};
  key.fill(std::byte{0xAA});
  ASSERT_NE(log.master_secret(key), nullptr);
  EXPECT_EQ(log.master_secret(key)->size(), 48U);
  ASSERT_NE(log.exporter_secret(key), nullptr);
  EXPECT_EQ(log.exporter_secret(key)->size(), 32U);
}

}  // namespace
}  // namespace rtpx
