#include "packets/encrypted_frames.hpp"

#include <gtest/gtest.h>

#include <random>

namespace rtpx {
namespace {

struct Sent {
  std::vector<std::byte> payload;
  RtpPacket packet;
};

Sent frame(std::uint32_t timestamp, std::uint32_t third_word, std::uint8_t key_index, std::size_t size = 40) {
  Sent sent;
  sent.payload.assign(size + 14, std::byte{0x5A});
  std::byte* at = sent.payload.data() + size;
  store_be<std::uint32_t>(at, 0xCAFE0001U);
  store_be<std::uint32_t>(at + 4, timestamp);
  store_be<std::uint32_t>(at + 8, third_word);
  at[12] = std::byte{12};
  at[13] = std::byte{key_index};
  sent.packet.ssrc = 0xCAFE0001U;
  sent.packet.timestamp = timestamp;
  sent.packet.payload = sent.payload;
  return sent;
}
Sent plain(std::uint32_t timestamp) {
  Sent sent = frame(timestamp, 0, 0);
  sent.payload.back() = sent.payload[sent.payload.size() - 2] = std::byte{0x33};
  return sent;
}

// Inserts emulation prevention bytes as H.264 does.
void escape(Sent& sent) {
  std::vector<std::byte> out;
  int zeros = 0;
  for (const std::byte byte : sent.payload) {
    if (zeros >= 2 && byte <= std::byte{3}) {
      out.push_back(std::byte{3});
      zeros = 0;
    }
    zeros = byte == std::byte{0} ? zeros + 1 : 0;
    out.push_back(byte);
  }
  sent.payload = out;
  sent.packet.payload = sent.payload;
}

class EncryptedFramesTest : public testing::Test {
 protected:
  void push(const Sent& sent, bool whole = true, bool escaped = false) {
    frames_.push(0, sent.packet.timestamp, sent.packet, escaped, whole);
  }
  std::vector<EncryptedSpan> spans_;
  EncryptedFrames frames_{spans_};
};

TEST_F(EncryptedFramesTest, ALiveKitCallIsOneSpanWithItsKeyIndexes) {
  for (std::uint32_t i = 0; i < 50; ++i)
    push(frame(1000 + 960 * i, 1000 + 960 * i - (7 + i), i < 25 ? 0 : 3));
  ASSERT_EQ(spans_.size(), 1U);
  EXPECT_EQ(spans_[0].frames, 50U);
  EXPECT_EQ(spans_[0].from_timestamp, 1000);
  EXPECT_EQ(spans_[0].to_timestamp, 1000 + 960 * 49);
  EXPECT_EQ(spans_[0].key_indexes, (std::vector<std::uint64_t>{0, 3}));
  EXPECT_EQ(spans_[0].format, E2eeFormat::livekit);
}

TEST_F(EncryptedFramesTest, JitsisThirdWordCounts) {
  for (std::uint32_t i = 0; i < 5; ++i) push(frame(3000 * i + 9, 500 + i, 1));
  ASSERT_EQ(spans_.size(), 1U);
  EXPECT_EQ(spans_[0].format, E2eeFormat::jitsi);
}

TEST_F(EncryptedFramesTest, PlainFramesEndASpanAndMiddlesOfFramesDoNot) {
  push(frame(100, 1, 0));
  push(plain(200), false);  // the first packet of an encrypted frame
  push(frame(200, 2, 0));
  push(plain(300));
  push(plain(400));
  push(frame(500, 3, 0));
  ASSERT_EQ(spans_.size(), 2U);
  EXPECT_EQ(spans_[0].to_timestamp, 200);
  EXPECT_EQ(spans_[1].from_timestamp, 500);
}

TEST_F(EncryptedFramesTest, TheVectorIsFoundUnderEmulationPrevention) {
  for (const std::uint32_t timestamp : {0x00000001U, 0x01000000U, 0x00000000U, 0x00010000U}) {
    Sent sent = frame(timestamp, 0x00000002, 0);
    escape(sent);
    ASSERT_NE(sent.payload.size(), 54U) << timestamp;
    std::vector<EncryptedSpan> spans;
    EncryptedFrames(spans).push(0, timestamp, sent.packet, true, true);
    EXPECT_EQ(spans.size(), 1U) << timestamp;
  }
}

TEST_F(EncryptedFramesTest, TheVectorIsFoundInFrontOfMetadata) {
  Sent sent = frame(1000, 7, 2);
  for (const unsigned byte : {0xFDU, 0xFBU, 0xFFU, 0xFFU, 0xFFU, 0xFEU, 0xF4U, 0x4CU, 0x4BU, 0x54U, 0x53U})
    sent.payload.push_back(static_cast<std::byte>(byte));  // frame 1
  sent.packet.payload = sent.payload;
  push(sent);
  ASSERT_EQ(spans_.size(), 1U);
  EXPECT_EQ(spans_[0].key_indexes, (std::vector<std::uint64_t>{2}));
}

// A server that forwards media may give it another SSRC and origin of time.
TEST_F(EncryptedFramesTest, AgreeingVectorsOfAnotherSourceAreProofTogether) {
  for (std::uint32_t i = 0; i < 10; ++i) {
    Sent sent = frame(5000 + 960 * i, 0, 1);
    store_be<std::uint32_t>(sent.payload.data() + 40, 0xBEEFU);
    store_be<std::uint32_t>(sent.payload.data() + 44, 123 + 960 * i);
    push(sent);
    if (i == 1) {
      EXPECT_TRUE(spans_.empty());
    }
  }
  ASSERT_EQ(spans_.size(), 1U);
  EXPECT_EQ(spans_[0].frames, 10U);
  EXPECT_EQ(spans_[0].from_timestamp, 5000);
  EXPECT_EQ(spans_[0].to_timestamp, 5000 + 960 * 9);
}

TEST_F(EncryptedFramesTest, SFrameIsKnownByACounterThatGoesOn) {
  for (const bool medooze : {false, true}) {
    std::vector<EncryptedSpan> spans;
    EncryptedFrames frames(spans);
    std::mt19937 random(1);
    std::uint32_t timestamp = 0;
    const auto push_frames = [&](unsigned from, unsigned to, bool sealed) {
      for (unsigned counter = from; counter < to; ++counter, timestamp += 960) {
        std::vector<std::byte> payload(30);
        for (auto& byte : payload) byte = static_cast<std::byte>(random());
        if (sealed) payload[0] = static_cast<std::byte>(medooze ? 0x19 : 0x59);  // key 9; key 5
        if (sealed) payload[1] = static_cast<std::byte>(medooze ? 9 : counter >> 8);
        if (sealed) payload[2] = static_cast<std::byte>(counter);
        RtpPacket packet;
        packet.timestamp = timestamp;
        packet.payload = payload;
        frames.push(0, timestamp, packet, false, true, payload);
      }
    };
    push_frames(0, 30, false);
    const std::int64_t from = timestamp;
    const unsigned first = medooze ? 20 : 300;
    push_frames(first, first + 19, true);
    EXPECT_TRUE(spans.empty());
    push_frames(first + 20, first + 60, true);  // one was lost
    const std::int64_t to = timestamp - 960;
    push_frames(0, 30, false);
    ASSERT_EQ(spans.size(), 1U) << medooze;
    EXPECT_EQ(spans[0].format, medooze ? E2eeFormat::medooze : E2eeFormat::sframe);
    EXPECT_EQ(spans[0].key_indexes, (std::vector<std::uint64_t>{medooze ? 9U : 5U}));
    EXPECT_EQ(spans[0].from_timestamp, from);
    EXPECT_EQ(spans[0].to_timestamp, to);
    EXPECT_EQ(spans[0].frames, 59U);
  }
}

TEST_F(EncryptedFramesTest, RandomPayloadsAreNeverTakenForEncrypted) {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    Sent sent = frame(random(), random(), 0, random() % 20);
    for (auto& byte : sent.payload) byte = static_cast<std::byte>(random());
    if (i % 2 == 0 && sent.payload.size() > 2) sent.payload[sent.payload.size() - 2] = std::byte{12};
    sent.packet.payload = Bytes(sent.payload).first(random() % (sent.payload.size() + 1));
    frames_.push(0, sent.packet.timestamp, sent.packet, i % 5 == 0, i % 3 == 0, sent.packet.payload);
  }
  EXPECT_TRUE(spans_.empty());
}

}  // namespace
}  // namespace rtpx
