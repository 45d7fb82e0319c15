#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "repair/flexfec.hpp"
#include "repair/repairer.hpp"
#include "repair/ulpfec.hpp"
#include "support/bytes.hpp"
#include "support/recording.hpp"

namespace rtpx {
namespace {

using test::bytes;
using Packet = std::vector<std::byte>;

const std::map<std::string, std::uint8_t> kChromiumExtensions = {
    {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 2},
    {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 3},
    {"urn:ietf:params:rtp-hdrext:sdes:mid", 4},
    {"http://www.webrtc.org/experiments/rtp-hdrext/video-timing", 7},
    {"urn:ietf:params:rtp-hdrext:toffset", 14}};

std::string content(const RtpPacket& packet) {
  return std::string(packet.marker ? "M" : "-") + std::to_string(packet.timestamp) + ":" +
         std::string(as_text(packet.payload));
}

// 93 packets were lost; RTX gives all of them, and FlexFEC alone 80, byte for byte the same.
TEST(FlexFec03, AloneGivesBackEightyOfNinetyThreeLostPackets) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_flexfec_lossy");
  const std::vector<Codec> media = {{.payload_type = 96, .mime_type = "video/VP8", .clock_rate = 90000}};
  std::vector<Codec> with_fec = media, with_rtx = media;
  with_fec.push_back({.payload_type = 49, .mime_type = "video/flexfec-03", .clock_rate = 90000});
  with_rtx.push_back({.payload_type = 97, .mime_type = "video/rtx", .sdp_fmtp_line = "97 apt=96"});
  const auto records = test::read_records(folder / "video_1.rtpx");
  const auto run = [&](const std::vector<Codec>& codecs, RepairSource expected) {
    std::map<std::uint16_t, std::string> given;
    std::set<std::uint16_t> arrived;
    const PayloadTypes types(codecs);
    Repairer repairer(types, kChromiumExtensions, [&](const Repaired& r) {
      EXPECT_EQ(r.source, expected);
      given[r.packet.sequence_number] = content(r.packet);
    });
    for (const auto& record : records) {
      const auto packet = parse_rtp(record.packet);
      if (packet->payload_type == 96) arrived.insert(packet->sequence_number);
      repairer.push(*packet);
    }
    for (const std::uint16_t number : arrived) given.erase(number);
    return given;
  };
  const auto by_rtx = run(with_rtx, RepairSource::rtx);
  const auto by_fec = run(with_fec, RepairSource::flexfec);
  EXPECT_EQ(by_rtx.size(), 93U);
  EXPECT_EQ(by_fec.size(), 80U);
  for (const auto& [number, bytes] : by_fec)
    EXPECT_TRUE(by_rtx.contains(number) && by_rtx.at(number) == bytes) << number;
}

/// An rtpdump file, as the rtptools write it: a line, a 16-byte header, then length, size, time, packet.
std::vector<Packet> read_rtpdump(const std::filesystem::path& path) {
  const std::string text = test::read_file(path);
  ByteReader in(as_bytes(text).subspan(text.find('\n') + 1 + 16));
  std::vector<Packet> packets;
  while (in.remaining() >= 8) {
    const std::uint16_t length = in.u16();
    in.skip(6);
    const Bytes packet = in.take(length - 8U);
    packets.emplace_back(packet.begin(), packet.end());
  }
  return packets;
}

TEST(UlpFec, GivesBackAnyOnePacketOfACapturedGroup) {
  struct Case {
    const char* file;
    std::uint8_t media, fec;
    std::size_t media_packets;
  };
  for (const Case& c :
       {Case{"sample_ulpfec1.rtpdump", 126, 22, 4}, Case{"sample_ulpfec0.rtpdump", 100, 123, 1}}) {
    RTPX_NEEDS_CAPTURE(path, std::string("public/GStreamer-gstreamer/") + c.file);
    const auto packets = read_rtpdump(path);
    const PayloadTypes types({{.payload_type = c.media, .mime_type = "video/H264"},
                              {.payload_type = c.fec, .mime_type = "video/ulpfec"}});
    std::size_t tried = 0;
    for (const Packet& lost : packets) {
      const auto original = parse_rtp(lost);
      if (original->payload_type != c.media) continue;
      ++tried;
      std::size_t found = 0;
      Repairer repairer(types, {}, [&](const Repaired& r) {
        EXPECT_EQ(r.source, RepairSource::ulpfec);
        Packet given(r.packet.whole.begin(), r.packet.whole.end());
        given[1] = lost[1];  // the sender of these left the marker out of its XOR
        EXPECT_EQ(given, lost);
        ++found;
      });
      for (const Packet& packet : packets)
        if (&packet != &lost) repairer.push(*parse_rtp(packet));
      EXPECT_EQ(found, 1U) << c.file;
    }
    EXPECT_EQ(tried, c.media_packets);
  }
}

// Below, a sender of our own: XORs computed here from the RFCs' definitions, apart from the code under test.
constexpr std::uint32_t kSsrc = 0x1234;

Packet media_packet(std::uint16_t number, std::uint32_t timestamp, std::size_t size, std::mt19937& random) {
  Packet packet(12 + size);
  for (auto& b : packet) b = static_cast<std::byte>(random());
  packet[0] = std::byte{0x80};
  packet[1] = static_cast<std::byte>(96 | (number % 5 == 0 ? 0x80 : 0));
  store_be(packet.data() + 2, number);
  store_be(packet.data() + 4, timestamp);
  store_be(packet.data() + 8, kSsrc);
  return packet;
}

struct Xor {
  std::uint8_t first = 0, second = 0;
  std::uint32_t timestamp = 0;
  std::uint16_t length = 0;
  Packet bytes;
  explicit Xor(const std::vector<Packet>& packets, std::size_t begin = 0, std::size_t end = 99999) {
    for (const Packet& p : packets) {
      first ^= static_cast<std::uint8_t>(p[0]);
      second ^= static_cast<std::uint8_t>(p[1]);
      timestamp ^= load_be<std::uint32_t>(p.data() + 4);
      length ^= static_cast<std::uint16_t>(p.size() - 12);
      for (std::size_t i = begin; i < std::min(end, p.size() - 12); ++i) {
        if (bytes.size() <= i - begin) bytes.resize(i - begin + 1);
        bytes[i - begin] ^= p[12 + i];
      }
    }
    first &= 0x3F;
  }
};

void put(Packet& out, std::uint64_t value, unsigned width) {
  while (width-- > 0) out.push_back(static_cast<std::byte>(value >> (8 * width)));
}
void put(Packet& out, const Packet& more) {
  out.insert(out.end(), more.begin(), more.end());
}

Packet rtp_header(std::uint8_t type, std::uint16_t number, std::uint32_t ssrc,
                  std::vector<std::uint32_t> csrcs = {}) {
  Packet out;
  put(out, 0x80 | csrcs.size(), 1);
  put(out, type, 1);
  put(out, number, 2);
  put(out, 0, 4);
  put(out, ssrc, 4);
  for (const std::uint32_t csrc : csrcs) put(out, csrc, 4);
  return out;
}

const PayloadTypes kTypes({{.payload_type = 96, .mime_type = "video/VP8"},
                           {.payload_type = 97, .mime_type = "video/rtx", .sdp_fmtp_line = "97 apt=96"},
                           {.payload_type = 49, .mime_type = "video/flexfec-03"},
                           {.payload_type = 50, .mime_type = "video/flexfec"},
                           {.payload_type = 118, .mime_type = "video/red"},
                           {.payload_type = 120, .mime_type = "video/ulpfec"}});

struct Receiver {
  std::map<std::uint16_t, Packet> given;
  Repairer repairer{kTypes, kChromiumExtensions, [this](const Repaired& r) {
                      given[r.packet.sequence_number] = {r.packet.whole.begin(), r.packet.whole.end()};
                    }};
  void push(const Packet& packet) { repairer.push(*parse_rtp(packet)); }
};

std::vector<Packet> some_packets(std::uint16_t from, std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < count; ++i)
    packets.push_back(media_packet(static_cast<std::uint16_t>(from + i), static_cast<std::uint32_t>(i * 3000),
                                   20 + random() % 200, random));
  return packets;
}

