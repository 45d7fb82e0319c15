// The recordings of browsers, as they would be of a call that ended earlier, was joined later, whose senders began
// anew with their old numbers, whose first packet came by RTX only. What every frame holds, and when it is shown, is
// what the whole recording's conversion has, which others have counted (captures_test) and whose times sender reports
// tell (timeline_test). RTPX_SOAK=1 tries every half second and every tenth instead of one of each.

#include <gtest/gtest.h>

extern "C" {
#include <libavformat/avformat.h>
}

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "convert/converted.hpp"
#include "convert/twins.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {
namespace {

using test::TempDir;
using test::Twin;

struct TwinFrame {
  std::size_t content = 0;  // hash
  double ms = 0;            // since the recording's zero
  bool keyframe = false;
};

/// A track of an output.
struct TrackName {
  std::string output;
  bool audio = false;
  auto operator<=>(const TrackName&) const = default;
};
struct ConvertedTwin {
  std::map<TrackName, std::vector<TwinFrame>> tracks;
  bool by_reports = true;  // all of its clocks
  /// Steps of the senders' clocks that the reports tell of: when, and how long.
  std::vector<std::pair<double, double>> steps;
};

/// What a frame holds, less what containers may put beside it: of H.264 the slices.
std::size_t content_of(const AVPacket& packet, AVCodecID codec) {
  std::string_view bytes(reinterpret_cast<const char*>(packet.data), static_cast<std::size_t>(packet.size));
  const std::hash<std::string_view> hash;
  if (codec != AV_CODEC_ID_H264) return hash(bytes);
  std::size_t sum = 0;
  while (bytes.size() > 4) {
    const std::size_t size = load_be<std::uint32_t>(as_bytes(bytes).data());
    const std::string_view unit = bytes.substr(4, size);
    bytes.remove_prefix(std::min(bytes.size(), 4 + size));
    const int type = unit.empty() ? 0 : unit[0] & 0x1F;
    if (type >= 1 && type <= 5) sum = sum * 31 + hash(unit);
  }
  return sum;
}

void read_frames(const ConvertedFile& file, const std::string& output, ConvertedTwin& out) {
  AVFormatContext* input = nullptr;
  ASSERT_EQ(avformat_open_input(&input, file.file.c_str(), nullptr, nullptr), 0) << file.file;
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(input, packet) >= 0) {
    const AVStream& stream = *input->streams[packet->stream_index];
    const bool audio = stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
    out.tracks[{output, audio}].push_back(
        {content_of(*packet, stream.codecpar->codec_id),
         static_cast<double>(packet->pts) * av_q2d(stream.time_base) * 1e3 + static_cast<double>(file.offset_ms),
         (packet->flags & AV_PKT_FLAG_KEY) != 0});
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&input);
}

ConvertedTwin convert_twin(const Twin& twin) {
  const TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  options.format = Format::mkv;
  options.gaps = GapPolicy::keep;
  const auto result = convert(twin.path().string(), options);
  ConvertedTwin converted;
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return converted;
  }
  for (const auto& [id, file] : result->files) {
    read_frames(file, id, converted);
    const nlohmann::json report = test::report_of(file);
    for (const auto& track : report["tracks"]) {
      for (const auto& segment : track["segments"])
        converted.by_reports = converted.by_reports && segment["clock_source"] == "sender_reports";
      for (const auto& step : track["steps"])
        converted.steps.emplace_back(step["time_ms"].get<double>() + static_cast<double>(file.offset_ms), step["duration_ms"]);
    }
  }
  return converted;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

using Places = std::map<std::size_t, std::vector<std::size_t>>;  // of what a frame holds: its numbers

Places places_of(const std::vector<TwinFrame>& all) {
  Places out;
  for (std::size_t i = 0; i < all.size(); ++i) out[all[i].content].push_back(i);
  return out;
}

