// Packets in what networks wrap them in: each case gives the same UDP payload.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/capture/capture.hpp"
#include "ingest/capture_builder.hpp"

namespace rtpx {
namespace {

using namespace test;
using capture::Reader;

const std::string kInnerRtp = Rtp{}.bytes();
const std::string kInnerIp = ipv4(udp(kInnerRtp));
const std::string kInnerFrame = ethernet(0x0800, kInnerIp);

std::string nul(std::size_t count) {
  return std::string(count, '\0');
}
std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}
std::string in_ip(unsigned protocol, const std::string& body) {
  return ethernet(0x0800, ipv4(body, 0, 9, protocol, 0xC0A80901, 0xC0A80902));
}
std::string in_udp(unsigned port, const std::string& body) {
  return in_ip(17, udp(body, 40000, port));
}
std::string le_attribute(unsigned type, const std::string& value) {
  return le16(static_cast<unsigned>(value.size() + 4)) + le16(type) + value + nul((4 - value.size() % 4) % 4);
}
std::string hep_chunk(unsigned type, const std::string& value) {
  return be16(0) + be16(type) + be16(static_cast<unsigned>(value.size() + 6)) + value;
}
std::string hep3(const std::string& payload) {
  const std::string chunks = hep_chunk(1, bytes({2})) + hep_chunk(2, bytes({17})) +
                             hep_chunk(3, be32(0x0A000001)) + hep_chunk(4, be32(0x0A000002)) +
                             hep_chunk(7, be16(5000)) + hep_chunk(8, be16(6000)) + hep_chunk(15, payload);
  return "HEP3" + be16(static_cast<unsigned>(chunks.size() + 6)) + chunks;
}
std::string snap(unsigned type, const std::string& body) {
  return bytes({0xAA, 0xAA, 3, 0, 0, 0}) + be16(type) + body;
}
std::string wifi(int control, int flags, std::size_t more, const std::string& body) {
  return bytes({control, flags}) + nul(22 + more) + body;
}
std::string stun_indication(unsigned type, const std::string& data) {
  const std::string attribute =
      be16(0x0013) + be16(static_cast<unsigned>(data.size())) + data + nul((4 - data.size() % 4) % 4);
  return be16(type) + be16(static_cast<unsigned>(attribute.size())) + be32(0x2112A442) + nul(12) + attribute;
}

struct Wrapping {
  const char* name;
  unsigned link_type;
  std::string frame;
  const char* source = "10.0.0.1:5000";
};
void PrintTo(const Wrapping& of, std::ostream* out) {
  *out << of.name;
}

class Wrappings : public testing::TestWithParam<Wrapping> {};

std::vector<std::string> payloads_of(const std::string& file, std::string* source = nullptr) {
  std::vector<std::string> out;
  auto reader = Reader::over(as_bytes(file));
  EXPECT_TRUE(reader);
  for (auto next = (*reader)->next(); next && *next; next = (*reader)->next()) {
    out.emplace_back(as_text((*next)->payload));
    if (source != nullptr)
      *source = address_text((*next)->source) + ":" + std::to_string((*next)->source.port);
  }
  return out;
}

TEST_P(Wrappings, GiveTheUdpPayload) {
  std::string source;
  EXPECT_THAT(payloads_of(pcap_head(GetParam().link_type) + pcap_record(GetParam().frame), &source),
              testing::ElementsAre(kInnerRtp));
  EXPECT_EQ(source, GetParam().source);
}

TEST_P(Wrappings, CutAnywhereGiveNothingThatWasNotThere) {
  const std::string& frame = GetParam().frame;
  for (std::size_t size = 0; size < frame.size(); ++size)
    for (const auto& payload : payloads_of(pcap_head(GetParam().link_type) +
                                           pcap_record(frame.substr(0, size), 1000, 0, frame.size())))
      EXPECT_THAT(frame, testing::HasSubstr(payload)) << size;
}

INSTANTIATE_TEST_SUITE_P(
    Capture, Wrappings,
    testing::Values(
        Wrapping{"ThreeVlans", 1,
                 ethernet(0x9100, be16(1) + be16(0x88A8) + be16(2) + be16(0x8100) + be16(3) + be16(0x0800) +
                                      kInnerIp)},
        Wrapping{"VnTag", 1, ethernet(0x8926, be32(0x00010002) + be16(0x0800) + kInnerIp)},
        Wrapping{"CiscoMetaData", 1,
                 ethernet(0x8909, bytes({1, 1}) + be32(0x0001000A) + be16(0x0800) + kInnerIp)},
        Wrapping{"BackboneService", 1, ethernet(0x88E7, be32(77) + kInnerFrame)},
        Wrapping{"LlcSnap", 1, ethernet(static_cast<unsigned>(kInnerIp.size() + 8), snap(0x0800, kInnerIp))},
        Wrapping{"Mpls", 1, ethernet(0x8847, be32(0x00010140) + kInnerIp)},
        Wrapping{"MplsTwoLabels", 1, ethernet(0x8847, be32(0x00010040) + be32(0x00020140) + kInnerIp)},
        Wrapping{"MplsPseudowire", 1, ethernet(0x8847, be32(0x00010140) + be32(0) + kInnerFrame)},
        Wrapping{"IpInIp", 1, in_ip(4, kInnerIp)},
        Wrapping{"Ipv6InIp", 1, in_ip(41, ipv6(udp(kInnerRtp))), "2001:db8::1:5000"},
        Wrapping{"IpInIpv6", 1, ethernet(0x86DD, ipv6(kInnerIp, 4))},
        Wrapping{"Authenticated", 1, in_ip(51, bytes({17, 4, 0, 0}) + nul(20) + udp(kInnerRtp)),
                 "192.168.9.1:5000"},
        Wrapping{"EtherIp", 1, in_ip(97, bytes({0x30, 0}) + kInnerFrame)},
        Wrapping{"MplsInIp", 1, in_ip(137, be32(0x00010140) + kInnerIp)},
        Wrapping{"Gre", 1, in_ip(47, be16(0) + be16(0x0800) + kInnerIp)},
        Wrapping{"GreWithEverything", 1,
                 in_ip(47, be16(0xB000) + be16(0x0800) + be32(1) + be32(2) + be32(3) + kInnerIp)},
        Wrapping{"GreEthernet", 1, in_ip(47, be16(0) + be16(0x6558) + kInnerFrame)},
        Wrapping{"GreMpls", 1, in_ip(47, be16(0) + be16(0x8847) + be32(0x00010140) + kInnerIp)},
        Wrapping{
            "Pptp", 1,
            in_ip(47, be16(0x3081) + be16(0x880B) + be32(7) + be32(8) + be32(9) + bytes({0x21}) + kInnerIp)},
        Wrapping{"ErspanI", 1, in_ip(47, be16(0) + be16(0x88BE) + kInnerFrame)},
        Wrapping{"ErspanII", 1,
                 in_ip(47, be16(0x1000) + be16(0x88BE) + be32(1) + be32(0x10050001) + be32(0) + kInnerFrame)},
        Wrapping{"ErspanIII", 1,
                 in_ip(47, be16(0x1000) + be16(0x22EB) + be32(1) + be32(0x20050001) + be32(0) + be32(0) +
                               kInnerFrame)},
        Wrapping{"ErspanIIIWithSubheader", 1,
                 in_ip(47, be16(0x1000) + be16(0x22EB) + be32(1) + be32(0x20050001) + be32(0) + be32(1) +
                               nul(8) + kInnerFrame)},
        Wrapping{"Vxlan", 1, in_udp(4789, be32(0x08000000) + be32(0x2A00) + kInnerFrame)},
        Wrapping{"OldVxlan", 1, in_udp(8472, be32(0x08000000) + be32(0x2A00) + kInnerFrame)},
        Wrapping{"VxlanGpe", 1, in_udp(4790, be32(0x0C000001) + be32(0x2A00) + kInnerIp)},
        Wrapping{"VxlanInVlanOverIpv6", 1,
                 ethernet(0x8100, be16(5) + be16(0x86DD) +
                                      ipv6(udp(be32(0x08000000) + be32(0) + kInnerFrame, 1, 4789)))},
        Wrapping{"Geneve", 1, in_udp(6081, be16(0) + be16(0x6558) + be32(0x2A00) + kInnerFrame)},
        Wrapping{"GeneveWithOptions", 1,
                 in_udp(6081, be16(0x0200) + be16(0x0800) + be32(0x2A00) + nul(8) + kInnerIp)},
        Wrapping{
            "GtpU", 1,
            in_udp(2152, be16(0x30FF) + be16(static_cast<unsigned>(kInnerIp.size())) + be32(1) + kInnerIp)},
        Wrapping{"GtpUWithExtension", 1,
                 in_udp(2152, be16(0x34FF) + be16(static_cast<unsigned>(kInnerIp.size() + 8)) + be32(1) +
                                  be16(0) + bytes({0, 0x85}) + bytes({1, 0x10, 5, 0}) + kInnerIp)},
        Wrapping{"Tzsp", 1, in_udp(37008, bytes({1, 0, 0, 1, 1}) + kInnerFrame)},
        Wrapping{"TzspWithFields", 1, in_udp(37008, bytes({1, 0, 0, 1, 0, 10, 1, 99, 1}) + kInnerFrame)},
        Wrapping{"Hep3", 1, in_udp(9060, hep3(kInnerRtp))},
        Wrapping{"L2tp", 1,
                 in_udp(1701, be16(0x0002) + be32(0x00010002) + bytes({0xFF, 3, 0, 0x21}) + kInnerIp)},
        Wrapping{"Teredo", 1, in_udp(3544, bytes({0, 0}) + nul(6) + ipv6(udp(kInnerRtp))),
                 "2001:db8::1:5000"},
        Wrapping{"MplsInUdp", 1, in_udp(6635, be32(0x00010140) + kInnerIp)},
        Wrapping{"GreInUdp", 1, in_udp(4754, be16(0) + be16(0x0800) + kInnerIp)},
        Wrapping{"TurnChannel", 1,
                 in_udp(3478, be16(0x4001) + be16(static_cast<unsigned>(kInnerRtp.size())) + kInnerRtp),
                 "192.168.9.1:40000"},
        Wrapping{"TurnIndication", 1, in_udp(3478, stun_indication(0x0016, kInnerRtp)), "192.168.9.1:40000"},
        Wrapping{"Ppp", 9, bytes({0xFF, 3, 0, 0x21}) + kInnerIp},
        Wrapping{"PppShort", 9, bytes({0x21}) + kInnerIp},
        Wrapping{"PppHdlc", 50, bytes({0xFF, 3, 0, 0x57}) + ipv6(udp(kInnerRtp)), "2001:db8::1:5000"},
        Wrapping{"CiscoHdlc", 104, be16(0x0F00) + be16(0x0800) + kInnerIp},
        Wrapping{"Wifi", 105, wifi(0x08, 2, 0, snap(0x0800, kInnerIp))},
        Wrapping{"WifiQos", 105, wifi(0x88, 1, 2, snap(0x0800, kInnerIp))},
        Wrapping{"WifiBridge", 105, wifi(0x08, 3, 6, snap(0x0800, kInnerIp))},
        Wrapping{"Radiotap", 127,
                 bytes({0, 0}) + le16(8) + le32(0) + wifi(0x08, 2, 0, snap(0x0800, kInnerIp))},
        Wrapping{
            "RadiotapPadded", 127,
            bytes({0, 0}) + le16(9) + le32(2) + bytes({0x20}) + wifi(0x88, 1, 4, snap(0x0800, kInnerIp))},
        Wrapping{"Ppi", 192, bytes({0, 0}) + le16(8) + le32(1) + kInnerFrame},
        Wrapping{"Nflog", 239,
                 bytes({2, 0, 0, 0}) + le_attribute(1, be16(0x0800) + be16(1)) + le_attribute(9, kInnerIp)},
        Wrapping{
            "GtpInVxlanInGre", 1,
            in_ip(47, be16(0) + be16(0x0800) +
                          ipv4(udp(be32(0x08000000) + be32(0) +
                                       ethernet(0x0800,
                                                ipv4(udp(be16(0x30FF) +
                                                             be16(static_cast<unsigned>(kInnerIp.size())) +
                                                             be32(1) + kInnerIp,
                                                         9, 2152))),
                                   9, 4789)))}),
    [](const auto& wrapping) { return wrapping.param.name; });

TEST(Tunnels, RtpOnATunnelsPortIsRtp) {
  for (const unsigned port : {4789U, 6081U, 2152U, 37008U, 9060U, 1701U, 3544U, 6635U, 4754U, 3478U})
    EXPECT_THAT(payloads_of(pcap_head(1) + pcap_record(in_udp(port, kInnerRtp))),
                testing::ElementsAre(kInnerRtp))
        << port;
}

TEST(Tunnels, FragmentsAreJoinedOutsideAndInside) {
  const std::string inner = udp(kInnerRtp);
  const std::string first = ipv4(inner.substr(0, 16), 0x2000, 5), second = ipv4(inner.substr(16), 2, 5);
  const auto tunnel = [](const std::string& ip) {
    return in_udp(4789, be32(0x08000000) + be32(0) + ethernet(0x0800, ip));
  };
  EXPECT_THAT(payloads_of(pcap_head(1) + pcap_record(tunnel(second)) + pcap_record(tunnel(first))),
              testing::ElementsAre(kInnerRtp));
  const std::string outer = udp(be32(0x08000000) + be32(0) + kInnerFrame, 1, 4789);
  EXPECT_THAT(payloads_of(pcap_head(101) + pcap_record(ipv4(outer.substr(0, 40), 0x2000, 6)) +
                          pcap_record(ipv4(outer.substr(40), 5, 6))),
              testing::ElementsAre(kInnerRtp));
}

TEST(Tunnels, WrappedWithoutEndIsGivenUp) {
  std::string frame = kInnerIp;
  for (int i = 0; i < 200; ++i) frame = ipv4(frame, 0, 1, 4);
  auto reader = Reader::over(as_bytes(pcap_head(101) + pcap_record(frame)));
  const std::string file = pcap_head(101) + pcap_record(frame);
  EXPECT_THAT(payloads_of(file), testing::IsEmpty());
}

TEST(Tunnels, PrivateLinkTypesAreWhatTheUserSays) {
  EXPECT_EQ(*capture::parse_link_type("USER0=ETHERNET"), (std::pair<std::uint32_t, std::uint32_t>(147, 1)));
  EXPECT_EQ(*capture::parse_link_type("user15=ip"), (std::pair<std::uint32_t, std::uint32_t>(162, 101)));
  EXPECT_EQ(*capture::parse_link_type("148=113"), (std::pair<std::uint32_t, std::uint32_t>(148, 113)));
  for (const char* wrong : {"", "USER16=IP", "USER0", "USER0=", "1=1", "USER0=USER1", "147=9999", "USER=IP"})
    EXPECT_FALSE(capture::parse_link_type(wrong)) << wrong;
}

}  // namespace
}  // namespace rtpx