Packet flexfec_mask(std::uint16_t base, const std::vector<std::uint16_t>& offsets, const Xor& parity) {
  Packet out = rtp_header(50, 1, 99, {kSsrc});
  put(out, parity.first, 1);
  put(out, parity.second, 1);
  put(out, parity.length, 2);
  put(out, parity.timestamp, 4);
  put(out, base, 2);
  std::uint16_t first = 0;
  std::uint32_t second = 0;
  std::uint64_t third = 0;
  for (const std::uint16_t o : offsets) {
    if (o < 15)
      first |= static_cast<std::uint16_t>(1U << (14 - o));
    else if (o < 46)
      second |= 1U << (30 - (o - 15));
    else
      third |= 1ULL << (63 - (o - 46));
  }
  put(out, first | (second != 0 || third != 0 ? 0x8000U : 0U), 2);
  if (second != 0 || third != 0) put(out, second | (third != 0 ? 0x80000000U : 0U), 4);
  if (third != 0) put(out, third, 8);
  put(out, parity.bytes);
  return out;
}

// RFC 8627 section 4.2.2.1: masks of all three lengths, across a wrap of the sequence number.
TEST(FlexFec, MasksOfEveryLengthGiveThePacketBack) {
  const auto packets = some_packets(65500, 110);
  for (const std::vector<std::uint16_t>& offsets :
       std::vector<std::vector<std::uint16_t>>{{0, 1, 14}, {0, 15, 45}, {3, 14, 15, 45, 46, 109}}) {
    std::vector<Packet> covered;
    for (const auto o : offsets) covered.push_back(packets[o]);
    for (const auto lost : offsets) {
      Receiver receiver;
      for (const auto o : offsets)
        if (o != lost) receiver.push(packets[o]);
      receiver.push(flexfec_mask(65500, offsets, Xor(covered)));
      ASSERT_EQ(receiver.given.size(), 1U);
      EXPECT_EQ(receiver.given.begin()->second, packets[lost]);
    }
  }
}