/// How much earlier all of a part is than the whole, by the frames that are like no other; `guess` where
/// there are none.
double shift_of(const ConvertedTwin& part, const ConvertedTwin& whole, double guess) {
  std::vector<double> off;
  for (const auto& [name, frames] : part.tracks) {
    const auto& all = whole.tracks.at(name);
    Places places = places_of(all);
    for (const TwinFrame& frame : frames)
      if (const auto& same = places[frame.content]; same.size() == 1)
        off.push_back(all[same[0]].ms - frame.ms);
  }
  return off.empty() ? guess : median_of(off);
}

/// Which frames of `all` those of `part` are, by what they hold; where that is the same for several, by their time.
std::vector<std::size_t> numbers_of(const std::vector<TwinFrame>& part, const std::vector<TwinFrame>& all, double shift) {
  Places places = places_of(all);
  std::vector<std::size_t> out;
  for (const TwinFrame& frame : part) {
    std::size_t best = all.size();
    double least = 0;
    for (const std::size_t at : places[frame.content]) {
      const double apart = std::abs(all[at].ms - frame.ms - shift);
      if ((!out.empty() && at <= out.back()) || apart > 250 || (best != all.size() && apart >= least)) continue;
      best = at, least = apart;
    }
    if (best == all.size()) {
      ADD_FAILURE() << "a frame at " << frame.ms << " ms was not sent, or twice there, or out of order";
      best = out.empty() ? 0 : out.back();
    }
    out.push_back(best);
  }
  return out;
}

/// A recording and its conversion.
class Original {
 public:
  explicit Original(const std::filesystem::path& folder) : folder_(folder), twin_(folder), whole_(convert_twin(twin_)) {}

  [[nodiscard]] Twin twin() const { return Twin(folder_); }
  [[nodiscard]] std::int64_t length_ms() const { return twin_.length_ms(); }

  /// Each frame of the span that is known to have come whole is there; others may be that repair gave back.
  void expect_part(const ConvertedTwin& twin, std::int64_t from_ms, std::int64_t to_ms) const {
    SCOPED_TRACE("from " + std::to_string(from_ms) + " to " + std::to_string(to_ms) + " ms");
    const double shift = shift_of(twin, whole_, static_cast<double>(from_ms));
    std::map<TrackName, std::vector<std::size_t>> numbers;
    for (const auto& [name, frames] : twin.tracks) numbers[name] = numbers_of(frames, whole_.tracks.at(name), shift);
    for (const auto& [name, all] : whole_.tracks) {
      SCOPED_TRACE(name.output + (name.audio ? ", sound" : ", picture"));
      if (name.audio && !twin.tracks.contains(name) && wanted({name.output, false}, from_ms, to_ms).empty())
        continue;  // a layer without a picture has no file; its sound is in others
      const std::vector<std::size_t>& there = numbers[name];
      for (const std::size_t number : wanted(name, from_ms, to_ms))
        EXPECT_TRUE(std::ranges::binary_search(there, number)) << "missing: frame " << number << ", at " << all[number].ms << " ms";
    }
    expect_times(twin, numbers);
  }

  /// The same frames at the same times.
  void expect_same(const ConvertedTwin& twin, std::int64_t at_ms) const {
    SCOPED_TRACE("anew at " + std::to_string(at_ms) + " ms");
    std::map<TrackName, std::vector<std::size_t>> numbers;
    for (const auto& [name, all] : whole_.tracks) {
      SCOPED_TRACE(name.output + (name.audio ? ", sound" : ", picture"));
      ASSERT_TRUE(twin.tracks.contains(name));
      const auto& part = twin.tracks.at(name);
      ASSERT_EQ(part.size(), all.size());
      for (std::size_t i = 0; i < part.size(); ++i)
        ASSERT_EQ(part[i].content, all[i].content) << "another frame at " << part[i].ms << " ms";
      numbers[name].resize(all.size());
      std::iota(numbers[name].begin(), numbers[name].end(), 0);
    }
    expect_times(twin, numbers);
  }

