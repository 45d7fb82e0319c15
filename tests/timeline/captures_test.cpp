// Real recordings: what their sender reports say is where the maps must put them, with the reports and
// without.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "rtp/rtcp.hpp"
#include "rtp/unwrap.hpp"
#include "rtpx/inspect.hpp"
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

/// All that a track of a recording says of its clock, to be cut to a span of arrivals.
struct RecordedTrack {
  struct Packet {
    std::int64_t rtp, receive_ms, sequence;
  };
  struct Report {
    std::int64_t rtp, ntp_ns, receive_ms;
  };
  std::uint32_t rate;
  bool audio;
  std::vector<Packet> packets;
  std::vector<Report> reports;

  RecordedTrack(const std::filesystem::path& folder, const std::string& name, std::uint8_t type,
                std::uint32_t clock_rate, bool is_audio)
      : rate(clock_rate), audio(is_audio) {
    TimestampUnwrapper unwrap;
    SequenceUnwrapper sequence;
    std::optional<std::uint32_t> ssrc;
    for (const auto& record : test::read_records(folder / (name + ".rtpx"))) {
      const auto packet = parse_rtp(record.packet);
      if (!packet || packet->payload_type != type || packet->ssrc != ssrc.value_or(packet->ssrc)) continue;
      ssrc = packet->ssrc;
      packets.push_back({unwrap(packet->timestamp), record.receive_ms, sequence(packet->sequence_number)});
    }
    for (const auto& record : test::read_records(folder / (name + ".rtcpx")))
      for (const SenderReport& sr : parse_rtcp(record.packet).sender_reports)
        if (sr.ssrc == ssrc)
          reports.push_back({unwrap.peek(sr.rtp_timestamp), ntp_to_ns(sr.ntp), record.receive_ms});
  }

  [[nodiscard]] SegmentClock clock(std::int64_t from_ms, std::int64_t to_ms) const {
    SegmentClock out(rate);
    std::int64_t highest = -1;
    auto report = reports.begin();
    const auto tell = [&](std::int64_t until_ms) {
      for (; report != reports.end() && report->receive_ms <= until_ms; ++report)
        if (report->receive_ms >= from_ms && report->receive_ms < to_ms)
          out.add_sender_report(report->rtp, report->ntp_ns, report->receive_ms);
    };
    for (const Packet& p : packets) {
      if (p.receive_ms < from_ms || p.receive_ms >= to_ms || p.sequence <= highest) continue;
      highest = p.sequence;
      out.add_packet(p.rtp, p.receive_ms, p.sequence);
      tell(p.receive_ms);
    }
    tell(to_ms - 1);
    return out;
  }
};

struct CutRecording {
  const RecordedTrack &audio, &video;

  /// How much later sound lies than picture for two packets that arrived together, for each second.
  [[nodiscard]] std::vector<double> apart(std::int64_t from_ms, std::int64_t to_ms, bool& reported) const {
    const SegmentClock a = audio.clock(from_ms, to_ms), v = video.clock(from_ms, to_ms);
    const Timeline timeline = place_segments({{&a, audio.rate, true, "cname", "stream", "audio"},
                                              {&v, video.rate, false, "cname", "stream", "video"}});
    reported = timeline.maps[0].source == ClockSource::sender_reports &&
               timeline.maps[1].source == ClockSource::sender_reports;
    std::vector<double> out;
    for (std::int64_t second = audio.packets.front().receive_ms; second < audio.packets.back().receive_ms;
         second += 1000) {
      const auto in_second = [&](const RecordedTrack::Packet& p) { return p.receive_ms >= second; };
      const auto sound = std::ranges::find_if(audio.packets, in_second);
      const auto picture = std::ranges::find_if(video.packets, in_second);
      const bool within = sound != audio.packets.end() && picture != video.packets.end() &&
                          sound->receive_ms >= from_ms && sound->receive_ms < to_ms &&
                          picture->receive_ms >= from_ms && picture->receive_ms < to_ms;
      out.push_back(within ? static_cast<double>(timeline.maps[0].time_ns(sound->rtp) -
                                                 timeline.maps[1].time_ns(picture->rtp)) /
                                 1e6
                           : NAN);
    }
    return out;
  }
};

