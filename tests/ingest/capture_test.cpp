#include "ingest/capture/capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "ingest/capture_builder.hpp"
#include "rtp/packet.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using namespace test;
using namespace std::chrono_literals;
using capture::Reader;

struct Read {
  std::vector<std::string> payloads;
  std::vector<std::optional<std::chrono::nanoseconds>> times;
  std::vector<std::string> sources;
  capture::Counts counts;
};

Read read_all(Reader& reader) {
  Read out;
  while (true) {
    const auto next = reader.next();
    EXPECT_TRUE(next) << (next ? "" : next.error().message);
    if (!next || !*next) break;
    out.payloads.emplace_back(as_text((*next)->payload));
    out.times.push_back((*next)->time);
    out.sources.push_back(address_text((*next)->source) + ":" + std::to_string((*next)->source.port));
  }
  out.counts = reader.counts();
  return out;
}

Read read_all(const std::string& bytes) {
  auto reader = Reader::over(as_bytes(bytes));
  EXPECT_TRUE(reader) << (reader ? "" : reader.error().message);
  return reader ? read_all(**reader) : Read{};
}

const std::string kRtp = Rtp{}.bytes();

struct LinkCase {
  const char* name;
  unsigned link_type;
  std::string frame;
};
void PrintTo(const LinkCase& of, std::ostream* out) {
  *out << of.name;
}

class LinkTypes : public testing::TestWithParam<LinkCase> {};

TEST_P(LinkTypes, GiveTheUdpPayload) {
  const auto read = read_all(pcap_head(GetParam().link_type) + pcap_record(GetParam().frame));
  EXPECT_THAT(read.payloads, testing::ElementsAre(kRtp));
}

const std::string kIp = ipv4(udp(kRtp));
INSTANTIATE_TEST_SUITE_P(
    Capture, LinkTypes,
    testing::Values(LinkCase{"Null", 0, le32(2) + kIp}, LinkCase{"Ethernet", 1, ethernet(0x0800, kIp)},
                    LinkCase{"EthernetPadded", 1, ethernet(0x0800, kIp) + std::string(9, '\0')},
                    LinkCase{"EthernetIpv6", 1, ethernet(0x86DD, ipv6(udp(kRtp)))},
                    LinkCase{"Vlan", 1, ethernet(0x8100, be16(5) + be16(0x0800) + kIp)},
                    LinkCase{"QinQ", 1,
                             ethernet(0x88A8, be16(5) + be16(0x8100) + be16(6) + be16(0x0800) + kIp)},
                    LinkCase{"Pppoe", 1, ethernet(0x8864, be32(0x11000001) + be16(99) + be16(0x21) + kIp)},
                    LinkCase{"PppoeIpv6", 1,
                             ethernet(0x8864, be32(0x11000001) + be16(99) + be16(0x57) + ipv6(udp(kRtp)))},
                    LinkCase{"Raw12", 12, kIp}, LinkCase{"Raw14", 14, kIp}, LinkCase{"Raw101", 101, kIp},
                    LinkCase{"Loop", 108, be32(2) + kIp},
                    LinkCase{"Sll", 113, std::string(14, 's') + be16(0x0800) + kIp},
                    LinkCase{"Ipv4", 228, kIp}, LinkCase{"Ipv6", 229, ipv6(udp(kRtp))},
                    LinkCase{"Sll2", 276, be16(0x0800) + std::string(18, 's') + kIp}),
    [](const auto& link) { return link.param.name; });

TEST(Capture, Ipv6ExtensionHeadersArePassedOver) {
  const std::string options =
      "\x2B" + std::string(1, '\0') + std::string(6, '\0');  // destination options, then routing
  const std::string routing = "\x11" + std::string("\x01", 1) + std::string(14, '\0');
  const auto read = read_all(pcap_head(101) + pcap_record(ipv6(options + routing + udp(kRtp), 60)));
  EXPECT_THAT(read.payloads, testing::ElementsAre(kRtp));
  EXPECT_EQ(read.sources.at(0), "2001:db8::1:5000");
}

TEST(Capture, TimesAreKeptInBothResolutionsAndByteOrders) {
  const std::string frame = ethernet(0x0800, kIp);
  EXPECT_EQ(read_all(pcap_head(1) + pcap_record(frame, 7, 5)).times.at(0), 7s + 5us);
  EXPECT_EQ(read_all(pcap_head(1, 0xA1B23C4D) + pcap_record(frame, 7, 5)).times.at(0), 7s + 5ns);
  const std::string big = be32(0xA1B2C3D4) + be16(2) + be16(4) + be32(0) + be32(0) + be32(65535) + be32(1) +
                          be32(7) + be32(5) + be32(static_cast<std::uint32_t>(frame.size())) +
                          be32(static_cast<std::uint32_t>(frame.size())) + frame;
  const auto read = read_all(big);
  EXPECT_EQ(read.times.at(0), 7s + 5us);
  EXPECT_THAT(read.payloads, testing::ElementsAre(kRtp));
}

