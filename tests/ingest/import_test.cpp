#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "ingest/import_support.hpp"
#include "rtp/packet.hpp"

namespace rtpx {
namespace {

using namespace test;
using capture::import_capture;
using capture::ImportOptions;
using testing::ElementsAre;
using testing::HasSubstr;

class Import : public ImportFixture {};

std::string sender_report(std::uint32_t ssrc, const std::string& cname) {
  std::string item = "\x01" + std::string(1, static_cast<char>(cname.size())) + cname;
  item += std::string(4 - item.size() % 4, '\0');
  return "\x80\xC8" + be16(6) + be32(ssrc) + std::string(20, 'r') + "\x81\xCA" +
         be16(static_cast<unsigned>(1 + item.size() / 4)) + be32(ssrc) + item;
}

TEST_F(Import, EverySsrcIsATrackWithItsOwnPackets) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 5; ++i) {
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1}.bytes()),
                        50, i);
    file += pcap_record(
        frame(Rtp{.payload_type = 8, .sequence = i, .timestamp = 160 * i, .ssrc = 2}.bytes(), 7000), 50, i);
  }
  const auto summary = import(file);
  ASSERT_EQ(summary.tracks.size(), 2U);
  EXPECT_EQ(summary.tracks[0].track.id, "audio_00000001");
  EXPECT_EQ(manifest().at("audio_00000001").codec->mime_type, "audio/PCMU");
  EXPECT_EQ(manifest().at("audio_00000002").codec->mime_type, "audio/PCMA");
  EXPECT_EQ(records("audio_00000002").size(), 5U);
  EXPECT_EQ(records("audio_00000002")[3].bytes,
            (Rtp{.payload_type = 8, .sequence = 3, .timestamp = 480, .ssrc = 2}.bytes()));
}

TEST_F(Import, ArrivalTimesAndTheWallClockAreThoseOfTheCapture) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 3; ++i)
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i}.bytes()), 1'600'000'000 + i, 250'000);
  import(file);
  const auto manifest_track = manifest().begin()->second;
  ASSERT_TRUE(manifest_track.clock);
  const auto got = records(manifest().begin()->first);
  EXPECT_EQ(got[2].time_ms - got[0].time_ms, 2000);
  const auto first = manifest_track.clock->utc +
                     std::chrono::milliseconds(got[0].time_ms - manifest_track.clock->receive_time_ms);
  EXPECT_EQ(first.time_since_epoch(), std::chrono::microseconds(1'600'000'000'250'000));
}

TEST_F(Import, ATimeFarAheadOfAllAroundIsNotBelieved) {
  std::string file = pcap_head(101, 0xA1B2CD34);  // of a patched libpcap
  for (unsigned i = 0; i < 100; ++i) {
    const unsigned ms = 5'000 + 20 * i + (i == 40 ? 86'400'000 : 0);
    std::string record = pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1}.bytes()),
                                     1'600'000'000 + ms / 1000, ms % 1000 * 1000);
    file += record.insert(16, 8, '\0');
  }
  const auto summary = import(file);
  EXPECT_EQ(summary.format, capture::Format::pcap);
  EXPECT_EQ(summary.wrong_times, 1U);
  EXPECT_EQ(summary.clock_set_back, 0U);
  const auto got = records("audio_00000001");
  ASSERT_EQ(got.size(), 100U);
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(static_cast<double>(got[i].time_ms - got[0].time_ms), 20.0 * static_cast<double>(i), 21);
}