// Each recording ended at every half second and begun at every tenth of its length: what is left lies as it
// does in the whole.
TEST(RealCalls, WhereverTheyAreCutTheirTimesStay) {
  for (const RealCall& call :
       {RealCall{"vp8_opus", 111, 48000, 96, 0}, RealCall{"firefox_vp8_opus", 109, 48000, 120, 0},
        RealCall{"vp8_flexfec_lossy", 111, 48000, 96, 0}, RealCall{"h264_pcmu", 0, 8000, 102, 0},
        RealCall{"vp8_g722_absct", 9, 8000, 96, 0}, RealCall{"vp9_opus", 111, 48000, 98, 0},
        RealCall{"vp8_opus_lossy_audionack", 111, 48000, 96, 0},
        RealCall{"vp8_opus_flashbeep", 111, 48000, 96, 0},
        RealCall{"vp8_opus_reschange", 111, 48000, 96, 0}, RealCall{"av1_opus", 111, 48000, 45, 0},
        RealCall{"firefox_av1_opus", 109, 48000, 99, 0}, RealCall{"h264_opus", 111, 48000, 102, 0},
        RealCall{"vp8_opusred", 63, 48000, 96, 0}, RealCall{"vp8_simulcast3", 111, 48000, 96, 0},
        RealCall{"vp9svc_opus", 111, 48000, 98, 0}}) {
    RTPX_NEEDS_CAPTURE(folder, std::string("browser/") + call.folder);
    const RecordedTrack audio(folder, "audio_0", call.audio_type, call.audio_rate, true),
        video(folder, "video_1", call.video_type, 90000, false);
    const CutRecording recording{audio, video};
    bool reported = false;
    const std::int64_t begin = std::min(audio.packets.front().receive_ms, video.packets.front().receive_ms);
    const std::int64_t end = std::max(audio.packets.back().receive_ms, video.packets.back().receive_ms) + 1;
    const std::vector<double> whole = recording.apart(begin, end, reported);
    ASSERT_TRUE(reported) << call.folder;
    const auto compare = [&](std::int64_t from, std::int64_t to) {
      const std::vector<double> cut = recording.apart(from, to, reported);
      for (std::size_t i = 0; i < cut.size(); ++i)
        if (!std::isnan(cut[i])) {
          EXPECT_NEAR(cut[i], whole[i], reported ? 20 : 40)
              << call.folder << " from " << from - begin << " to " << to - begin << " second " << i;
        }
    };
    for (std::int64_t to = begin + 1000; to < end; to += 500) compare(begin, to);
    for (int tenth = 1; tenth < 10; ++tenth) compare(begin + (end - begin) * tenth / 10, end);
  }
}

/// The sound after a pause of `length_ms` in which its numbers and its RTP time stood. What was sent then is
/// gone. Reports inside go on as if nothing were; the first that tells comes 3.5 s after it, if at all.
RecordedTrack paused(const RecordedTrack& whole, std::int64_t from_ms, std::int64_t length_ms,
                     bool reports_after, std::map<std::int64_t, std::int64_t>& rtp_of) {
  RecordedTrack out = whole;
  out.packets.clear();
  out.reports.clear();
  std::int64_t ticks = 0, numbers = 0;
  for (const auto& p : whole.packets) {
    if (p.receive_ms >= from_ms && p.receive_ms < from_ms + length_ms) continue;
    if (p.receive_ms >= from_ms && ticks == 0 && !out.packets.empty()) {
      ticks = p.rtp - out.packets.back().rtp - whole.rate / 50;
      numbers = p.sequence - out.packets.back().sequence - 1;
    }
    out.packets.push_back({p.rtp - ticks, p.receive_ms, p.sequence - numbers});
    rtp_of[p.rtp] = p.rtp - ticks;
  }
  for (const auto& r : whole.reports) {
    if (r.receive_ms < from_ms + length_ms)
      out.reports.push_back(r);
    else if (reports_after && r.receive_ms >= from_ms + length_ms + 3500)
      out.reports.push_back({r.rtp - ticks, r.ntp_ns, r.receive_ms});
  }
  return out;
}

