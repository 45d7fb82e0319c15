// SRTP by OpenSSL: the vectors of RFC 3711, RFC 6188 and RFC 7714, and libsrtp2 as the other side.
#include "ingest/srtp/srtp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ingest/srtp/replay_window.hpp"
#include "support/reference_srtp.hpp"

namespace rtpx {
namespace {

using test::kSrtpProfiles;
using test::ReferenceSrtp;
using test::some_srtp_keys;
using Direction = Srtp::Direction;
using Packet = std::vector<std::byte>;

Packet from_hex(std::string_view hex) {
  Packet out;
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return out;
}

Packet rtp_packet(std::uint16_t sequence, std::uint32_t ssrc = 7, std::size_t text = 100) {
  Packet out(12 + text, std::byte{0x5A});
  out[0] = std::byte{0x80};
  out[1] = std::byte{96};
  store_be<std::uint16_t>(out.data() + 2, sequence);
  store_be<std::uint32_t>(out.data() + 8, ssrc);
  return out;
}

Packet rtcp_packet(std::uint32_t ssrc = 7) {
  Packet out(28, std::byte{0x11});
  out[0] = std::byte{0x80};
  out[1] = std::byte{200};
  store_be<std::uint32_t>(out.data() + 4, ssrc);
  return out;
}

template <typename Side>
Packet protect(Side& side, const Packet& plain, bool rtcp = false) {
  Packet buffer = plain;
  buffer.resize(plain.size() + Srtp::kOverhead);
  const auto cipher = rtcp ? side.protect_rtcp(buffer, plain.size()) : side.protect_rtp(buffer, plain.size());
  return cipher ? Packet(cipher->begin(), cipher->end()) : Packet{};
}

struct Opened {
  Packet packet;
  Srtp::Failure why{};
  bool operator==(const Opened& other) const {
    return why == other.why && (why != Srtp::Failure::none || packet == other.packet);
  }
};
template <typename Side>
Opened open(Side& side, Packet cipher, bool rtcp = false) {
  Opened out;
  const auto plain = rtcp ? side.unprotect_rtcp(cipher, out.why) : side.unprotect_rtp(cipher, out.why);
  if (plain) out.packet.assign(plain->begin(), plain->end());
  return out;
}

Srtp make(const SrtpKeys& keys, Direction direction) {
  return std::move(Srtp::create(keys, direction).value());
}

// --- vectors
// ------------------------------------------------------------------------------------------------

TEST(SrtpVectors, KeyDerivation) {
  // RFC 3711 section B.3.
  SrtpKeys master{SrtpProfile::aes128_cm_sha1_80,
                  from_hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"),
                  {}};
  const auto keys = derive_session_keys(master, SrtpProtocol::rtp);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->key, from_hex("c61e7a93744f39ee10734afe3ff7a087"));
  EXPECT_EQ(keys->salt, from_hex("30cbbc08863d8c85d49db34a9ae1"));
  EXPECT_EQ(keys->authentication, from_hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
  // RFC 6188 section 7.4.
  master = {SrtpProfile::aes256_cm_sha1_80,
            from_hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
                     "3b04803de51ee7c96423ab5b78d2"),
            {}};
  const auto long_keys = derive_session_keys(master, SrtpProtocol::rtp);
  ASSERT_TRUE(long_keys);
  EXPECT_EQ(long_keys->key, from_hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"));
  EXPECT_EQ(long_keys->salt, from_hex("fa31791685ca444a9e07c6c64e93"));
  EXPECT_EQ(long_keys->authentication, from_hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

struct GcmVector {
  const char* what;
  SrtpProfile profile;
  SrtpProtocol protocol;
  const char *key, *plain, *cipher;  // SRTCP's index stands behind its cipher text
};

constexpr const char* kGcmRtp =
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
constexpr const char* kGcmRtcp =
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbee"
    "f";
constexpr const char *kKey128 = "000102030405060708090a0b0c0d0e0f",
                     *kKey256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

constexpr GcmVector kGcmVectors[] = {
    {"16.1.1", SrtpProfile::aead_aes_128_gcm, SrtpProtocol::rtp, kKey128, kGcmRtp,
     "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
     "899d7f27beb16a9152cf765ee4390cce"},
    {"16.2.1", SrtpProfile::aead_aes_256_gcm, SrtpProtocol::rtp, kKey256, kGcmRtp,
     "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
     "7aa3db36dfffd6b0f9bb7878d7a76c13"},
    {"17.1", SrtpProfile::aead_aes_128_gcm, SrtpProtocol::rtcp, kKey128, kGcmRtcp,
     "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275"
     "b"
     "c84aa45896cf4d2fc5abf87245d9eade800005d4"},
    {"17.2", SrtpProfile::aead_aes_256_gcm, SrtpProtocol::rtcp, kKey256, kGcmRtcp,
     "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fa"
     "d"
     "1d1eb30c4446839f57ff6f6cb26ac3be800005d4"},
};

TEST(SrtpVectors, AesGcmOfRfc7714) {
  for (const GcmVector& one : kGcmVectors) {
    SCOPED_TRACE(one.what);
    const bool rtcp = one.protocol == SrtpProtocol::rtcp;
    const SrtpSessionKeys keys{from_hex(one.key), from_hex("517569642070726f2071756f"), {}};
    const SrtpCipher::Number number =
        rtcp ? SrtpCipher::Number{0x4d617273, 0x5d4} : SrtpCipher::Number{0x5501a0b2, 0xf17b};
    const std::size_t clear = rtcp ? 8 : 12;
    const Packet expected = from_hex(one.cipher);
    const Bytes word = Bytes(expected).last(rtcp ? 4 : 0);
    Packet packet = from_hex(one.plain), tag(16);
    auto seal = SrtpCipher::create(one.profile, one.protocol, keys, Direction::send);
    ASSERT_TRUE(seal && seal->seal(number, packet, clear, word, tag));
    Packet whole = packet;
    whole.insert(whole.end(), tag.begin(), tag.end());
    whole.insert(whole.end(), word.begin(), word.end());
    EXPECT_EQ(whole, expected);

    auto opener = SrtpCipher::create(one.profile, one.protocol, keys, Direction::receive);
    ASSERT_TRUE(opener && opener->open(number, packet, clear, word, tag));
    EXPECT_EQ(packet, from_hex(one.plain));
    tag[3] ^= std::byte{1};
    EXPECT_FALSE(opener->open(number, packet, clear, word, tag));
  }
}

TEST(SrtpVectors, KeyStreamOfCounterMode) {  // RFC 3711 section B.2
  const SrtpSessionKeys keys{from_hex("2b7e151628aed2a6abf7158809cf4f3c"),
                             from_hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd"), Packet(20)};
  auto cipher = SrtpCipher::create(SrtpProfile::aes128_cm_sha1_80, SrtpProtocol::rtp, keys, Direction::send);
  Packet zeroes(48), tag(10);
  ASSERT_TRUE(cipher && cipher->seal({0, 0}, zeroes, 0, Packet(4), tag));
  EXPECT_EQ(zeroes, from_hex("e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
                             "41e95b3bb0a2e8dd477901e4fca894c0"));
}

// --- beside libsrtp2
// ----------------------------------------------------------------------------------------

class SrtpProfiles : public testing::TestWithParam<SrtpProfile> {
 protected:
  SrtpKeys keys = some_srtp_keys(GetParam());
  Srtp sender = make(keys, Direction::send), receiver = make(keys, Direction::receive);
  ReferenceSrtp reference_sender{std::span(&keys, 1), Direction::send};
  ReferenceSrtp reference_receiver{std::span(&keys, 1), Direction::receive};
};

TEST_P(SrtpProfiles, WritesAndReadsWhatLibsrtpDoes) {
  for (unsigned i = 0; i < 300; ++i) {
    const bool rtcp = i % 5 == 4;
    const Packet plain =
        rtcp ? rtcp_packet(i % 3) : rtp_packet(static_cast<std::uint16_t>(65400 + i), i % 3, i);
    const Packet cipher = protect(sender, plain, rtcp);
    ASSERT_EQ(cipher, protect(reference_sender, plain, rtcp)) << i;
    EXPECT_EQ(open(receiver, cipher, rtcp).packet, plain);
    EXPECT_EQ(open(reference_receiver, cipher, rtcp).packet, plain);
    EXPECT_EQ(open(receiver, cipher, rtcp).why, Srtp::Failure::replayed);
  }
}

TEST_P(SrtpProfiles, EveryBitIsAuthenticated) {
  for (const bool rtcp : {false, true}) {
    const Packet cipher = protect(sender, rtcp ? rtcp_packet() : rtp_packet(40'000, 7, 20), rtcp);
    for (std::size_t bit = 0; bit < cipher.size() * 8; ++bit) {
      Packet changed = cipher;
      changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      ASSERT_NE(open(receiver, changed, rtcp).why, Srtp::Failure::none) << bit;
    }
    for (std::size_t size = 0; size < cipher.size(); ++size)
      ASSERT_NE(
          open(receiver, Packet(cipher.begin(), cipher.begin() + static_cast<std::ptrdiff_t>(size)), rtcp)
              .why,
          Srtp::Failure::none);
    EXPECT_EQ(open(receiver, cipher, rtcp).why, Srtp::Failure::none) << "nothing was learned from the others";
  }
}

/// Losses, copies, late packets and leaps over several rollovers, for one and the other alike.
TEST_P(SrtpProfiles, OrderAndRolloverAsLibsrtpSeesThem) {
  std::mt19937 random(3);
  std::vector<Packet> kept;
  std::uint32_t sequence = 0;
  for (int i = 0; i < 4000; ++i) {
    sequence += random() % 8 == 0 ? random() % 20'000 : 1;
    const Packet cipher = protect(sender, rtp_packet(static_cast<std::uint16_t>(sequence)));
    ASSERT_FALSE(cipher.empty());
    kept.push_back(cipher);
    if (random() % 3 == 0) {
      ASSERT_EQ(open(receiver, cipher), open(reference_receiver, cipher)) << i;
    }
    const Packet& old = kept[kept.size() - 1 - random() % std::min<std::size_t>(kept.size(), 200)];
    ASSERT_EQ(open(receiver, old), open(reference_receiver, old)) << i;
  }
}

TEST_P(SrtpProfiles, FirstPacketAfterTheFirstRollover) {
  for (std::uint16_t sequence = 65'530; sequence >= 65'530; ++sequence)
    (void)protect(sender, rtp_packet(sequence));
  const Packet plain = rtp_packet(3);
  (void)protect(sender, rtp_packet(0));
  const Packet cipher = protect(sender, plain);
  EXPECT_EQ(open(receiver, cipher).packet, plain) << "all packets before were lost";
  EXPECT_EQ(open(receiver, protect(sender, rtp_packet(4))).packet, rtp_packet(4));
}

TEST_P(SrtpProfiles, KeysAreToldApartByTheirIdentifiers) {
  const std::vector<SrtpKeys> both{some_srtp_keys(GetParam(), 1, 4), some_srtp_keys(GetParam(), 2, 4)};
  auto receiving = std::move(Srtp::create(both, Direction::receive).value());
  for (const SrtpKeys& one : both) {
    ReferenceSrtp other(std::span(&one, 1), Direction::send);
    for (const bool rtcp : {false, true}) {
      const Packet plain = rtcp ? rtcp_packet(u8(one.mki[0])) : rtp_packet(u8(one.mki[0]), u8(one.mki[0]));
      const Packet cipher = protect(other, plain, rtcp);
      EXPECT_EQ(open(receiving, cipher, rtcp).packet, plain);
      auto sending = make(one, Direction::send);
      EXPECT_EQ(protect(sending, plain, rtcp), cipher);
    }
  }
  Packet stranger = protect(sender, rtp_packet(9));
  EXPECT_EQ(open(receiving, stranger).why, Srtp::Failure::refused);
  EXPECT_FALSE(Srtp::create(std::vector{keys, keys}, Direction::receive)) << "two keys need identifiers";
}

TEST_P(SrtpProfiles, SourcesAreBounded) {
  for (std::uint32_t ssrc = 0; ssrc < 3 * Srtp::kMaxSources; ++ssrc) {
    auto one = make(keys, Direction::send);
    if (ssrc == 2 * Srtp::kMaxSources) {
      EXPECT_EQ(open(receiver, protect(one, rtcp_packet(1), true), true).why, Srtp::Failure::none)
          << "the SSRC was forgotten, and with it that this packet came before";
    }
    EXPECT_EQ(open(receiver, protect(one, rtcp_packet(ssrc), true), true).why, Srtp::Failure::none);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SrtpProfiles, testing::ValuesIn(kSrtpProfiles));

// --- replay window
// ------------------------------------------------------------------------------------------

TEST(ReplayWindow, IsTheSetOfTheLast) {
  ReplayWindow<128> window;
  std::vector<std::uint64_t> seen;
  std::mt19937 random(5);
  std::uint64_t highest = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t index = highest + random() % (random() % 50 == 0 ? 400 : 5) -
                                std::min<std::uint64_t>(highest, random() % 140);
    const bool old = !seen.empty() && index + 128 <= highest;
    ASSERT_EQ(window.too_old(index), old);
    if (old) continue;
    ASSERT_EQ(window.seen(index), std::ranges::find(seen, index) != seen.end());
    window.add(index);
    highest = std::max(highest, index);
    seen.push_back(index);
    std::erase_if(seen, [&](std::uint64_t one) { return one + 128 <= highest; });
  }
}

}  // namespace
}  // namespace rtpx