TEST_F(Import, ATimeBehindAllAroundIsNotBelievedEither) {
  for (const unsigned behind_ms : {1'000U, 40'000U, 3'600'000U}) {
    std::string file = pcap_head(101);
    for (unsigned i = 0; i < 100; ++i) {
      const unsigned ms = 5'000'000 + 20 * i - (i == 40 || i == 41 ? behind_ms : 0);
      file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1}.bytes()),
                          1'600'000'000 + ms / 1000, ms % 1000 * 1000);
    }
    const auto summary = import(file);
    EXPECT_EQ(summary.wrong_times, 2U);
    EXPECT_EQ(summary.clock_set_back, 0U);
    const auto got = records("audio_00000001");
    ASSERT_EQ(got.size(), 100U);
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(static_cast<double>(got[i].time_ms - got[0].time_ms), 20.0 * static_cast<double>(i), 41) << behind_ms;
    std::filesystem::remove_all(folder_ / "recording");
  }
}

TEST_F(Import, AClockThatIsSetAYearAheadMovesNothing) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 100; ++i) {
    const unsigned ms = 20 * i;
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1}.bytes()),
                        1'600'000'000 + ms / 1000 + (i >= 50 ? 31'536'000 : 0), ms % 1000 * 1000);
  }
  EXPECT_EQ(import(file).clock_set_back, 1U);
  const auto got = records("audio_00000001");
  ASSERT_EQ(got.size(), 100U);
  EXPECT_NEAR(static_cast<double>(got.back().time_ms - got.front().time_ms), 1'980, 41);
}

// Files that were put together in the wrong order.
TEST_F(Import, ACaptureOutOfOrderIsSaidToGoBack) {
  std::string file = pcap_head(101);
  for (const unsigned from : {50U, 0U})
    for (unsigned i = from; i < from + 50; ++i)
      file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1}.bytes()), 1000 + i / 5,
                          i % 5 * 200'000);
  const auto summary = import(file);
  EXPECT_EQ(summary.clock_set_back, 0U);
  EXPECT_NEAR(std::chrono::duration<double>(summary.goes_back).count(), 19.8, 0.01);
}

// Key presses between the talk, and packets of 120 ms: no picture.
TEST_F(Import, SoundIsTakenForSoundWhateverItsPackets) {
  std::string keys = pcap_head(101), slow = pcap_head(101);
  for (unsigned i = 0; i < 300; ++i) {
    const bool event = i >= 100 && i < 150;
    const std::string payload = event ? std::string("\x01\x0A\x00\xA0", 4) : std::string(80, static_cast<char>(i));
    keys += pcap_record(frame(Rtp{.payload_type = event ? 101U : 111U,
                                  .sequence = i,
                                  .timestamp = event ? 96'000 : 960 * i,
                                  .ssrc = 7,
                                  .payload = payload}
                                  .bytes()),
                        1000 + i / 50, i % 50 * 20'000);
    slow += pcap_record(
        frame(Rtp{.payload_type = 111, .sequence = i, .timestamp = 5'760 * i, .ssrc = 7, .payload = std::string(300, 'x')}
                  .bytes()),
        1000 + i * 120 / 1000, i * 120 % 1000 * 1000);
  }
  for (const std::string& file : {keys, slow}) {
    const auto summary = import(file);
    ASSERT_EQ(summary.tracks.size(), 1U);
    EXPECT_EQ(summary.tracks[0].track.kind, MediaKind::audio);
    std::filesystem::remove_all(folder_ / "recording");
  }
}

// Numbers and RTP time go on evenly: no packet came before the one that was sent before it.
TEST_F(Import, AClockThatIsSetBackInMidCaptureMovesNothing) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 100; ++i)
    for (const unsigned ssrc : {1U, 2U}) {
      const unsigned ms = 5'000 + 20 * i - (i >= 50 ? 3'000 : 0);
      file += pcap_record(
          frame(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = ssrc}.bytes()),
          1'600'000'000 + ms / 1000, ms % 1000 * 1000);
    }
  EXPECT_EQ(import(file).clock_set_back, 1U);
  for (const char* track : {"audio_00000001", "audio_00000002"}) {
    const auto got = records(track);
    ASSERT_EQ(got.size(), 100U);
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(static_cast<double>(got[i].time_ms - got[0].time_ms), 20.0 * static_cast<double>(i), 20);
  }
}