// Real jitter and stalls about the pause; a second of sound and more before and after it.
TEST(RealCalls, APauseAnywhereIsCutWhereItWas) {
  std::mt19937 random(11);
  for (const RealCall& call :
       {RealCall{"vp8_opus", 111, 48000, 96, 0}, RealCall{"firefox_vp8_opus", 109, 48000, 120, 0},
        RealCall{"vp8_flexfec_lossy", 111, 48000, 96, 0}, RealCall{"h264_pcmu", 0, 8000, 102, 0},
        RealCall{"vp8_g722_absct", 9, 8000, 96, 0}, RealCall{"vp9_opus", 111, 48000, 98, 0},
        RealCall{"vp8_opus_flashbeep", 111, 48000, 96, 0}}) {
    RTPX_NEEDS_CAPTURE(folder, std::string("browser/") + call.folder);
    const RecordedTrack audio(folder, "audio_0", call.audio_type, call.audio_rate, true),
        video(folder, "video_1", call.video_type, 90000, false);
    const std::int64_t begin = audio.packets.front().receive_ms, end = audio.packets.back().receive_ms;
    const auto place = [&](const SegmentClock& a) {
      const SegmentClock v = video.clock(0, INT64_MAX);
      return place_segments({{&a, audio.rate, true, "cname", "stream", "audio"},
                             {&v, video.rate, false, "cname", "stream", "video"}});
    };
    const SegmentClock whole = audio.clock(0, INT64_MAX);
    const Timeline truth = place(whole);
    for (int round = 0; round < 20; ++round) {
      const std::int64_t length = round % 2 == 0 ? 200 + random() % 500 : 700 + random() % 6000;
      const std::int64_t from =
          begin + 1500 +
          static_cast<std::int64_t>(random() % static_cast<unsigned>(end - begin - length - 3000));
      std::map<std::int64_t, std::int64_t> rtp_of;
      const RecordedTrack cut = paused(audio, from, length, round % 3 != 0, rtp_of);
      const SegmentClock a = cut.clock(0, INT64_MAX);
      const Timeline timeline = place(a);
      const auto against_picture = [&](const Timeline& t, std::int64_t rtp) {
        return static_cast<double>(t.maps[0].time_ns(rtp) - t.maps[1].time_ns(video.packets[0].rtp)) / 1e6;
      };
      double worst = 0;
      for (const auto& [rtp, paused_rtp] : rtp_of) {
        const double off = against_picture(timeline, paused_rtp) - against_picture(truth, rtp);
        if (std::abs(off) > std::abs(worst)) worst = off;
      }
      EXPECT_NEAR(worst, 0, 20) << call.folder << " round " << round << " pause of " << length << " ms at "
                                << from - begin;
    }
  }
}

/// The steps of the sound of a recording of captures/field, by inspect.
struct FieldSteps : testing::Test {
  static TrackReport sound(const std::filesystem::path& folder) {
    const auto report = inspect_recording(folder.string());
    if (report)
      for (const TrackReport& track : report->tracks)
        if (track.kind == MediaKind::audio) return track;
    return {};
  }
  static double sum(const TrackReport& track) {
    double ms = 0;
    for (const ReportStep& step : track.steps) ms += step.duration_ms;
    return ms;
  }
};

// The call ends before a report tells of the pause.
TEST_F(FieldSteps, APauseThatNoReportTellsIsCutByArrivals) {
  RTPX_NEEDS_CAPTURE(folder, "field/c_rep_trunc");
  const TrackReport track = sound(folder);
  ASSERT_EQ(track.steps.size(), 1U);
  EXPECT_NEAR(track.steps[0].time_ms, 4040, 40);
  EXPECT_NEAR(track.steps[0].duration_ms, 5000, 20);
  EXPECT_EQ(track.steps[0].source, "arrival");
}

TEST_F(FieldSteps, FivePausesBetweenTwoReportsAreAllCut) {
  RTPX_NEEDS_CAPTURE(folder, "field/c_rep5");
  const TrackReport track = sound(folder);
  EXPECT_EQ(track.steps.size(), 5U);
  EXPECT_NEAR(sum(track), 1648, 20);
}

TEST_F(FieldSteps, ThreeLevelsOfOneReportEachAreBelieved) {
  RTPX_NEEDS_CAPTURE(folder, "field/ff_rep_3levels");
  const TrackReport track = sound(folder);
  ASSERT_GT(track.segments.size(), 0U);
  EXPECT_EQ(track.segments[0].clock_source, "sender_reports");
  const auto pause = std::ranges::max_element(track.steps, {}, &ReportStep::duration_ms);
  ASSERT_NE(pause, track.steps.end());
  EXPECT_NEAR(pause->duration_ms, 5036, 30);
}

TEST_F(FieldSteps, SoundThatIsLostBitByBitIsFollowedToTheEnd) {
  RTPX_NEEDS_CAPTURE(folder, "field/f_static_vp8");
  EXPECT_NEAR(sum(sound(folder)), 1115, 40);
}

TEST_F(FieldSteps, RepeatedReportsThatScatterDoNotWin) {
  RTPX_NEEDS_CAPTURE(folder, "field/werift_repeated_sr");
  const TrackReport track = sound(folder);
  ASSERT_GT(track.segments.size(), 0U);
  EXPECT_EQ(track.segments[0].clock_source, "arrival");
  EXPECT_TRUE(track.steps.empty());
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