// Section 4.2.2.2, rows and columns: two losses in a row come back one after the other, through their
// columns.
TEST(FlexFec, WhatOneParityGivesIsUsedByTheNext) {
  constexpr std::size_t kColumns = 4, kRows = 3;
  const auto packets = some_packets(100, kColumns * kRows);
  const auto fixed = [](std::uint16_t base, unsigned columns, unsigned rows, const Xor& parity) {
    Packet out = rtp_header(50, 1, 99, {kSsrc});
    put(out, parity.first | 0x40, 1);
    put(out, parity.second, 1);
    put(out, parity.length, 2);
    put(out, parity.timestamp, 4);
    put(out, base, 2);
    put(out, columns, 1);
    put(out, rows, 1);
    put(out, parity.bytes);
    return out;
  };
  Receiver receiver;
  const std::set<std::size_t> lost = {4, 5, 9};  // 4 and 5 share a row, 5 and 9 a column
  for (std::size_t i = 0; i < packets.size(); ++i)
    if (!lost.contains(i)) receiver.push(packets[i]);
  for (std::size_t column = 0; column < kColumns; ++column) {
    std::vector<Packet> covered;
    for (std::size_t row = 0; row < kRows; ++row) covered.push_back(packets[row * kColumns + column]);
    receiver.push(fixed(static_cast<std::uint16_t>(100 + column), kColumns, kRows, Xor(covered)));
  }
  EXPECT_EQ(receiver.given.size(), 1U);  // column 0 gave 4; column 1 lacks two
  for (std::size_t row = 0; row < kRows; ++row) {
    const std::vector<Packet> covered(packets.begin() + static_cast<std::ptrdiff_t>(row * kColumns),
                                      packets.begin() + static_cast<std::ptrdiff_t>((row + 1) * kColumns));
    if (row != 2)
      receiver.push(fixed(static_cast<std::uint16_t>(100 + row * kColumns), kColumns, 1, Xor(covered)));
  }
  ASSERT_EQ(receiver.given.size(), 3U);
  for (const std::size_t i : lost)
    EXPECT_EQ(receiver.given.at(static_cast<std::uint16_t>(100 + i)), packets[i]);
}

TEST(FlexFec, ARetransmissionIsThePacketItself) {
  const auto packets = some_packets(100, 2);
  Receiver receiver;
  receiver.push(packets[0]);
  Packet again = rtp_header(50, 1, 99, {kSsrc});
  put(again, packets[1]);
  receiver.push(again);
  ASSERT_EQ(receiver.given.size(), 1U);
  EXPECT_EQ(receiver.given.at(101), packets[1]);
}

Packet flexfec_03(std::uint16_t base, std::uint16_t mask, const Xor& parity) {
  Packet out = rtp_header(49, 1, 99);
  put(out, parity.first, 1);
  put(out, parity.second, 1);
  put(out, parity.length, 2);
  put(out, parity.timestamp, 4);
  put(out, 0x01000000, 4);
  put(out, kSsrc, 4);
  put(out, base, 2);
  put(out, 0x8000U | mask, 2);
  put(out, parity.bytes);
  return out;
}

