#include "ingest/webrtc/stun.hpp"

#include <gtest/gtest.h>

#include "ingest/webrtc/ice_lite.hpp"
#include "support/bytes.hpp"

namespace rtpx {
namespace {

using test::bytes;

const std::string kPassword = "VOkJxbRl1RmTxUk/WvJxBt";

// RFC 5769 section 2.1, padding of USERNAME with spaces included.
std::vector<std::byte> sample_request() {
  return bytes({0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e,
                0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24,
                0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1,
                0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68,
                0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
                0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5,
                0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf});
}

// RFC 5769 section 2.2.
std::vector<std::byte> sample_response() {
  return bytes({0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74,
                0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01,
                0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99,
                0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b,
                0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96});
}

TEST(Stun, TheRfcsSampleRequestIsRead) {
  const auto request = sample_request();
  const auto message = stun::parse(request);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, stun::Type::binding_request);
  EXPECT_EQ(message->username, "evtj:h6vY");
  EXPECT_EQ(local_ufrag(message->username), "evtj");
  EXPECT_EQ(message->priority, 0x6e0001ffU);
  EXPECT_TRUE(message->ice_controlled);
  EXPECT_FALSE(message->use_candidate);
  EXPECT_TRUE(message->fingerprint);
  EXPECT_TRUE(stun::has_integrity(request, *message, kPassword));
  EXPECT_FALSE(stun::has_integrity(request, *message, "wrong"));
}

TEST(Stun, TheRfcsSampleResponseIsRead) {
  const auto response = sample_response();
  const auto message = stun::parse(response);
  ASSERT_TRUE(message);
  ASSERT_TRUE(message->mapped_address);
  EXPECT_EQ(message->mapped_address->to_string(), "192.0.2.1:32853");
  EXPECT_TRUE(stun::has_integrity(response, *message, kPassword));
}

TEST(Stun, AnyChangedBitBreaksFingerprintOrIntegrity) {
  for (std::size_t i = 0; i < sample_request().size(); ++i) {
    auto changed = sample_request();
    changed[i] ^= std::byte{4};
    const auto message = stun::parse(changed);
    EXPECT_FALSE(message && message->fingerprint) << i;
  }
}

TEST(Stun, EveryPrefixIsRefused) {
  const auto whole = sample_request();
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(stun::parse(std::span(whole).first(n))) << n;
}

TEST(Stun, WrittenMessagesAreReadBack) {
  const stun::TransactionId id{};
  for (const char* ip : {"192.0.2.9", "2001:db8::9"}) {
    const SocketAddress address = *SocketAddress::parse(ip, 4321);
    stun::Writer writer(stun::Type::binding_success, id);
    writer.xor_mapped_address(address);
    const Bytes out = writer.finish("secret");
    const auto message = stun::parse(out);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->mapped_address, address);
    EXPECT_TRUE(message->fingerprint);
    EXPECT_TRUE(stun::has_integrity(out, *message, "secret"));
  }
}

TEST(Stun, WhatFollowsMessageIntegrityIsIgnored) {
  // USE-CANDIDATE moved behind the integrity attribute must not count: anybody could have added it.
  stun::Writer writer(stun::Type::binding_request, {});
  const Bytes signed_part = writer.finish("secret");
  std::vector<std::byte> forged(signed_part.begin(), signed_part.end() - 8);  // without FINGERPRINT
  const auto extra = bytes({0x00, 0x25, 0x00, 0x00});
  forged.insert(forged.end(), extra.begin(), extra.end());
  store_be<std::uint16_t>(forged.data() + 2, static_cast<std::uint16_t>(forged.size() - 20));
  const auto message = stun::parse(forged);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->use_candidate);
}

struct Check {
  stun::TransactionId id{};
  std::string ufrag = "me", pwd = "0123456789012345678901";
  bool controlled = false;
  bool unknown = false;
};

bool idle(const SocketAddress&) {
  return false;
}