TEST_F(Import, TheRecordingNamesItsOwnFolder) {
  import(pcap_head(101) + pcap_record(frame(Rtp{.payload_type = 0}.bytes())));
  EXPECT_EQ(std::filesystem::path(manifest().begin()->second.location).parent_path(), folder_ / "recording");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 2)
      << "capture and recording only";
}

TEST_F(Import, AMappedRtxJoinsTheTrackWhoseNumbersItCarries) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 20; ++i) {
    file += pcap_record(frame(Rtp{.sequence = 100 + i, .timestamp = 3000 * i, .ssrc = 1}.bytes()));
    file += pcap_record(frame(Rtp{.sequence = 30000 + i, .timestamp = 3000 * i, .ssrc = 2}.bytes()));
    file += pcap_record(
        frame(Rtp{.payload_type = 97, .sequence = i, .ssrc = 3, .payload = be16(30000 + i) + "x"}.bytes()));
  }
  const auto summary = import(file, "", {"96=VP8/90000", "97=rtx/96"});
  ASSERT_EQ(summary.tracks.size(), 2U);
  EXPECT_THAT(summary.tracks[0].ssrcs, ElementsAre(1U));
  EXPECT_THAT(summary.tracks[1].ssrcs, ElementsAre(2U, 3U));
  const auto track = manifest().at("video_00000002");
  EXPECT_EQ(track.codec->mime_type, "video/VP8");
  ASSERT_EQ(track.codecs.size(), 2U);
  EXPECT_EQ(track.codecs[1].sdp_fmtp_line, "97 apt=96");
}

TEST_F(Import, SsrcGroupsOfTheSdpFormOneTrack) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 4; ++i) {
    file += pcap_record(frame(Rtp{.sequence = i, .ssrc = 11}.bytes()));
    file += pcap_record(frame(Rtp{.payload_type = 97, .sequence = i, .ssrc = 22}.bytes()));
    file += pcap_record(frame(Rtp{.payload_type = 49, .sequence = i, .ssrc = 33}.bytes()));
    file += pcap_record(frame(Rtp{.sequence = i, .ssrc = 44}.bytes()));
  }
  const auto summary =
      import(file, kSdpHead +
                       "m=video 9 RTP/AVP 96 97 49\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\n"
                       "a=fmtp:97 apt=96\na=rtpmap:49 flexfec-03/90000\na=ssrc-group:FID 11 22\n"
                       "a=ssrc-group:FEC-FR 11 33\na=mid:v\na=msid:stream track\n");
  ASSERT_EQ(summary.tracks.size(), 2U);
  EXPECT_THAT(summary.tracks[0].ssrcs, ElementsAre(11U, 22U, 33U));
  EXPECT_EQ(summary.tracks[0].track.id, "video_v");
  EXPECT_THAT(summary.tracks[0].track.streams, ElementsAre("stream"));
  EXPECT_THAT(summary.tracks[1].ssrcs, ElementsAre(44U));
}

TEST_F(Import, LayersOfASimGroupHaveARidEach) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 4; ++i)
    for (const std::uint32_t ssrc : {2U, 1U, 3U, 12U})
      file +=
          pcap_record(frame(Rtp{.payload_type = ssrc > 9 ? 97U : 96U, .sequence = i, .ssrc = ssrc}.bytes()));
  const auto summary =
      import(file, kSdpHead +
                       "m=video 9 RTP/AVP 96 97\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\n"
                       "a=fmtp:97 apt=96\na=ssrc-group:SIM 1 2 3\na=ssrc-group:FID 2 12\n");
  ASSERT_EQ(summary.tracks.size(), 1U);
  EXPECT_THAT(summary.tracks[0].track.rids, ElementsAre("0", "1", "2"));
  const auto got = records(summary.tracks[0].track.id);
  ASSERT_EQ(got.size(), 16U);
  EXPECT_EQ(got[0].rid_index, 1);  // SSRC 2
  EXPECT_EQ(got[1].rid_index, 0);
  EXPECT_EQ(got[2].rid_index, 2);
  EXPECT_EQ(got[3].rid_index, 1) << "RTX of SSRC 2";
}