 private:
  /// Numbers of the frames that must be there when only what arrived in this span is.
  [[nodiscard]] std::vector<std::size_t> wanted(const TrackName& name, std::int64_t from_ms, std::int64_t to_ms) const {
    const bool layer = name.output[name.output.size() - 2] == '_' && !name.audio;
    const auto sent = twin_.frames(name.audio ? MediaKind::audio : MediaKind::video,
                                   layer ? name.output.substr(name.output.size() - 1) : "");
    const auto& all = whole_.tracks.at(name);
    std::vector<std::size_t> out;
    if (sent.size() < all.size() || sent.size() > all.size() + 1) return out;  // some are lost for good
    bool begun = name.audio;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (sent[i].first_ms < from_ms || sent[i].last_ms >= to_ms) continue;
      begun = begun || all[i].keyframe;
      if (begun) out.push_back(i);
    }
    return out;
  }

  /// Within 20 ms of where the whole has it, or 40 without reports, once most of the pictures (or of the sound) lie
  /// over each other. Where a sender's clock makes a step while its packets are stalled nobody can tell on which of
  /// them.
  void expect_times(const ConvertedTwin& twin, const std::map<TrackName, std::vector<std::size_t>>& numbers_of_tracks) const {
    constexpr double kStalled = 250, kGrid = 1;
    std::vector<double> pictures, sounds;
    std::map<TrackName, std::vector<std::pair<double, double>>> off;  // where, how far
    for (const auto& [name, frames] : twin.tracks) {
      const auto& all = whole_.tracks.at(name);
      const std::vector<std::size_t>& numbers = numbers_of_tracks.at(name);
      for (std::size_t i = 0; i < frames.size(); ++i) {
        off[name].emplace_back(all[numbers[i]].ms, frames[i].ms - all[numbers[i]].ms);
        (name.audio ? sounds : pictures).push_back(off[name].back().second);
      }
    }
    const double shift = median_of(pictures.empty() ? sounds : pictures);
    const double most = (twin.by_reports ? 20 : 40) + kGrid;
    for (const auto& [name, frames] : off) {
      double worst = 0, where = 0;
      for (const auto& [at, ms] : frames) {
        double allowed = most;
        for (const auto* steps : {&whole_.steps, &twin.steps})
          for (const auto& [when, length] : *steps)
            if (std::abs(when - at) < kStalled) allowed = std::max(allowed, most + std::abs(length));
        if (std::abs(ms - shift) > allowed && std::abs(ms - shift) > std::abs(worst)) worst = ms - shift, where = at;
      }
      EXPECT_EQ(worst, 0) << name.output << (name.audio ? ", sound: " : ", picture: ") << "so many ms off at " << where
                          << " ms" << (twin.by_reports ? ", by reports" : ", by arrivals");
    }
  }

  std::filesystem::path folder_;
  Twin twin_;
  ConvertedTwin whole_;
};

bool soak() {
  return std::getenv("RTPX_SOAK") != nullptr;
}

/// `every` apart up to `end`; only one of them, another for each recording, where there is no time for all.
std::vector<std::int64_t> points(std::int64_t from, std::int64_t every, std::int64_t end, std::size_t recording) {
  std::vector<std::int64_t> all;
  for (std::int64_t at = from; at < end; at += every) all.push_back(at);
  if (!soak() && !all.empty()) all = {all[recording * 7 % all.size()]};
  return all;
}

constexpr const char* kBrowserRecordings[] = {
    "av1_opus",          "firefox_av1_opus", "firefox_vp8_opus",   "h264_opus",
    "h264_pcmu",         "vp8_flexfec_lossy", "vp8_g722_absct",    "vp8_opus",
    "vp8_opus_flashbeep", "vp8_opus_lossy_audionack", "vp8_opus_reschange", "vp8_opusred",
    "vp8_simulcast3",    "vp9_opus",         "vp9svc_opus"};

