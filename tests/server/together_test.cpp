// Several publishers in one recording: real ones, through the endpoint, into files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "recorder/support.hpp"
#include "rtp/rtcp.hpp"
#include "server/live/live.hpp"
#include "storage/recording_file.hpp"
#include "support/captures.hpp"
#include "support/webrtc_publisher.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;
using test::browser_offer;
using test::make_rtp;
using test::records;
using test::WebRtcPublisher;

/// A sender report of `ssrc` whose NTP time says who sent it.
std::vector<std::byte> sender_report(std::uint32_t ssrc, std::uint32_t who) {
  std::vector<std::byte> out(28);
  out[0] = std::byte{0x80};
  out[1] = std::byte{200};
  store_be(out.data() + 2, std::uint16_t{6});
  store_be(out.data() + 4, ssrc);
  store_be(out.data() + 8, who);
  return out;
}

class TogetherTest : public testing::Test {
 protected:
  void start(std::chrono::milliseconds linger = 60s) {
    options.base_dir = dir / "recordings";
    options.linger = linger;
    options.min_free_bytes = 1U << 20;
    options.webrtc.udp_port = 0;
    options.webrtc.listen = {"127.0.0.1"};
    LiveEvents events;
    events.ended = [this](const EndedRecording& recording) {
      const std::lock_guard lock(mutex);
      ended.push_back(recording);
    };
    auto made = Live::start(options, std::move(events));
    ASSERT_TRUE(made) << made.error().message;
    live = *std::move(made);
  }
  void TearDown() override { live.reset(); }

  struct Peer {
    std::unique_ptr<WebRtcPublisher> publisher;
    std::string session;
    LiveRecording::Participant participant;
  };
  /// Somebody comes, with the same ids, mids and SSRCs as everybody else.
  Peer join(const SessionLabel& label) {
    Peer out;
    out.publisher = std::make_unique<WebRtcPublisher>(browser_offer());
    const auto session = live->accept(out.publisher->offer(), label);
    if (!session) throw std::runtime_error(session.error().message);
    out.session = session->id;
    if (const auto participant = live->participant_of(session->id)) out.participant = *participant;
    if (!out.publisher->connect(session->answer_sdp)) throw std::runtime_error("not connected");
    return out;
  }
  /// Pictures whose size says who sent them, and a report.
  void send(Peer& peer, std::size_t who, std::uint16_t first, std::uint16_t count) {
    const std::uint64_t before = packets_of(peer.session);
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto sequence = static_cast<std::uint16_t>(first + i);
      peer.publisher->send(make_rtp(96, sequence, sequence * 3000U, 2001, 100 + who));
      if (i % 20 == 0) peer.publisher->poll(1ms);
    }
    peer.publisher->send_rtcp(sender_report(2001, static_cast<std::uint32_t>(who)));
    ASSERT_TRUE(peer.publisher->poll_until([&] { return packets_of(peer.session) >= before + count + 1; }));
  }
  std::uint64_t packets_of(const std::string& session) const {
    for (const LiveSession& one : live->sessions())
      if (one.session_id == session && one.stats) return one.stats->packets;
    return 0;
  }
  std::optional<EndedRecording> wait_for_end() {
    for (int i = 0; i < 2000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (!ended.empty()) return ended.front();
      }
      std::this_thread::sleep_for(5ms);
    }
    return std::nullopt;
  }
  std::filesystem::path folder() const { return options.base_dir / ended.front().id; }
  static std::vector<std::size_t> senders_in(const std::string& file) {
    std::vector<std::size_t> out;
    for (const auto& record : records(test::read_file(file))) {
      const std::size_t who = record.packet.size() - 12 - 100;
      if (out.empty() || out.back() != who) out.push_back(who);
    }
    return out;
  }

  test::TempDir dir;
  ServeOptions options;
  std::mutex mutex;
  std::vector<EndedRecording> ended;
  std::unique_ptr<Live> live;
};

SessionLabel label(const char* name, const char* resume = "") {
  return {.name = name, .continues = "", .key = "meeting", .resume = resume};
}

