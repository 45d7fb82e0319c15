// Lip sync against the truth of captures/browser/vp8_opus_flashbeep: a canvas turns white and a tone starts
// at every whole second of one clock. The RTP times below were found once, by decoding: the first frame of
// each flash whose mean luma passes 128 (ffmpeg, after depacketizing by the reference tool), and the sample
// where each tone reaches half its height (Opus packets decoded without pre-skip; sample n lies in packet n /
// 960).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>

#include "rtp/rtcp.hpp"
#include "rtp/unwrap.hpp"
#include "support/recording.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {
namespace {

constexpr std::array<std::uint32_t, 25> kFlashes = {
    2756550419, 2756640419, 2756731859, 2756821859, 2756910419, 2757000419, 2757091949,
    2757180419, 2757274829, 2757360959, 2757450059, 2757546359, 2757631229, 2757720329,
    2757809429, 2757901499, 2757990599, 2758079699, 2758171769, 2758260869, 2758349969,
    2758443299, 2758531769, 2758620239, 2758713299};
constexpr std::array<std::uint32_t, 24> kBeeps = {
    1101446771, 1101494675, 1101542771, 1101590867, 1101638915, 1101686483, 1101734579, 1101782675,
    1101830627, 1101878723, 1101926819, 1101974723, 1102022963, 1102070531, 1102118435, 1102166531,
    1102214627, 1102262723, 1102310675, 1102358771, 1102406483, 1102454915, 1102502483, 1102550579};
constexpr double kTruthMs = -12;

/// One track of the recording, its arrivals free to be spoilt.
struct Track {
  std::vector<test::RawRecord> packets, rtcp;
  std::uint8_t payload_type;
  std::uint32_t clock_rate;
  bool audio;
  TimestampUnwrapper unwrap;

  Track(const std::filesystem::path& folder, const char* name, std::uint8_t type, std::uint32_t rate,
        bool is_audio)
      : packets(test::read_records(folder / (std::string(name) + ".rtpx"))),
        rtcp(test::read_records(folder / (std::string(name) + ".rtcpx"))),
        payload_type(type),
        clock_rate(rate),
        audio(is_audio) {}

  /// `delay_ms` of each packet: what the network adds.
  SegmentClock clock(bool with_reports, const std::function<double()>& delay_ms) {
    struct Arrival {
      double ms;
      RtpPacket packet;
    };
    std::vector<Arrival> arrivals;
    for (const auto& record : packets)
      if (const auto packet = parse_rtp(record.packet); packet && packet->payload_type == payload_type)
        arrivals.push_back({static_cast<double>(record.receive_ms) + delay_ms(), *packet});
    std::ranges::sort(arrivals, {}, &Arrival::ms);
    SegmentClock out(clock_rate);
    SequenceUnwrapper sequence;
    for (const Arrival& a : arrivals)
      out.add_packet(unwrap(a.packet.timestamp), static_cast<std::int64_t>(a.ms),
                     sequence(a.packet.sequence_number));
    if (!with_reports) return out;
    for (const auto& record : rtcp)
      for (const SenderReport& sr : parse_rtcp(record.packet).sender_reports)
        if (sr.ssrc == arrivals[0].packet.ssrc)
          out.add_sender_report(unwrap.peek(sr.rtp_timestamp), ntp_to_ns(sr.ntp), record.receive_ms);
    return out;
  }
};

struct FlashBeep : testing::Test {
  std::optional<Track> video, audio;

  void load(const std::filesystem::path& folder) {
    video.emplace(folder, "video_1", 96, 90000, false);
    audio.emplace(folder, "audio_0", 111, 48000, true);
  }
  /// The median of beep minus flash, ms.
  double beep_minus_flash(bool with_reports, const std::function<double()>& video_delay,
                          const std::function<double()>& audio_delay) {
    const SegmentClock v = video->clock(with_reports, video_delay),
                       a = audio->clock(with_reports, audio_delay);
    const std::string cname = with_reports ? "sender" : "";
    const Timeline timeline = place_segments(
        {{&v, 90000, false, cname, "stream", "video"}, {&a, 48000, true, cname, "stream", "audio"}});
    EXPECT_EQ(timeline.maps[0].source, with_reports ? ClockSource::sender_reports : ClockSource::arrival);
    std::vector<double> apart;
    for (const std::uint32_t beep : kBeeps) {
      const double at = static_cast<double>(timeline.maps[1].time_ns(audio->unwrap.peek(beep))) / 1e6;
      double nearest = 1e9;
      for (const std::uint32_t flash : kFlashes) {
        const double off =
            at - static_cast<double>(timeline.maps[0].time_ns(video->unwrap.peek(flash))) / 1e6;
        if (std::abs(off) < std::abs(nearest)) nearest = off;
      }
      apart.push_back(nearest);
    }
    std::ranges::nth_element(apart, apart.begin() + 12);
    return apart[12];
  }
};

const auto kNoDelay = [] { return 0.0; };

TEST_F(FlashBeep, IsInSyncBySenderReports) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus_flashbeep");
  load(folder);
  EXPECT_NEAR(beep_minus_flash(true, kNoDelay, kNoDelay), kTruthMs, 20);
}

TEST_F(FlashBeep, IsNearlyInSyncByArrivalsAlone) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus_flashbeep");
  load(folder);
  EXPECT_NEAR(beep_minus_flash(false, kNoDelay, kNoDelay), kTruthMs, 40);
}

TEST_F(FlashBeep, JitterDelayAndAHoleInTheSoundDoNotMatterWithSenderReports) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus_flashbeep");
  for (unsigned seed = 0; seed < 10; ++seed) {
    load(folder);
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> jitter(0, 300);
    const std::int64_t hole = audio->packets.front().receive_ms + 8000;
    std::erase_if(audio->packets,
                  [&](const auto& r) { return r.receive_ms >= hole && r.receive_ms < hole + 5000; });
    EXPECT_NEAR(beep_minus_flash(
                    true, [&] { return 3000 + jitter(random); }, [&] { return jitter(random); }),
                kTruthMs, 20)
        << seed;
  }
}

TEST_F(FlashBeep, ExponentialJitterIsSeenThroughWithoutSenderReports) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus_flashbeep");
  for (unsigned seed = 0; seed < 10; ++seed) {
    load(folder);
    std::mt19937 random(seed);
    std::exponential_distribution<double> jitter(1 / 15.0);
    const auto delay = [&] { return std::min(200.0, jitter(random)); };
    EXPECT_NEAR(beep_minus_flash(false, delay, delay), kTruthMs, 40) << seed;
  }
}

}  // namespace
}  // namespace rtpx