TEST(Capture, FragmentsAreReassembledInAnyOrder) {
  const std::string large = Rtp{.payload = std::string(3000, 'x')}.bytes();
  const std::string whole = udp(large);
  constexpr unsigned kMore = 0x2000;
  const std::string first = ipv4(whole.substr(0, 1480), kMore),
                    second = ipv4(whole.substr(1480, 1480), kMore | 185),
                    last = ipv4(whole.substr(2960), 370);
  for (const auto& order : {first + "|" + second + "|" + last, last + "|" + first + "|" + second}) {
    std::string file = pcap_head(101);
    std::istringstream parts(order);
    file += pcap_record(order.starts_with(first) ? first : last);
    file += pcap_record(order.starts_with(first) ? second : first);
    file += pcap_record(order.starts_with(first) ? last : second);
    const auto read = read_all(file);
    EXPECT_THAT(read.payloads, testing::ElementsAre(large));
    EXPECT_EQ(read.counts.lost_fragments, 0U);
  }
}

TEST(Capture, FragmentsWithoutTheirOthersAreCounted) {
  std::string file = pcap_head(101);
  for (unsigned id = 0; id < 100; ++id) file += pcap_record(ipv4(udp(kRtp), 0x2000, id));
  EXPECT_EQ(read_all(file).counts.lost_fragments, 100U);
}

TEST(Capture, Ipv6FragmentsAreReassembled) {
  const std::string large = Rtp{.payload = std::string(2000, 'y')}.bytes();
  const std::string whole = udp(large);
  const auto piece = [&](std::size_t at, std::size_t size, bool more) {
    const std::string header =
        "\x11" + std::string(1, '\0') + be16(static_cast<unsigned>(at) | (more ? 1U : 0U)) + be32(9);
    return pcap_record(ipv6(header + whole.substr(at, size), 44));
  };
  EXPECT_THAT(read_all(pcap_head(229) + piece(0, 1000, true) + piece(1000, 2000, false)).payloads,
              testing::ElementsAre(large));
}

TEST(Capture, CutPacketsAreCountedNotGiven) {
  const std::string frame = ethernet(0x0800, kIp);
  const auto read =
      read_all(pcap_head(1) + pcap_record(frame.substr(0, frame.size() - 3), 1, 0, frame.size()));
  EXPECT_TRUE(read.payloads.empty());
  EXPECT_EQ(read.counts.cut, 1U);
}

TEST(Capture, OtherProtocolsAreCounted) {
  const auto read = read_all(pcap_head(1) + pcap_record(ethernet(0x0806, std::string(28, 'a'))) +
                             pcap_record(ethernet(0x0800, ipv4(std::string(40, 't'), 0, 1, 6))) +
                             pcap_record(ethernet(0x0800, kIp)));
  EXPECT_EQ(read.payloads.size(), 1U);
  EXPECT_EQ(read.counts.not_udp, 2U);
  EXPECT_EQ(read.counts.records, 3U);
}

TEST(Capture, ATornFileGivesWhatIsWholeAndSaysWhereItEnds) {
  const std::string file = pcap_head(101) + pcap_record(kIp) + pcap_record(kIp);
  for (std::size_t size = 24 + 16 + kIp.size() + 1; size < file.size(); ++size) {
    const auto read = read_all(file.substr(0, size));
    ASSERT_EQ(read.payloads.size(), 1U) << size;
    ASSERT_THAT(read.counts.damage, testing::HasSubstr("byte " + std::to_string(40 + kIp.size()))) << size;
  }
}

TEST(Capture, AnImpossibleLengthEndsTheFileWithAReason) {
  const auto read = read_all(pcap_head(101) + pcap_record(kIp) + std::string(16, '\xFF') + kIp);
  EXPECT_EQ(read.payloads.size(), 1U);
  EXPECT_THAT(read.counts.damage, testing::HasSubstr("claims"));
}