/// Numbers of recordings: of those that fit each `every`th from `first` on, where there is no time for all.
std::vector<std::size_t> recordings(std::size_t first, std::size_t every, const std::function<bool(std::string_view)>& fits = {}) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0, fitting = 0; i < std::size(kBrowserRecordings); ++i)
    if ((!fits || fits(kBrowserRecordings[i])) && (fitting++ % every == first || soak())) out.push_back(i);
  return out;
}

class Twins : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static std::string folder() { return std::string("browser/") + kBrowserRecordings[GetParam()]; }
};
class EndedTwins : public Twins {};
class JoinedTwins : public Twins {};
class AnewTwins : public Twins {};
class RepairedTwins : public Twins {};

TEST_P(EndedTwins, ACallThatEndsEarlierHasTheSameFramesUpToThere) {
  RTPX_NEEDS_CAPTURE(recording, folder());
  const Original original(recording);
  for (const std::int64_t to : points(1000, 500, original.length_ms(), GetParam())) {
    Twin twin = original.twin();
    twin.cut(0, to);
    original.expect_part(convert_twin(twin), 0, to);
  }
}

TEST_P(JoinedTwins, ACallThatIsJoinedLaterHasTheSameFramesFromThere) {
  RTPX_NEEDS_CAPTURE(recording, folder());
  const Original original(recording);
  const std::int64_t tenth = original.length_ms() / 10;
  for (const std::int64_t from : points(tenth, tenth, original.length_ms() - tenth / 2, GetParam())) {
    Twin twin = original.twin();
    twin.cut(from, INT64_MAX);
    original.expect_part(convert_twin(twin), from, INT64_MAX);
  }
}

TEST_P(AnewTwins, SourcesThatBeginAnewWithTheirOldNumbersLoseNothing) {
  RTPX_NEEDS_CAPTURE(recording, folder());
  const Original original(recording);
  const std::int64_t tenth = original.length_ms() / 10;
  for (const bool reports : {true, false}) {
    if (!soak() && reports != (GetParam() % 2 == 0)) continue;
    for (const std::int64_t at : points(tenth, tenth, original.length_ms() - tenth / 2, GetParam())) {
      Twin twin = original.twin();
      if (!reports) twin.without_reports();
      twin.begin_anew(at);
      original.expect_same(convert_twin(twin), at);
    }
  }
}

TEST_P(RepairedTwins, AFirstPacketThatCameByRtxIsThere) {
  RTPX_NEEDS_CAPTURE(recording, folder());
  const Original original(recording);
  Twin twin = original.twin();
  ASSERT_TRUE(twin.first_by_rtx());
  original.expect_same(convert_twin(twin), 0);
}

TEST_P(RepairedTwins, MediaThatCameByRtxOnlyAreThere) {
  RTPX_NEEDS_CAPTURE(recording, folder());
  const Original original(recording);
  Twin twin = original.twin();
  ASSERT_TRUE(twin.only_by_rtx());
  const ConvertedTwin converted = convert_twin(twin);
  original.expect_same(converted, 0);
  EXPECT_TRUE(converted.by_reports) << "of the media's SSRC, which fit";
}

std::string recording_name(const testing::TestParamInfo<std::size_t>& info) {
  return kBrowserRecordings[info.param];
}
INSTANTIATE_TEST_SUITE_P(Captures, EndedTwins, testing::ValuesIn(recordings(0, 1)), recording_name);
INSTANTIATE_TEST_SUITE_P(Captures, JoinedTwins, testing::ValuesIn(recordings(0, 3)), recording_name);
// FlexFEC tells numbers in its payload, which a twin would have to change.
INSTANTIATE_TEST_SUITE_P(Captures, AnewTwins, testing::ValuesIn(recordings(0, 1, [](std::string_view name) {
                           return !name.contains("flexfec");
                         })),
                         recording_name);
INSTANTIATE_TEST_SUITE_P(Captures, RepairedTwins, testing::ValuesIn(recordings(1, 3)), recording_name);

}  // namespace
}  // namespace rtpx
