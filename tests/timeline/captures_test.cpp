// Real recordings: what their sender reports say is where the maps must put them, with the reports and
// without.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "rtp/rtcp.hpp"
#include "rtp/unwrap.hpp"
#include "support/recording.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {
namespace {

struct RealTrack {
  SegmentClock clock;
  std::uint32_t rate;
  TimestampUnwrapper unwrap;
  std::uint32_t ssrc = 0;
  std::int64_t first_rtp = 0, last_rtp = 0;
  std::vector<SenderReport> reports;

  RealTrack(const std::filesystem::path& packets, const std::filesystem::path& rtcp, std::uint8_t type,
            std::uint32_t clock_rate, bool with_reports)
      : clock(clock_rate), rate(clock_rate) {
    SequenceUnwrapper sequence;
    for (const auto& record : test::read_records(packets)) {
      const auto packet = parse_rtp(record.packet);
      if (!packet || packet->payload_type != type || (ssrc != 0 && packet->ssrc != ssrc)) continue;
      last_rtp = unwrap(packet->timestamp);
      if (ssrc == 0) first_rtp = last_rtp;
      ssrc = packet->ssrc;
      clock.add_packet(last_rtp, record.receive_ms, sequence(packet->sequence_number));
    }
    for (const auto& record : test::read_records(rtcp))
      for (const SenderReport& sr : parse_rtcp(record.packet).sender_reports) {
        if (sr.ssrc != ssrc) continue;
        reports.push_back(sr);
        if (with_reports)
          clock.add_sender_report(unwrap.peek(sr.rtp_timestamp), ntp_to_ns(sr.ntp), record.receive_ms);
      }
  }
};

struct RealCall {
  const char* folder;
  std::uint8_t audio_type;
  std::uint32_t audio_rate;
  std::uint8_t video_type;
  double worst_by_arrival;  ///< ms
};

/// How far the farthest report lies from where the maps put its RTP time, ms, over both tracks on one NTP
/// clock.
double worst_ms(const RealCall& call, const std::filesystem::path& folder, bool with_reports) {
  RealTrack audio(folder / "audio_0.rtpx", folder / "audio_0.rtcpx", call.audio_type, call.audio_rate,
                  with_reports);
  RealTrack video(folder / "video_1.rtpx", folder / "video_1.rtcpx", call.video_type, 90000, with_reports);
  EXPECT_GT(audio.reports.size(), 1U);
  EXPECT_GT(video.reports.size(), 1U);
  const Timeline timeline = place_segments({{&audio.clock, audio.rate, true, "cname", "stream", "audio"},
                                            {&video.clock, video.rate, false, "cname", "stream", "video"}});
  const std::int64_t zero = ntp_to_ns(video.reports[0].ntp);
  std::vector<double> off;
  for (std::size_t i = 0; i < 2; ++i) {
    const RealTrack& track = i == 0 ? audio : video;
    for (const SenderReport& sr : track.reports)
      off.push_back(static_cast<double>(timeline.maps[i].time_ns(track.unwrap.peek(sr.rtp_timestamp)) -
                                        (ntp_to_ns(sr.ntp) - zero)) /
                    1e6);
  }
  const auto [least, most] = std::ranges::minmax(off);
  return most - least;
}

// In some of them the sound's clock jumps by 30 to 45 ms on the way: browsers do that.
TEST(RealCalls, EveryReportLiesWhereTheMapsPutIt) {
  for (const RealCall& call :
       {RealCall{"vp8_opus", 111, 48000, 96, 40}, RealCall{"firefox_vp8_opus", 109, 48000, 120, 40},
        RealCall{"vp8_flexfec_lossy", 111, 48000, 96, 40}, RealCall{"h264_pcmu", 0, 8000, 102, 40},
        RealCall{"vp8_g722_absct", 9, 8000, 96, 40}, RealCall{"vp9_opus", 111, 48000, 98, 40},
        RealCall{"vp8_opus_lossy_audionack", 111, 48000, 96, 40},
        RealCall{"vp8_opus_reschange", 111, 48000, 96, 40}}) {
    RTPX_NEEDS_CAPTURE(folder, std::string("browser/") + call.folder);
    const double with = worst_ms(call, folder, true), without = worst_ms(call, folder, false);
    EXPECT_LT(with, 20) << call.folder;
    EXPECT_LT(without, call.worst_by_arrival) << call.folder;
  }
}

struct EdgeCall : testing::Test {
  /// When the audio's first packet lies after the video's, ms.
  static double audio_after_video(const std::filesystem::path& folder) {
    RealTrack audio(folder / "1.rtpx", "", 111, 48000, false), video(folder / "2.rtpx", "", 96, 90000, false);
    const Timeline timeline = place_segments(
        {{&audio.clock, 48000, true, "", "S", "1"}, {&video.clock, 90000, false, "", "S", "2"}});
    return static_cast<double>(timeline.maps[0].time_ns(audio.first_rtp) -
                               timeline.maps[1].time_ns(video.first_rtp)) /
           1e6;
  }
};

// The first frame is a keyframe that took 622 ms to come; both tracks begin together. Upstream is 619 ms off.
TEST_F(EdgeCall, APacedKeyframeDoesNotMoveTheSound) {
  RTPX_NEEDS_CAPTURE(folder, "edge/lipsync");
  EXPECT_NEAR(audio_after_video(folder), 0, 20);
}

TEST_F(EdgeCall, ALateJoinerStartsFifteenSecondsLate) {
  RTPX_NEEDS_CAPTURE(folder, "edge/late_audio");
  EXPECT_NEAR(audio_after_video(folder), 15000, 40);
}

}  // namespace
}  // namespace rtpx