// The original has other header extensions than what RTX brings: only packets that came by themselves are
// XORed.
TEST(FlexFec03, APacketThatRtxGaveBackDoesNotEnterTheXor) {
  const auto packets = some_packets(100, 3);
  Receiver receiver;
  receiver.push(packets[0]);
  Packet rtx = rtp_header(97, 7, 55);
  store_be(rtx.data() + 4, load_be<std::uint32_t>(packets[1].data() + 4));
  put(rtx, 101, 2);
  rtx.insert(rtx.end(), packets[1].begin() + 12, packets[1].end());
  receiver.push(rtx);
  receiver.push(flexfec_03(100, 0x7000, Xor(packets)));  // 100, 101, 102; two are missing to the XOR
  EXPECT_EQ(receiver.given.size(), 1U);
  EXPECT_TRUE(receiver.given.contains(101));
}

TEST(FlexFec03, ALatePacketLetsAWaitingParityGiveTheOther) {
  const auto packets = some_packets(100, 3);
  Receiver receiver;
  receiver.push(packets[0]);
  receiver.push(flexfec_03(100, 0x7000, Xor(packets)));
  EXPECT_TRUE(receiver.given.empty());
  receiver.push(packets[2]);
  ASSERT_EQ(receiver.given.size(), 1U);
  EXPECT_EQ(receiver.given.at(101), packets[1]);
}

// abs-send-time, transport-cc and the end of video-timing are filled in after FEC was computed.
TEST(FlexFec03, ExtensionsThatChangeOnTheWayAreZeroInTheXor) {
  const auto with_extensions = [](std::uint16_t number, bool filled_in) {
    Packet out = rtp_header(96, number, kSsrc);
    out[0] = std::byte{0x90};
    put(out, 0xBEDE, 2);
    put(out, 6, 2);
    put(out, 0x22, 1), put(out, filled_in ? 0xABCDEFU + number : 0, 3);  // abs-send-time
    put(out, 0x31, 1), put(out, filled_in ? number : 0, 2);              // transport-cc
    put(out, 0x7C, 1), put(out, 0x0102030405060708, 7);                  // video-timing
    put(out, filled_in ? 0x0A0B0C0D0E0F : 0, 6);
    put(out, 0, 3);
    put(out, 0xC0FFEE00U + number, 4);
    return out;
  };
  Receiver receiver;
  receiver.push(with_extensions(200, true));
  receiver.push(flexfec_03(200, 0x6000, Xor({with_extensions(200, false), with_extensions(201, false)})));
  ASSERT_EQ(receiver.given.size(), 1U);
  EXPECT_EQ(receiver.given.at(201), with_extensions(201, false));
}

Packet ulpfec_payload(std::uint16_t base, const Xor& level0, std::uint16_t mask0, const Xor* level1 = nullptr,
                      std::uint16_t mask1 = 0) {
  Packet out;
  put(out, level0.first, 1);
  put(out, level0.second, 1);
  put(out, base, 2);
  put(out, level0.timestamp, 4);
  put(out, level0.length, 2);
  put(out, level0.bytes.size(), 2);
  put(out, mask0, 2);
  put(out, level0.bytes);
  if (level1 != nullptr) {
    put(out, level1->bytes.size(), 2);
    put(out, mask1, 2);
    put(out, level1->bytes);
  }
  return out;
}

// Chromium: media and FEC both in RED of one SSRC; FEC covers media as it was before RED.
TEST(UlpFec, InsideVideoRedItGivesMediaBack) {
  const auto packets = some_packets(100, 4);
  const auto in_red = [](const Packet& packet) {
    Packet out(packet.begin(), packet.begin() + 12);
    out[1] = static_cast<std::byte>((static_cast<std::uint8_t>(packet[1]) & 0x80) | 118);
    put(out, 96, 1);
    out.insert(out.end(), packet.begin() + 12, packet.end());
    return out;
  };
  Receiver receiver;
  for (const std::size_t i : {0, 1, 3}) receiver.push(in_red(packets[i]));
  Packet fec = rtp_header(118, 104, kSsrc);
  put(fec, 120, 1);
  put(fec, ulpfec_payload(100, Xor(packets), 0xF000));
  receiver.push(fec);
  ASSERT_EQ(receiver.given.size(), 1U);
  EXPECT_EQ(receiver.given.at(102), packets[2]);
}