TEST_F(Import, MidAndRidExtensionsJoinSourcesThatTheSdpDoesNotName) {
  std::string file = pcap_head(101);
  const auto packet = [&](std::uint32_t ssrc, unsigned type, unsigned sequence,
                          const std::string& extension) {
    file += pcap_record(
        frame(Rtp{.payload_type = type, .sequence = sequence, .ssrc = ssrc, .extension = extension}.bytes()));
  };
  for (unsigned i = 0; i < 3; ++i) {
    const bool told = i == 0;  // browsers stop saying so after a second
    packet(100, 96, i, told ? extension_element(4, "1") + extension_element(10, "h") : "");
    packet(200, 96, i, told ? extension_element(4, "1") + extension_element(10, "f") : "");
    packet(300, 97, i, told ? extension_element(4, "1") + extension_element(11, "f") : "");
  }
  const auto summary =
      import(file, kSdpHead +
                       "m=audio 9 RTP/AVP 111\na=mid:0\na=rtpmap:111 opus/48000/2\nm=video 9 RTP/AVP 96 97\n"
                       "a=mid:1\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n"
                       "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n"
                       "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n"
                       "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\n"
                       "a=rid:q send\na=rid:h send\na=rid:f send\na=simulcast:send q;h;f\n");
  ASSERT_EQ(summary.tracks.size(), 1U);
  EXPECT_EQ(summary.tracks[0].track.id, "video_1");
  EXPECT_THAT(summary.tracks[0].track.rids, ElementsAre("q", "h", "f"));
  const auto got = records("video_1");
  ASSERT_EQ(got.size(), 9U);
  EXPECT_EQ(got[3].rid_index, 1);
  EXPECT_EQ(got[4].rid_index, 2);
  EXPECT_EQ(got[5].rid_index, 2) << "RTX, by its repaired rid";
}

TEST_F(Import, RtcpIsKeptWithTheTrackThatItConcerns) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 3; ++i) {
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .ssrc = 1}.bytes()));
    file += pcap_record(frame(Rtp{.payload_type = 34, .sequence = i, .ssrc = 2}.bytes(), 5002));
  }
  const std::string report = sender_report(2, "someone");
  file += pcap_record(frame(report, 5003, 6003));
  file += pcap_record(frame(sender_report(99, "nobody"), 5003, 6003));
  const auto summary = import(file);
  EXPECT_EQ(summary.foreign_rtcp, 1U);
  const auto video = manifest().at("video_00000002");
  ASSERT_TRUE(video.rtcp_location);
  const auto got = read_records(folder_ / "recording", *video.rtcp_location, true);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].bytes, report);
  EXPECT_THAT(video.streams, ElementsAre("someone")) << "the CNAME";
  EXPECT_THAT(manifest().at("audio_00000001").streams, ElementsAre("10.0.0.1"));
}

TEST_F(Import, SoundAndPictureOfOneAddressShareAStreamAndTheNextCallerDoesNot) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 3; ++i) {
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .ssrc = 1}.bytes()));
    file += pcap_record(frame(Rtp{.payload_type = 34, .sequence = i, .ssrc = 2}.bytes(), 5002));
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .ssrc = 3}.bytes(), 5004));
    file +=
        pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .ssrc = 4}.bytes(), 5004, 6000, 0x0A000009));
  }
  import(file);
  EXPECT_EQ(manifest().at("audio_00000001").streams, manifest().at("video_00000002").streams);
  EXPECT_THAT(manifest().at("audio_00000003").streams, ElementsAre("10.0.0.1-2"));
  EXPECT_THAT(manifest().at("audio_00000004").streams, ElementsAre("10.0.0.9"));
}