IceLite::Outcome ask(IceLite& ice, const Check& check, const SocketAddress& from) {
  stun::Writer writer(stun::Type::binding_request, check.id);
  writer.username(check.ufrag + ":you");
  writer.ice_controlling(1);
  const Bytes out = writer.finish(check.pwd);
  return ice.on_request(out, *stun::parse(out), from, idle);
}

const SocketAddress kFrom = *SocketAddress::parse("192.0.2.1", 1000);

TEST(IceLite, ARightPasswordProvesTheAddress) {
  IceLite ice({"me", "0123456789012345678901"});
  const auto outcome = ask(ice, {}, kFrom);
  EXPECT_TRUE(outcome.valid);
  const auto answer = stun::parse(outcome.response);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type, stun::Type::binding_success);
  EXPECT_EQ(answer->mapped_address, kFrom);
  EXPECT_TRUE(stun::has_integrity(outcome.response, *answer, "0123456789012345678901"));
  EXPECT_EQ(ice.addresses(), std::vector<SocketAddress>{kFrom});
}

TEST(IceLite, AWrongPasswordProvesNothing) {
  IceLite ice({"me", "0123456789012345678901"});
  const auto outcome = ask(ice, {.pwd = "wrong"}, kFrom);
  EXPECT_FALSE(outcome.valid);
  EXPECT_EQ(stun::parse(outcome.response)->error_code, 401);
  EXPECT_TRUE(ice.addresses().empty());
}

TEST(IceLite, APeerThatWantsToBeControlledIsToldOfTheConflict) {
  IceLite ice({"evtj", kPassword});
  auto request = sample_request();
  EXPECT_EQ(stun::parse(ice.on_request(request, *stun::parse(request), kFrom, idle).response)->error_code,
            487);
}

TEST(IceLite, OnlySoManyAddressesAreKept) {
  IceLite ice({"me", "0123456789012345678901"});
  for (std::uint16_t port = 1; port <= 100; ++port) {
    const auto outcome = ask(ice, {}, kFrom.with_port(port));
    EXPECT_EQ(outcome.forgotten.has_value(), port > IceLite::kMaxAddresses);
  }
  EXPECT_EQ(ice.addresses().size(), IceLite::kMaxAddresses);
}

TEST(IceLite, AnAddressInUseIsNotGivenUpForAnother) {
  IceLite ice({"me", "0123456789012345678901"});
  const Check check;
  const auto try_from = [&](const SocketAddress& from,
                            const std::function<bool(const SocketAddress&)>& in_use) {
    stun::Writer writer(stun::Type::binding_request, check.id);
    writer.username(check.ufrag + ":you");
    writer.ice_controlling(1);
    const Bytes out = writer.finish(check.pwd);
    return ice.on_request(out, *stun::parse(out), from, in_use);
  };
  for (std::uint16_t port = 1; port <= 100; ++port)
    EXPECT_TRUE(
        try_from(kFrom.with_port(port), [](const SocketAddress& one) { return one.port() == 1; }).valid);
  EXPECT_EQ(ice.addresses().front(), kFrom.with_port(1));
  EXPECT_FALSE(try_from(kFrom.with_port(200), [](const SocketAddress&) { return true; }).valid);
  EXPECT_EQ(ice.addresses().size(), IceLite::kMaxAddresses);
}

TEST(IceLite, OldCredentialsAreGoodUntilTheNewOnesAreUsed) {
  IceLite ice({"me", "0123456789012345678901"});
  ice.restart({"new", "9876543210987654321098"});
  EXPECT_TRUE(ask(ice, {}, kFrom).valid);
  const auto outcome = ask(ice, {.ufrag = "new", .pwd = "9876543210987654321098"}, kFrom);
  EXPECT_TRUE(outcome.valid);
  EXPECT_EQ(outcome.retired, std::vector<std::string>{"me"});
  EXPECT_FALSE(ask(ice, {}, kFrom).valid);
}

}  // namespace
}  // namespace rtpx