TEST_F(TogetherTest, PublishersWithEqualIdsAndSsrcsDoNotMix) {
  start();
  Peer alice = join(label("Alice")), bob = join(label("Bob"));
  EXPECT_EQ(live->recording_of(alice.session), live->recording_of(bob.session));
  EXPECT_NE(alice.participant.id, bob.participant.id);
  for (std::uint16_t round = 0; round < 5; ++round) {
    send(alice, 1, static_cast<std::uint16_t>(round * 40), 40);
    send(bob, 2, static_cast<std::uint16_t>(round * 40), 40);
  }
  const auto sessions = live->sessions();
  ASSERT_EQ(sessions.size(), 2U);
  for (const LiveSession& one : sessions) {
    EXPECT_EQ(one.name, "meeting");
    EXPECT_EQ(one.recorder.packets, 200U) << one.participant->name;
    EXPECT_EQ(one.stats->tracks[1].streams.at(0).lost, 0U);
  }
  ASSERT_TRUE(live->end_recording(*live->recording_of(alice.session)));
  ASSERT_TRUE(wait_for_end());
  EXPECT_EQ(ended.front().reason, "ended");

  const Manifest manifest = *read_manifest(folder());
  ASSERT_EQ(manifest.size(), 4U);
  for (const auto& [peer, who] : {std::pair(&alice, 1U), std::pair(&bob, 2U)}) {
    const ManifestTrack& track = manifest.at(peer->participant.id + ".video-track");
    EXPECT_EQ(track.participant, peer->participant.id);
    EXPECT_EQ(track.packets, 200U);
    EXPECT_EQ(senders_in(track.location), std::vector<std::size_t>{who});
    ASSERT_TRUE(track.rtcp_location);
    const auto reports = records(test::read_file(*track.rtcp_location));
    EXPECT_EQ(reports.size(), 5U);
    for (const auto& report : reports)
      for (const SenderReport& one : parse_rtcp(as_bytes(report.packet)).sender_reports)
        EXPECT_EQ(one.ntp >> 32, who);
  }
  const RecordingInfo info = *read_recording_info(real_file_system(), folder());
  EXPECT_EQ(info.name, "meeting");
  ASSERT_EQ(info.facts.participants.size(), 2U);
  EXPECT_EQ(info.facts.participants[1].name, "Bob");
}

TEST_F(TogetherTest, WhoComesBackGoesOnInItsTracks) {
  start();
  Peer alice = join(label("Alice", "secret")), bob = join(label("Bob"));
  send(alice, 1, 0, 20);
  send(bob, 2, 0, 20);
  Peer again = join(label("Alice", "secret"));  // the first session has not been missed yet
  EXPECT_EQ(again.participant.id, alice.participant.id);
  EXPECT_FALSE(live->participant_of(alice.session));
  send(again, 3, 1000, 20);
  again.publisher->close();
  for (int i = 0; i < 1000 && live->sessions().size() > 1; ++i) std::this_thread::sleep_for(5ms);
  Peer once_more = join(label("Alice", "secret"));
  send(once_more, 4, 7, 20);
  Peer other = join(label("Alice", "guessed"));
  EXPECT_NE(other.participant.id, alice.participant.id);
  ASSERT_TRUE(live->end_recording(*live->recording_of(bob.session)));
  ASSERT_TRUE(wait_for_end());
  const Manifest manifest = *read_manifest(folder());
  EXPECT_EQ(manifest.size(), 6U);
  EXPECT_THAT(senders_in(manifest.at(alice.participant.id + ".video-track").location),
              testing::ElementsAre(1, 3, 4));
  EXPECT_EQ(read_recording_info(real_file_system(), folder())->facts.participants.size(), 3U);
}

TEST_F(TogetherTest, ItEndsSomeTimeAfterTheLastOneHasLeft) {
  start(300ms);
  {
    Peer alice = join(label("Alice"));
    send(alice, 1, 0, 20);
    Peer bob = join(label("Bob"));
    ASSERT_TRUE(live->close(alice.session));
    send(bob, 2, 0, 20);
    EXPECT_TRUE(ended.empty());
    ASSERT_TRUE(live->close(bob.session));
  }
  const auto end = wait_for_end();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, "everyone_left");
  EXPECT_EQ(read_recording_info(real_file_system(), folder())->end_reason, "everyone_left");
  // The same key begins another one.
  Peer carol = join(label("Carol"));
  EXPECT_NE(live->recording_of(carol.session), end->id);
}

TEST_F(TogetherTest, APauseWritesNothingAndAsksForKeyframesAfterwards) {
  start();
  Peer alice = join(label("Alice"));
  send(alice, 1, 0, 20);
  const std::string id = *live->recording_of(alice.session);
  ASSERT_TRUE(live->pause(id, nullptr, true));
  EXPECT_TRUE(live->course(id)->paused);
  send(alice, 2, 20, 20);
  EXPECT_EQ(live->sessions().front().recorder.packets, 20U);
  const std::size_t asked = alice.publisher->keyframe_requests.size();
  ASSERT_TRUE(live->pause(id, nullptr, false));
  send(alice, 3, 40, 20);
  EXPECT_TRUE(alice.publisher->poll_until([&] { return alice.publisher->keyframe_requests.size() > asked; }));
  ASSERT_TRUE(live->mark(id, "on we go"));
  ASSERT_TRUE(live->end_recording(id));
  ASSERT_TRUE(wait_for_end());
  const ManifestTrack track = read_manifest(folder())->at(alice.participant.id + ".video-track");
  EXPECT_THAT(senders_in(track.location), testing::ElementsAre(1, 3));
  EXPECT_EQ(track.pauses.size(), 1U);
  EXPECT_EQ(read_recording_info(real_file_system(), folder())->facts.marks.at(0).text, "on we go");
}

TEST_F(TogetherTest, WhatIsUnderWayWhenTheServerEndsIsWhole) {
  start();
  Peer alice = join(label("Alice"));
  send(alice, 1, 0, 20);
  ASSERT_TRUE(live->close(alice.session));  // it lingers
  live.reset();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended.front().reason, "shutdown");
  EXPECT_TRUE(read_recording_info(real_file_system(), folder())->ended_at);
}

}  // namespace
}  // namespace rtpx::server
