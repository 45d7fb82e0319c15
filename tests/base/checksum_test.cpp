#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/crc32c.hpp"
#include "base/sha256.hpp"

namespace rtpx {
namespace {

std::string hex(Bytes bytes) {
  std::string out;
  for (const std::byte b : bytes)
    for (const int nibble : {static_cast<int>(b) >> 4, static_cast<int>(b) & 15})
      out += "0123456789abcdef"[nibble];
  return out;
}

TEST(Crc32c, GivesTheCheckValuesOfRfc3720) {
  for (auto* const crc : {crc32c, crc32c_by_table}) {
    EXPECT_EQ(crc({}, 0), 0U);
    EXPECT_EQ(crc(as_bytes("123456789"), 0), 0xE3069283U);
    EXPECT_EQ(crc(as_bytes(std::string(32, '\0')), 0), 0x8A9136AAU);
    EXPECT_EQ(crc(as_bytes(std::string(32, '\xFF')), 0), 0x62A8AB43U);
  }
}

TEST(Crc32c, InstructionAndTableAgreeAtEveryLengthAndAlignment) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(20000);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t length = 0; length < 200; ++length) {
      const Bytes part = Bytes(bytes).subspan(from * 7, length);
      ASSERT_EQ(crc32c(part, 7), crc32c_by_table(part, 7)) << from << " " << length;
    }
  for (std::size_t length = 3000; length < bytes.size(); length += 31)  // three streams side by side
    ASSERT_EQ(crc32c(Bytes(bytes).first(length), 7), crc32c_by_table(Bytes(bytes).first(length), 7))
        << length;
}

TEST(Crc32c, GoesOnOverPieces) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(crc32c(as_bytes(text.substr(cut)), crc32c(as_bytes(text.substr(0, cut)))),
              crc32c(as_bytes(text)));
}

TEST(Sha256, GivesTheExamplesOfTheStandard) {
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(sha256(as_bytes(std::string(1000000, 'a')))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace rtpx