// RFC 5109 section 9.2: level 0 of one FEC packet covers A and B, level 1 of the next A to D.
TEST(UlpFec, LevelsOfTwoPacketsTogetherGiveAWholePacket) {
  std::mt19937 random(3);
  std::vector<Packet> p;
  for (std::uint16_t i = 0; i < 4; ++i)
    p.push_back(media_packet(static_cast<std::uint16_t>(8 + i), 0, 340 - 40 * i, random));
  constexpr std::size_t kFirst = 70, kSecond = 90;
  const Packet first = ulpfec_payload(8, Xor({p[0], p[1]}, 0, kFirst), 0xC000);
  const Xor upper(p, kSecond, 99999);
  const Packet second = ulpfec_payload(8, Xor({p[2], p[3]}, 0, kSecond), 0x3000, &upper, 0xF000);
  const auto carried = [](std::uint16_t number, const Packet& payload) {
    Packet out = rtp_header(120, number, kSsrc);
    put(out, payload);
    return out;
  };
  Receiver receiver;
  receiver.push(p[1]);
  receiver.push(p[2]);
  receiver.push(p[3]);
  receiver.push(carried(50, second));
  receiver.push(carried(51, first));
  EXPECT_TRUE(receiver.given.empty());  // bytes 70 to 89 of A are covered by nobody

  Receiver other;
  const Packet wide = ulpfec_payload(8, Xor({p[0], p[1]}, 0, kSecond), 0xC000);
  other.push(p[1]);
  other.push(p[2]);
  other.push(carried(50, wide));
  other.push(carried(51, second));
  EXPECT_TRUE(other.given.empty());
  other.push(p[3]);  // now the upper level lacks A only
  ASSERT_TRUE(other.given.contains(8));
  EXPECT_EQ(other.given.at(8), p[0]);
}

// A parity that belongs to other packets must not make one up.
TEST(FlexFec03, WhatCannotBeAPacketOfTheStreamIsNotGiven) {
  const auto packets = some_packets(100, 3);
  Receiver receiver;
  receiver.push(packets[0]);
  receiver.push(packets[2]);
  Xor parity(packets);
  parity.timestamp ^= 0x40000000;
  receiver.push(flexfec_03(100, 0x7000, parity));
  Xor longer(packets);
  longer.length ^= 0x4000;
  receiver.push(flexfec_03(100, 0x7000, longer));
  EXPECT_TRUE(receiver.given.empty());
}

// Seeded: rows of FlexFEC with 15 % loss; what comes back is always what was sent, and all that an
// independent count says can come back does.
TEST(FlexFec, UnderSeededLossEverySolvablePacketComesBack) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const auto packets = some_packets(static_cast<std::uint16_t>(random()), 200, seed);
    const std::uint16_t base = load_be<std::uint16_t>(packets[0].data() + 2);
    std::set<std::size_t> have;
    struct Group {
      std::vector<std::size_t> members;
      bool arrived;
    };
    std::vector<Group> groups;
    for (std::size_t i = 0; i < packets.size(); ++i)
      if (random() % 100 >= 15) have.insert(i);
    for (std::size_t i = 0; i + 10 <= packets.size(); i += 5) {
      Group g{{}, random() % 100 >= 15};
      for (std::size_t j = 0; j < 10; ++j)
        if (random() % 3 != 0) g.members.push_back(i + j);
      if (!g.members.empty()) groups.push_back(g);
    }
    std::vector<Packet> stream;
    for (const std::size_t i : have) stream.push_back(packets[i]);
    for (const Group& g : groups) {
      std::vector<Packet> covered;
      std::vector<std::uint16_t> offsets;
      for (const std::size_t m : g.members) {
        covered.push_back(packets[m]);
        offsets.push_back(static_cast<std::uint16_t>(m - g.members[0]));
      }
      if (g.arrived)
        stream.push_back(
            flexfec_mask(static_cast<std::uint16_t>(base + g.members[0]), offsets, Xor(covered)));
    }
    std::shuffle(stream.begin(), stream.end(), random);
    Receiver receiver;
    for (const Packet& packet : stream) receiver.push(packet);

    std::set<std::size_t> solvable = have;
    for (bool more = true; more;) {
      more = false;
      for (const Group& g : groups) {
        std::vector<std::size_t> missing;
        for (const std::size_t m : g.members)
          if (!solvable.contains(m)) missing.push_back(m);
        if (g.arrived && missing.size() == 1) more = solvable.insert(missing[0]).second;
      }
    }
    std::set<std::size_t> known = have;
    for (const auto& [number, packet] : receiver.given) {
      const auto at = static_cast<std::uint16_t>(number - base);
      ASSERT_LT(at, packets.size());
      EXPECT_EQ(packet, packets[at]) << seed;
      known.insert(at);
    }
    EXPECT_EQ(known, solvable) << seed;
  }
}

}  // namespace
}  // namespace rtpx