TEST_F(Import, PacketsOfUnknownPayloadTypesAreKeptWithoutACodec) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 10; ++i)
    file += pcap_record(frame(
        Rtp{.payload_type = 100, .sequence = i, .timestamp = i / 2 * 3000, .payload = std::string(900, 'v')}
            .bytes()));
  const auto summary = import(file);
  ASSERT_EQ(summary.tracks.size(), 1U);
  EXPECT_EQ(summary.tracks[0].track.kind, MediaKind::video);
  EXPECT_EQ(manifest().begin()->second.codec, std::nullopt);
}

TEST_F(Import, TrafficThatOnlyLooksLikeRtpIsPassedOver) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 10; ++i)
    file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = i, .ssrc = 1}.bytes()));
  file += pcap_record(frame(Rtp{.payload_type = 0, .ssrc = 77}.bytes(), 40000, 53));  // DNS
  file +=
      pcap_record(frame(Rtp{.payload_type = 0, .sequence = 5, .ssrc = 88}.bytes()));  // two strays far apart
  file += pcap_record(frame(Rtp{.payload_type = 0, .sequence = 40000, .ssrc = 88}.bytes()));
  file += pcap_record(frame(std::string("\x16\xFE\xFD", 3) + std::string(40, 'd')));  // DTLS
  const auto summary = import(file);
  ASSERT_EQ(summary.tracks.size(), 1U);
  EXPECT_EQ(summary.not_rtp, 4U);
}

// Other traffic between the same addresses, some of it with the call's SSRC where RTP has that: few packets of the call
// come right behind another one.
TEST_F(Import, ACallAmongTrafficThatLooksLikeRtpIsKeptAndTheStraysAreCounted) {
  std::mt19937 random(7);
  std::string file = pcap_head(101);
  unsigned number = 65'400, time = 0, strays = 0;
  const auto add = [&](unsigned type, unsigned sequence, std::uint32_t timestamp, std::uint32_t ssrc) {
    const Rtp packet{.payload_type = type, .sequence = sequence, .timestamp = timestamp, .ssrc = ssrc};
    file += pcap_record(frame(packet.bytes()), 1000 + time / 1'000'000, time % 1'000'000);
  };
  for (int round = 0; round < 60; ++round)
    for (const char kind : std::string_view("cscsccscsc")) {
      time += 10'000;
      if (kind == 'c') {
        add(0, number, 160 * number, 7);
        ++number;
        continue;
      }
      ++strays;
      add(0, static_cast<unsigned>(random()), static_cast<std::uint32_t>(random()), 7);
      add(96 + static_cast<unsigned>(random()) % 20, static_cast<unsigned>(random()), 0,
          static_cast<std::uint32_t>(random()));
    }
  const auto summary = import(file);
  ASSERT_EQ(summary.tracks.size(), 1U);
  EXPECT_EQ(summary.tracks[0].track.codecs.at(0).mime_type, "audio/PCMU");
  EXPECT_NEAR(static_cast<double>(summary.strays), strays, strays * 0.2) << "one in ten is near the call's numbers";
  EXPECT_EQ(summary.not_rtp, strays) << "those of other SSRCs";
  EXPECT_EQ(records(summary.tracks[0].track.id).size(), 360U + strays) << "who reads it tells them apart";
}

TEST_F(Import, ACaptureWithoutTimesGetsThemFromRtpTime) {
  std::string file;
  for (unsigned i = 0; i < 50; ++i) {
    for (const auto& packet :
         {Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1}.bytes()})
      file += be16(static_cast<unsigned>(packet.size())) + packet;
  }
  const auto summary = import(file);
  EXPECT_FALSE(summary.timed);
  const auto got = records("audio_00000001");
  EXPECT_EQ(got.back().time_ms - got.front().time_ms, 49 * 20);
}