std::string block(std::uint32_t type, std::string body) {
  while (body.size() % 4 != 0) body += '\0';
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  return le32(type) + le32(length) + body + le32(length);
}
const std::string kSection = block(0x0A0D0D0A, le32(0x1A2B3C4D) + le16(1) + le16(0) + std::string(8, '\xFF'));
std::string interface_block(unsigned link_type, const std::string& options = {}) {
  return block(1, le16(link_type) + le16(0) + le32(0) + options);
}
std::string enhanced(unsigned interface, std::uint64_t ticks, const std::string& frame) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  return block(6, le32(interface) + le32(static_cast<std::uint32_t>(ticks >> 32)) +
                      le32(static_cast<std::uint32_t>(ticks)) + le32(size) + le32(size) + frame);
}

TEST(Capture, PcapngInterfacesHaveTheirOwnLinkTypeAndResolution) {
  const std::string nanoseconds = le16(9) + le16(1) + std::string("\x09\0\0\0", 4) + le32(0);
  const std::string binary = le16(9) + le16(1) + std::string("\x8A\0\0\0", 4) + le32(0);  // 2^-10 s
  const auto read = read_all(kSection + interface_block(1) + interface_block(101, nanoseconds) +
                             interface_block(101, binary) + enhanced(0, 3'000'001, ethernet(0x0800, kIp)) +
                             enhanced(1, 3'000'000'001, kIp) + enhanced(2, 1024 * 5 + 512, kIp));
  ASSERT_EQ(read.payloads.size(), 3U);
  EXPECT_EQ(read.times[0], 3s + 1us);
  EXPECT_EQ(read.times[1], 3s + 1ns);
  EXPECT_EQ(read.times[2], 5500ms);
}

TEST(Capture, PcapngSimplePacketsHaveNoTime) {
  const auto read = read_all(kSection + interface_block(101) +
                             block(3, le32(static_cast<std::uint32_t>(kIp.size())) + kIp));
  ASSERT_EQ(read.payloads.size(), 1U);
  EXPECT_EQ(read.times[0], std::nullopt);
}

TEST(Capture, PcapngSectionsStartAnewInTheirOwnByteOrder) {
  const std::string big_section =
      be32(0x0A0D0D0A) + be32(28) + be32(0x1A2B3C4D) + be16(1) + be16(0) + std::string(8, '\xFF') + be32(28);
  const std::string big_interface = be32(1) + be32(20) + be16(101) + be16(0) + be32(0) + be32(20);
  std::string padded = kIp;
  while (padded.size() % 4 != 0) padded += '\0';
  const auto total = static_cast<std::uint32_t>(padded.size() + 32);
  const std::string big_packet = be32(6) + be32(total) + be32(0) + be32(0) + be32(9'000'000) +
                                 be32(static_cast<std::uint32_t>(kIp.size())) +
                                 be32(static_cast<std::uint32_t>(kIp.size())) + padded + be32(total);
  const auto read = read_all(kSection + interface_block(1) + enhanced(0, 1'000'000, ethernet(0x0800, kIp)) +
                             big_section + big_interface + big_packet);
  ASSERT_EQ(read.payloads.size(), 2U);
  EXPECT_EQ(read.times[1], 9s);
}

TEST(Capture, PcapngBlocksWithImpossibleLengthsEndTheFile) {
  EXPECT_THAT(
      read_all(kSection + interface_block(101) + le32(6) + le32(13) + std::string(20, 'x')).counts.damage,
      testing::HasSubstr("impossible length 13"));
}

TEST(Capture, RtpdumpRecordsCarryMilliseconds) {
  const auto record = [](const std::string& packet, unsigned length, std::uint32_t ms) {
    return be16(static_cast<unsigned>(packet.size() + 8)) + be16(length) + be32(ms) + packet;
  };
  const std::string head =
      "#!rtpplay1.0 192.0.2.7/5004\n" + be32(100000) + be32(250000) + be32(0) + be16(5004) + be16(0);
  const auto length = static_cast<unsigned>(kRtp.size());
  const auto read = read_all(head + record(kRtp, length, 20) + record("\x80\xC8rtcp..", 0, 30) +
                             record(kRtp, length + 99, 40));
  ASSERT_EQ(read.payloads.size(), 2U);
  EXPECT_EQ(read.times[0], 100000s + 270ms);
  EXPECT_EQ(read.counts.cut, 1U) << "rtpdump -F header keeps fronts only";
  EXPECT_EQ(read.sources[0], "192.0.2.7:0");
}

TEST(Capture, AllThreeGenerationsOfMjrAreRead) {
  const auto sized = [](const std::string& bytes) {
    return be16(static_cast<unsigned>(bytes.size())) + bytes;
  };
  const std::string oldest = "MEETECHO" + sized("audio") + "MEETECHO" + sized(kRtp);
  const std::string json =
      R"({"t":"v","c":"vp9","f":"profile-id=0","x":{"3":"urn:3gpp:video-orientation"},"s":5000000,"u":6000000})";
  const std::string first = "MJR00001" + sized(json) + "MEETECHO" + sized(kRtp);
  const std::string second = "MJR00002" + sized(json) + "MEET" + be32(1500) + sized(kRtp);
  for (const auto& file : {oldest, first, second}) {
    auto reader = Reader::over(as_bytes(file));
    ASSERT_TRUE(reader);
    ASSERT_NE((*reader)->hint(), nullptr);
    EXPECT_EQ((*reader)->hint()->kind,
              &file == &oldest || file == oldest ? MediaKind::audio : MediaKind::video);
    EXPECT_EQ((*reader)->hint()->codec, file == oldest ? "opus" : "vp9");
    const auto read = read_all(**reader);
    EXPECT_THAT(read.payloads, testing::ElementsAre(kRtp));
    EXPECT_EQ(read.times[0], file == second ? std::optional<std::chrono::nanoseconds>(7500ms) : std::nullopt);
  }
  auto reader = Reader::over(as_bytes(second));
  EXPECT_EQ((*reader)->hint()->header_extensions.at("urn:3gpp:video-orientation"), 3);
  EXPECT_EQ((*reader)->hint()->fmtp, "profile-id=0");
}

TEST(Capture, DataChannelMjrFilesAreRefused) {
  const std::string json = R"({"t":"d","c":"text"})";
  const auto reader = Reader::over(as_bytes("MJR00001" + be16(static_cast<unsigned>(json.size())) + json));
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Errc::unsupported);
}

TEST(Capture, WhatIsNoCaptureIsRefusedByName) {
  TempDir folder;
  write_file(folder / "notes.txt", "nothing of interest in here, only words");
  const auto reader = Reader::open(folder / "notes.txt");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Errc::unsupported);
  EXPECT_THAT(reader.error().message, testing::HasSubstr("notes.txt"));
  EXPECT_EQ(Reader::open(folder / "missing").error().code, Errc::not_found);
  write_file(folder / "empty", "");
  EXPECT_THAT(Reader::open(folder / "empty").error().message, testing::HasSubstr("empty"));
}

