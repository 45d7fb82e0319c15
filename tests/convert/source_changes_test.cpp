// Senders whose SSRC changes while numbers and times go on.
#include <gtest/gtest.h>

#include <map>

#include "rtpx/inspect.hpp"
#include "support/captures.hpp"
#include "support/packet_recording.hpp"

namespace rtpx {
namespace {

void add_number(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// One of the sources sends one packet only; all count time as before, or each from an origin of its own.
class LonePacket : public testing::TestWithParam<bool> {};

TEST_P(LonePacket, BetweenTwoSourcesIsKept) {
  const std::map<std::uint32_t, std::uint32_t> origins{
      {0x11, 5'000}, {0x22, 800'000}, {0x33, 99}, {0x44, 3'000'000'000}};
  std::vector<std::string> packets;
  std::vector<std::int64_t> arrivals_ms;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const std::uint32_t ssrc = i < 12 ? 0x11 : i < 300 ? 0x22 : i == 300 ? 0x33 : 0x44;
    std::string packet;
    add_number(packet, 0x8000, 2);
    add_number(packet, 65'400 + i, 2);
    add_number(packet, 160 * i + (GetParam() ? origins.at(ssrc) : 0), 4);
    add_number(packet, ssrc, 4);
    packets.push_back(packet + std::string(160, static_cast<char>(i)));
    arrivals_ms.push_back(20 * i);
  }
  const test::TempDir folder;
  test::PacketRecording recording(folder / "call");
  recording.add("phone", MediaKind::audio,
                {{.payload_type = 0, .mime_type = "audio/PCMU", .clock_rate = 8000, .channels = 1}}, packets,
                {}, arrivals_ms);
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report) << report.error().message;
  const TrackReport& track = report->tracks.at(0);
  EXPECT_EQ(track.packets, 500U);
  EXPECT_EQ(track.frames, 500U);
  EXPECT_EQ(track.malformed_packets, 0U);
  EXPECT_EQ(track.lost.after_repair, 0U);
  EXPECT_NEAR(track.end_ms, 9'980, 1);
  ASSERT_EQ(track.segments.size(), 4U);
  EXPECT_EQ(track.segments[2].packets, 1U);
}
INSTANTIATE_TEST_SUITE_P(, LonePacket, testing::Bool(),
                         [](const auto& info) { return info.param ? "OfItsOwnTime" : "OfTheSameTime"; });

// A sender that begins anew with its old numbers, silent as before but for its first packet.
TEST(SourceChanges, TheFirstPacketOfASourceThatBeginsAnewIsKept) {
  std::vector<std::string> packets;
  std::vector<std::int64_t> arrivals_ms;
  for (std::uint32_t i = 0; i < 300; ++i) {
    const std::uint32_t number = i < 200 ? i : i - 200;
    std::string packet;
    add_number(packet, 0x8000, 2);
    add_number(packet, 7 + number, 2);
    add_number(packet, 160 * number, 4);
    add_number(packet, 0x11, 4);
    packets.push_back(packet + std::string(160, i == 200 ? '\x55' : '\xFF'));
    arrivals_ms.push_back(20 * i);
  }
  const test::TempDir folder;
  test::PacketRecording recording(folder / "call");
  recording.add("phone", MediaKind::audio,
                {{.payload_type = 0, .mime_type = "audio/PCMU", .clock_rate = 8000, .channels = 1}}, packets,
                {}, arrivals_ms);
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report) << report.error().message;
  const TrackReport& track = report->tracks.at(0);
  EXPECT_EQ(track.packets, 300U);
  EXPECT_EQ(track.malformed_packets, 0U);
  EXPECT_EQ(track.duplicates, 0U);
  EXPECT_NEAR(track.end_ms, 5'980, 1);
}

// The call ends with the first packet of another source.
TEST(SourceChanges, ALonePacketOfAnotherSourceAtTheEndIsKept) {
  std::vector<std::string> packets;
  for (std::uint32_t i = 0; i <= 100; ++i) {
    std::string packet;
    add_number(packet, 0x8000, 2);
    add_number(packet, i < 100 ? 7 + i : 40'000, 2);
    add_number(packet, 160 * i, 4);
    add_number(packet, i < 100 ? 0x11 : 0x22, 4);
    packets.push_back(packet + std::string(160, '\x55'));
  }
  std::swap(packets[98], packets[99]);  // one is late
  const test::TempDir folder;
  test::PacketRecording recording(folder / "call");
  recording.add("phone", MediaKind::audio, {{.payload_type = 0, .mime_type = "audio/PCMU", .clock_rate = 8000, .channels = 1}}, packets);
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->tracks.at(0).packets, 101U);
  EXPECT_EQ(report->tracks.at(0).frames, 101U);
}

/// Twenty milliseconds of PCMU; the same for each number but for one in nine, which tells when it was sent.
std::string hardly_changing_sound(std::uint32_t number, std::uint32_t sent) {
  std::string packet;
  add_number(packet, 0x8000, 2);
  add_number(packet, 7 + number, 2);
  add_number(packet, 160 * number, 4);
  add_number(packet, 0x11, 4);
  return packet + std::string(160, sent % 9 == 4 ? static_cast<char>(sent) : '\xFF');
}

TrackReport inspect_sound(const std::vector<std::string>& packets, const std::vector<std::int64_t>& arrivals_ms) {
  const test::TempDir folder;
  test::PacketRecording recording(folder / "call");
  recording.add("phone", MediaKind::audio,
                {{.payload_type = 0, .mime_type = "audio/PCMU", .clock_rate = 8000, .channels = 1}}, packets,
                {}, arrivals_ms);
  const auto report = inspect_recording((folder / "call").string());
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report ? report->tracks.at(0) : TrackReport();
}

// Twice within a second, so that the numbers are hardly behind when they come for the third time.
TEST(SourceChanges, ASourceThatBeginsAnewTwiceWithinASecondLosesNothing) {
  for (const std::uint32_t between : {25U, 35U, 48U}) {
    SCOPED_TRACE(between);
    std::vector<std::string> packets;
    std::vector<std::int64_t> arrivals_ms;
    for (std::uint32_t i = 0; i < 400; ++i) {
      const std::uint32_t number = i < 200 ? i : i < 200 + between ? i - 200 : i - 200 - between;
      packets.push_back(hardly_changing_sound(number, i));
      arrivals_ms.push_back(20 * i);
    }
    const TrackReport track = inspect_sound(packets, arrivals_ms);
    EXPECT_EQ(track.packets, 400U);
    EXPECT_EQ(track.frames, 400U);
    EXPECT_EQ(track.malformed_packets + track.duplicates + track.lost.after_repair, 0U);
    EXPECT_EQ(track.segments.size(), 3U);
    EXPECT_NEAR(track.end_ms, 7'980, 1);
  }
}

// On a way that is half a second longer, up to the end, where only copies come.
TEST(SourceChanges, CopiesOnALongerWayBeginNothing) {
  std::vector<std::string> packets;
  std::vector<std::int64_t> arrivals_ms;
  for (std::uint32_t i = 0; i < 225; ++i) {
    if (i < 200) packets.push_back(hardly_changing_sound(i, i)), arrivals_ms.push_back(20 * i);
    if (i >= 25) packets.push_back(hardly_changing_sound(i - 25, i - 25)), arrivals_ms.push_back(20 * i + 3);
  }
  const TrackReport track = inspect_sound(packets, arrivals_ms);
  EXPECT_EQ(track.packets, 200U);
  EXPECT_EQ(track.duplicates, 200U);
  EXPECT_EQ(track.segments.size(), 1U);
}

}  // namespace
}  // namespace rtpx