TEST_F(Import, NothingIsLeftOfAnImportThatFails) {
  write_file(folder_ / "capture", pcap_head(101) + pcap_record(ipv4("no udp", 0, 1, 6)));
  const auto failed = import_capture({.capture = folder_ / "capture", .folder = folder_ / "recording"});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::malformed);
  EXPECT_THAT(failed.error().message, HasSubstr("no RTP"));
  std::stop_source stop;
  stop.request_stop();
  write_file(folder_ / "capture", pcap_head(101) + pcap_record(frame(Rtp{.payload_type = 0}.bytes())));
  const auto cancelled = import_capture(
      {.capture = folder_ / "capture", .folder = folder_ / "recording", .stop = stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Errc::cancelled);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(Import, AFolderWithSomethingInItIsNotTouched) {
  std::filesystem::create_directory(folder_ / "recording");
  write_file(folder_ / "recording" / "keep", "me");
  write_file(folder_ / "capture", pcap_head(101) + pcap_record(frame(Rtp{.payload_type = 0}.bytes())));
  const auto refused = import_capture({.capture = folder_ / "capture", .folder = folder_ / "recording"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::already_exists);
  EXPECT_EQ(read_file(folder_ / "recording" / "keep"), "me");
}

/// G.711 packets of one sender, as records of a capture: (time in ms, record).
using Records = std::vector<std::pair<unsigned, std::string>>;
struct Phone {
  std::uint32_t from = 0x0A000001, to = 0x0A000002;
  unsigned from_port = 5000, to_port = 6000;
  std::uint32_t ssrc = 1;
  char voice = 'a';
};
void speak(Records& into, const Phone& phone, unsigned at_ms, unsigned first, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    into.emplace_back(at_ms + 20 * i, frame(Rtp{.payload_type = 0,
                                                .sequence = first + i,
                                                .timestamp = 160 * (first + i),
                                                .ssrc = phone.ssrc,
                                                .payload = std::string(158, phone.voice) + be16(first + i)}
                                                .bytes(),
                                            phone.from_port, phone.to_port, phone.from, phone.to));
}
std::string capture_of(Records records) {
  std::ranges::stable_sort(records, {}, &Records::value_type::first);
  std::string out = pcap_head(101);
  for (const auto& [ms, one] : records) out += pcap_record(one, 1000 + ms / 1000, ms % 1000 * 1000);
  return out;
}
Phone back(Phone phone, char voice) {
  std::swap(phone.from, phone.to);
  std::swap(phone.from_port, phone.to_port);
  phone.voice = voice;
  return phone;
}
std::vector<std::uint64_t> packets_of(const capture::ImportSummary& summary) {
  std::vector<std::uint64_t> out;
  for (const auto& track : summary.tracks) out.push_back(track.packets);
  return out;
}

TEST_F(Import, OneSsrcInBothDirectionsIsTwoTracks) {
  for (const unsigned later_ms : {3U, 3000U}) {
    std::filesystem::remove_all(folder_ / "recording");
    Records both;
    speak(both, {}, 0, 0, 200);
    speak(both, back({}, 'b'), later_ms, 0, 200);
    EXPECT_THAT(packets_of(import(capture_of(both))), ElementsAre(200U, 200U)) << later_ms;
  }
}

TEST_F(Import, TwoPhonesOfOneMakeThatCountFromTheSameStartAreTwoTracks) {
  for (const unsigned apart_ms : {3U, 100U, 900U, 2000U, 30'000U}) {
    std::filesystem::remove_all(folder_ / "recording");
    Records both;
    speak(both, {}, 0, 0, 300);
    Phone other{.from = 0x0A000009, .to_port = 6002, .voice = 'b'};
    speak(both, other, apart_ms, 0, 300);
    const auto packets = packets_of(import(capture_of(both)));
    // One after the other they could be one phone that moved: then it is one track, with all packets.
    if (apart_ms == 30'000U)
      EXPECT_THAT(packets, ElementsAre(600U));
    else
      EXPECT_THAT(packets, ElementsAre(300U, 300U)) << apart_ms;
  }
}

TEST_F(Import, CopiesThatTheCaptureSawOnOtherAddressesAreOneTrack) {
  Records seen;
  speak(seen, {}, 0, 0, 200);
  speak(seen, {.to = 0xAC110003}, 0, 0, 200);
  speak(seen, {.from = 0xAC110001, .to = 0xAC110003, .from_port = 61000}, 0, 0, 200);
  EXPECT_THAT(packets_of(import(capture_of(seen))), ElementsAre(600U));
}

TEST_F(Import, ASenderThatMovesToAnotherAddressInMidCallIsOneTrack) {
  Records moved;
  speak(moved, {}, 0, 0, 150);
  speak(moved, {.from = 0x0A000055, .from_port = 7777}, 3000, 150, 150);
  EXPECT_THAT(packets_of(import(capture_of(moved))), ElementsAre(300U));
}

TEST_F(Import, PacketsThatTakeTurnsOnTwoPathsAreOneTrack) {
  Records turns;
  for (unsigned i = 0; i < 200; ++i) {
    Phone path;
    if (i % 3 == 2) path.from = 0x0A000066;
    speak(turns, path, 20 * i, i, 1);
  }
  EXPECT_THAT(packets_of(import(capture_of(turns))), ElementsAre(200U));
}

TEST_F(Import, SsrcsThatFollowEachOtherOnTheMLinesPortAreOneTrackAndOthersAreNot) {
  const std::string sdp = kSdpHead + "c=IN IP4 10.0.0.2\nm=audio 6000 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n";
  Records following;
  unsigned at = 0;
  for (std::uint32_t ssrc = 1; ssrc <= 40; ++ssrc, at += 10)
    speak(following, {.ssrc = ssrc * 77}, 20 * at, at, 10);
  EXPECT_THAT(packets_of(import(capture_of(following), sdp)), ElementsAre(400U));
  std::filesystem::remove_all(folder_ / "recording");
  EXPECT_EQ(import(capture_of(following)).tracks.size(), 40U) << "nothing says that they are one";
  std::filesystem::remove_all(folder_ / "recording");
  Records together;
  speak(together, {.ssrc = 1}, 0, 0, 100);
  speak(together, {.ssrc = 2}, 500, 0, 100);
  EXPECT_THAT(packets_of(import(capture_of(together), sdp)), ElementsAre(100U, 100U));
}

TEST_F(Import, AnMjrFileIsOneTrackWhateverItsSsrcs) {
  const std::string info = R"({"t":"a","c":"pcmu","s":1,"u":1})";
  std::string file = "MJR00002" + be16(static_cast<unsigned>(info.size())) + info;
  for (unsigned i = 0; i < 60; ++i) {
    const std::string packet =
        Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i, .ssrc = 1 + i / 20}.bytes();
    file += "MEET" + be32(20 * i) + be16(static_cast<unsigned>(packet.size())) + packet;
  }
  EXPECT_THAT(packets_of(import(file)), ElementsAre(60U));
}

TEST_F(Import, TheTypeOfRedIsReadAsJanusWritesIt) {
  for (const char* key : {"or", "o"}) {
    const std::string info = std::string(R"({"t":"a","c":"opus",")") + key + R"(":63,"s":1,"u":1})";
    std::string file = "MJR00002" + be16(static_cast<unsigned>(info.size())) + info;
    for (unsigned i = 0; i < 20; ++i) {
      const std::string packet = Rtp{.payload_type = 63, .sequence = i, .timestamp = 960 * i, .ssrc = 1}.bytes();
      file += "MEET" + be32(20 * i) + be16(static_cast<unsigned>(packet.size())) + packet;
    }
    const auto summary = import(file);
    std::filesystem::remove_all(folder_ / "recording");
    EXPECT_TRUE(std::ranges::any_of(summary.tracks.at(0).track.codecs, [](const Codec& codec) {
      return codec.payload_type == 63 && codec.mime_type == "audio/red";
    })) << key;
  }
}

TEST_F(Import, ACaptureWithoutRtpSaysWhatIsInIt) {
  std::string file = pcap_head(1);
  for (int i = 0; i < 7; ++i) file += pcap_record(ethernet(0x0800, ipv4(std::string(40, 't'), 0, 1, 6)));
  for (int i = 0; i < 3; ++i) file += pcap_record(ethernet(0x88CC, std::string(40, 'l')));
  const auto summary = try_import(file);
  ASSERT_FALSE(summary);
  EXPECT_THAT(summary.error().message,
              HasSubstr("10 packets were looked at: 7 of IP protocol 6 (TCP), 3 of EtherType 0x88cc (LLDP)"));
}

TEST(PayloadTypes, MappingsAreReadAndWrongOnesExplained) {
  EXPECT_EQ(capture::parse_mapping("96=vp8/90000")->mime_type, "video/VP8");
  EXPECT_EQ(capture::parse_mapping("111=opus/48000/2")->channels, 2);
  EXPECT_EQ(capture::parse_mapping("96=VP9")->clock_rate, 90000U);
  EXPECT_EQ(capture::parse_mapping("63=red/48000/2")->mime_type, "audio/red");
  EXPECT_EQ(capture::parse_mapping("96=H264/90000;packetization-mode=1")->sdp_fmtp_line,
            "96 packetization-mode=1");
  for (const char* wrong : {"", "96", "128=VP8/90000", "x=VP8", "97=rtx", "97=rtx/vp8", "96=FOO",
                            "96=VP8/fast", "11=L16/44100/x"}) {
    const auto parsed = capture::parse_mapping(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
  }
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) out.push_back(part);
  return out;
}

// MANIFEST.tsv was counted by another program.
TEST(ImportCaptures, PublicCapturesAreRecordedPacketForPacket) {
  RTPX_NEEDS_CAPTURE(folder, "public");
  std::ifstream manifest_file(folder / "MANIFEST.tsv");
  int files = 0;
  for (std::string line; std::getline(manifest_file, line);) {
    const auto row = split(line, '\t');
    const std::string& container = row.at(4);
    if (!container.starts_with("pcap") && container != "rtpdump" && container != "len16") continue;
    if (row.at(8).empty()) continue;
    std::map<std::string, std::uint64_t> expected, recorded;
    const auto types = split(row.at(6), ','), ssrcs = split(row.at(8), ','), packets = split(row.at(9), ',');
    for (std::size_t i = 0; i < ssrcs.size(); ++i)
      expected[ssrcs.at(i) + "/" + types.at(i)] += std::stoull(packets.at(i));
    TempDir out;
    const auto summary = import_capture({.capture = folder / row.at(1), .folder = out / "recording"});
    ASSERT_TRUE(summary) << row.at(1) << ": " << summary.error().message;
    EXPECT_EQ(summary->refused, 0U);
    const auto manifest = read_manifest(out / "recording");
    ASSERT_TRUE(manifest);
    for (const auto& [id, track] : *manifest)
      for (const auto& record : read_records(out / "recording", track.location)) {
        const auto packet = parse_rtp(as_bytes(record.bytes));
        ASSERT_TRUE(packet);
        char key[32];
        std::snprintf(key, sizeof key, "%08x/%u", packet->ssrc, packet->payload_type);
        ++recorded[key];
      }
    for (const auto& [key, count] : expected) EXPECT_EQ(recorded[key], count) << row.at(1) << " " << key;
    ++files;
  }
  EXPECT_GE(files, 30);
}

}  // namespace
}  // namespace rtpx