TEST(Capture, ALargeFileIsReadThroughASmallBuffer) {
  TempDir folder;
  std::string file = pcap_head(101);
  const std::string record = pcap_record(ipv4(udp(Rtp{.payload = std::string(1200, 'v')}.bytes())));
  for (int i = 0; i < 2000; ++i) file += record;
  write_file(folder / "large.pcap", file);
  auto reader = Reader::open(folder / "large.pcap");
  ASSERT_TRUE(reader);
  const auto read = read_all(**reader);
  EXPECT_EQ(read.payloads.size(), 2000U);
  for (const auto& payload : read.payloads) ASSERT_EQ(payload.size(), 1212U);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) out.push_back(part);
  return out;
}

// MANIFEST.tsv was counted by another program.
TEST(Capture, PublicCapturesHoldThePacketsThatTheirManifestSays) {
  RTPX_NEEDS_CAPTURE(folder, "public");
  std::ifstream manifest(folder / "MANIFEST.tsv");
  int files = 0;
  for (std::string line; std::getline(manifest, line);) {
    const auto row = split(line, '\t');
    const std::string& container = row.at(4);
    const bool wanted = container.starts_with("pcap") || container == "rtpdump" || container == "len16";
    if (!wanted || row.at(8).empty()) continue;
    std::map<std::string, std::uint64_t> expected, counted;
    const auto types = split(row.at(6), ','), ssrcs = split(row.at(8), ','), packets = split(row.at(9), ',');
    for (std::size_t i = 0; i < ssrcs.size(); ++i)
      expected[ssrcs.at(i) + "/" + types.at(i)] += std::stoull(packets.at(i));
    auto reader = Reader::open(folder / row.at(1));
    ASSERT_TRUE(reader) << row.at(1) << ": " << reader.error().message;
    for (auto next = (*reader)->next(); next && *next; next = (*reader)->next()) {
      const auto packet = parse_rtp((*next)->payload);
      if (!packet || looks_like_rtcp((*next)->payload)) continue;
      char key[32];
      std::snprintf(key, sizeof key, "%08x/%u", packet->ssrc, packet->payload_type);
      if (expected.contains(key)) ++counted[key];
    }
    EXPECT_EQ(counted, expected) << row.at(1);
    ++files;
  }
  EXPECT_GE(files, 30);
}

}  // namespace
}  // namespace rtpx
