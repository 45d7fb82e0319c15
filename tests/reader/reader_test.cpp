// rtpx::Reader against converted files, as FFmpeg reads them, and on a recording under way.

#include "rtpx/reader.hpp"

#include <gtest/gtest.h>

extern "C" {
#include <libavformat/avformat.h>
}

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "base/crc32c.hpp"
#include "convert/synthetic_call.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/packet_index.hpp"
#include "rtpx/recorder.hpp"
#include "support/arrivals.hpp"
#include "support/captures.hpp"
#include "support/growing_recording.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

struct Told {
  std::int64_t time_ns = 0;
  std::uint32_t data = 0;
  bool key = false;
};

/// A file's packets of one kind, as FFmpeg tells them.
std::vector<Told> packets_of(const std::filesystem::path& file, AVMediaType kind) {
  AVFormatContext* input = nullptr;
  if (avformat_open_input(&input, ("file:" + file.string()).c_str(), nullptr, nullptr) < 0) return {};
  std::vector<Told> packets;
  AVPacket* packet = av_packet_alloc();
  const bool known = avformat_find_stream_info(input, nullptr) >= 0;
  while (known && av_read_frame(input, packet) >= 0) {
    const AVStream& stream = *input->streams[packet->stream_index];
    if (stream.codecpar->codec_type == kind) {
      const std::int64_t time = packet->pts == AV_NOPTS_VALUE ? packet->dts : packet->pts;
      packets.push_back(
          {av_rescale_q(time, stream.time_base, {1, 1'000'000'000}),
           crc32c(std::as_bytes(std::span(packet->data, static_cast<std::size_t>(packet->size)))),
           (packet->flags & AV_PKT_FLAG_KEY) != 0});
    }
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&input);
  return packets;
}

/// The whole recording as one file for each track, to compare with.
class Converted {
 public:
  explicit Converted(const std::filesystem::path& recording) {
    ConvertOptions options;
    options.output_path = out_.path();
    options.format = Format::mkv;
    if (auto made = convert(recording.string(), options)) result_ = std::move(*made);
  }
  /// nullptr: the track is not in one file, or in none.
  [[nodiscard]] const ConvertedFile* file_of(const ReaderTrack& track, const ReaderLayer& layer) const {
    if (track.streams.empty()) return nullptr;
    const bool video = track.kind == MediaKind::video;
    const std::string id = track.streams.front() + (video && layer.rid ? "_" + *layer.rid : "");
    const auto file = std::ranges::find_if(result_.files, [&](const auto& f) {
      return video ? f.first == id : f.first.starts_with(track.streams.front());
    });
    return file == result_.files.end() || !file->second.parts.empty() ? nullptr : &file->second;
  }

 private:
  test::TempDir out_;
  ConvertResult result_;
};

/// How many starts are tried, and how far a time may be from that of the converted file: FFmpeg takes the delay of an
/// Opus encoder off; of a recording under way, later sender reports correct the times.
struct Compared {
  int starts = 0;
  double apart_ns = 9e6;
};

/// Frames from random times on are those of the converted file. Answers how many were compared.
int compare(const Reader& reader, const Converted& converted, const Compared& how, unsigned seed) {
  std::mt19937 random(seed);
  const ReaderTimeline timeline = reader.timeline();
  const std::int64_t until_ns = std::min(timeline.duration_ns, timeline.settled_ns);
  if (until_ns <= 0) return 0;
  std::uniform_int_distribution<std::int64_t> times(0, until_ns);
  int compared = 0;
  for (const ReaderTrack& track : reader.tracks()) {
    const bool video = track.kind == MediaKind::video;
    for (const ReaderLayer& layer : track.layers) {
      const ConvertedFile* const file = converted.file_of(track, layer);
      if (file == nullptr) continue;
      const std::string id = track.id + layer.rid.value_or("");
      const auto packets = packets_of(file->file, video ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO);
      const std::int64_t offset_ns = file->offset_ms * 1'000'000;
      auto frames = reader.frames(track.id, layer.rid);
      if (!frames) {
        ADD_FAILURE() << frames.error().message;
        return compared;
      }
      for (int start = 0; start < how.starts; ++start) {
        const std::int64_t time_ns = times(random);
        const auto from = frames->seek(time_ns);
        MediaFrame frame;
        auto next = from ? frames->next(frame) : Result<Next>(std::unexpected(from.error()));
        if (!next) {
          ADD_FAILURE() << id << " at " << time_ns << ": " << next.error().message;
          return compared;
        }
        if (*next != Next::frame) continue;  // it begins later
        if (video) {
          EXPECT_TRUE(frame.keyframe);
          const std::int64_t at_ns = frame.time_ns;
          if (!frame.damaged && at_ns <= time_ns && !timeline.running) {
            const auto later = std::ranges::find_if(packets, [&](const Told& told) {
              return told.key && told.time_ns + offset_ns > at_ns + 9'000'000;
            });
            if (later != packets.end()) {
              const auto before = reader.keyframe_before(track.id, layer.rid, later->time_ns + offset_ns - 2'000'000);
              EXPECT_TRUE(before && before->has_value() && **before >= at_ns);
            }
          }
        }
        std::vector<Told> told{{frame.time_ns, crc32c(frame.data), frame.keyframe}};
        const std::size_t most = start % 40 == 0 ? packets.size() : 30;
        while (told.size() < most && (next = frames->next(frame)) && *next == Next::frame)
          told.push_back({frame.time_ns, crc32c(frame.data), frame.keyframe});
        EXPECT_TRUE(next);
        const bool ended = next && *next == Next::end;
        // Where in the file that is: silence is the same everywhere.
        const auto is_at = [&](std::size_t at) {
          if (packets.size() - at < told.size() || (ended && packets.size() - at != told.size())) return false;
          for (std::size_t i = 0; i < told.size(); ++i)
            if (told[i].data != packets[at + i].data ||
                std::abs(static_cast<double>(told[i].time_ns - packets[at + i].time_ns - offset_ns)) > how.apart_ns)
              return false;
          return true;
        };
        bool found = false;
        for (std::size_t at = 0; !found && at < packets.size(); ++at)
          found = packets[at].data == told.front().data && is_at(at);
        if (!found) {
          ADD_FAILURE() << id << ": the file does not go on from " << told.front().time_ns << " as it is told from "
                        << time_ns << " on (" << told.size() << " frames)";
          return compared;
        }
        compared += static_cast<int>(told.size());
      }
    }
  }
  return compared;
}

bool soaks() {
  return std::getenv("RTPX_SOAK") != nullptr;
}

class ReaderOf : public testing::TestWithParam<std::string> {
 protected:
  ReaderOf() { ::setenv("RTPX_INDEX_KEY", (key_ / "index.key").c_str(), 1); }
  ~ReaderOf() override { ::unsetenv("RTPX_INDEX_KEY"); }

 private:
  test::TempDir key_;
};

TEST_P(ReaderOf, TellsWhatTheConvertedFileHoldsFromAnyTimeOn) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  const Converted converted(folder);
  const auto reader = Reader::open(folder.string());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_FALSE(reader->timeline().running);
  EXPECT_GT(compare(*reader, converted, {.starts = 200}, 11), 2'000);
}

TEST_P(ReaderOf, TellsTheSameByAnIndex) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  const Converted converted(folder);
  const test::TempDir copy;
  std::filesystem::copy(folder, copy / "call", std::filesystem::copy_options::recursive);
  const auto index = make_packet_index((copy / "call").string(), {});
  ASSERT_TRUE(index) << index.error().message;
  const auto reader = Reader::open((copy / "call").string());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_GT(compare(*reader, converted, {.starts = soaks() ? 200 : 20}, 12), 300);
}

TEST_P(ReaderOf, TellsTheSameWhileItIsRecordedAndAfterwards) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  if (GetParam() == "browser/firefox_vp8_opus")
    GTEST_SKIP() << "its silence is filled in by times, which later sender reports correct by more than a packet";
  const Converted converted(folder);
  test::GrowingRecording growing(folder);
  growing.grow(0.4);
  auto reader = Reader::open(growing.path().string());
  ASSERT_TRUE(reader) << reader.error().message;
  const Compared how{.starts = soaks() ? 200 : 20, .apart_ns = 60e6};
  int compared = 0;
  for (const double share : {0.45, 0.6, 0.63, 0.8}) {
    growing.grow(share);
    ASSERT_TRUE(reader->refresh());
    ASSERT_TRUE(reader->timeline().running);
    compared += compare(*reader, converted, how, 13);
  }
  growing.grow(1);
  growing.end();
  ASSERT_TRUE(reader->refresh());
  EXPECT_FALSE(reader->timeline().running);
  EXPECT_GT(compared, 300);
  EXPECT_GT(compare(*reader, converted, how, 14), 300);
}

INSTANTIATE_TEST_SUITE_P(Captures, ReaderOf,
                         testing::Values("browser/vp8_flexfec_lossy", "browser/vp8_opus_lossy_audionack",
                                         "browser/vp8_opusred", "browser/vp8_simulcast3", "browser/h264_opus",
                                         "browser/vp8_g722_absct", "browser/firefox_vp8_opus"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

// With RTPX_SOAK=1: 200 starts in each recording that there is, by its index, without, and while it is written.
TEST(Reader, TellsWhatEveryConvertedFileHolds) {
  if (!soaks()) GTEST_SKIP() << "reads every capture many times: with RTPX_SOAK=1";
  const auto captures = test::captures();
  if (!captures) GTEST_SKIP() << "RTPX_CAPTURES names no captures";
  const test::TempDir key;
  ::setenv("RTPX_INDEX_KEY", (key / "index.key").c_str(), 1);
  int recordings = 0, compared = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*captures)) {
    if (entry.path().filename() != "manifest.json") continue;
    const std::filesystem::path folder = entry.path().parent_path();
    SCOPED_TRACE(folder.filename());
    const Converted converted(folder);
    const auto plain = Reader::open(folder.string());
    if (!plain) continue;
    compared += compare(*plain, converted, {.starts = 200}, 21);
    const test::TempDir copy;
    std::filesystem::copy(folder, copy / "call", std::filesystem::copy_options::recursive);
    if (make_packet_index((copy / "call").string(), {}))
      if (const auto indexed = Reader::open((copy / "call").string()))
        compared += compare(*indexed, converted, {.starts = 200}, 22);
    ++recordings;
  }
  ::unsetenv("RTPX_INDEX_KEY");
  EXPECT_GT(recordings, 40);
  RecordProperty("frames", compared);
  std::printf("%d recordings, %d frames\n", recordings, compared);
}

/// Takes frames until there are none, or none yet.
Next take(FrameReader& frames, std::vector<Told>& into) {
  MediaFrame frame;
  while (true) {
    const auto next = frames.next(frame);
    EXPECT_TRUE(next);
    if (!next || *next != Next::frame) return next.value_or(Next::end);
    into.push_back({frame.time_ns, crc32c(frame.data), frame.keyframe});
  }
}

TEST(Reader, FollowsARecordingUnderWayAndTellsTheSameAsAfterwards) {
  const test::TempDir made, folder;
  const test::SyntheticCall call(made.path(), 9,
                                 {.loss = 0.02, .reorder = 0.02, .most_late_ms = 200, .jitter_ms = 30});
  const auto arrivals = test::arrivals_of(made.path());
  const auto manifest = read_manifest(made.path());
  Recorder::Options options;
  options.folder = folder / "call";
  auto recorder = Recorder::start(options);
  ASSERT_TRUE(recorder) << recorder.error().message;
  std::vector<MediaStreamTrack> tracks;
  for (const auto& [id, entry] : *manifest)
    tracks.push_back({.id = id,
                      .kind = entry.kind,
                      .streams = entry.streams,
                      .codecs = entry.codecs,
                      .header_extensions = entry.header_extensions});
  ASSERT_TRUE((*recorder)->add_tracks(tracks));

  std::size_t sent = 0;
  const auto send_until = [&](std::int64_t ms) {
    for (; sent < arrivals.size() && arrivals[sent].ms < arrivals.front().ms + ms; ++sent) {
      const ReceiveClock::time_point time{std::chrono::milliseconds(arrivals[sent].ms)};
      ASSERT_EQ((*recorder)->record(arrivals[sent].track, {}, arrivals[sent].packet, {.arrival = time}),
                Outcome::accepted);
    }
  };
  send_until(6'000);
  const auto wait_for = [](const auto& condition) {
    for (int i = 0; i < 600 && !condition(); ++i) std::this_thread::sleep_for(50ms);
  };
  std::optional<Reader> reader;
  wait_for([&] {
    auto opened = Reader::open((folder / "call").string());
    if (!opened || opened->timeline().duration_ns < 5'500'000'000) return false;
    reader.emplace(std::move(*opened));
    return true;
  });
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->timeline().running);
  std::map<std::string, std::vector<Told>> live;
  std::map<std::string, FrameReader> readers;
  for (const MediaStreamTrack& track : tracks) {
    auto frames = reader->frames(track.id);
    ASSERT_TRUE(frames) << frames.error().message;
    EXPECT_EQ(take(*frames, live[track.id]), Next::not_yet);
    EXPECT_GT(live[track.id].size(), 50U);
    EXPECT_LT(live[track.id].back().time_ns, reader->timeline().settled_ns);
    readers.emplace(track.id, std::move(*frames));
  }
  for (const std::int64_t until_ms : {9'000, 14'000}) {
    send_until(until_ms);
    wait_for([&] {
      (void)reader->wait(1s);
      return reader->timeline().duration_ns > (until_ms - 500) * 1'000'000;
    });
    for (auto& [id, frames] : readers) {
      const std::size_t before = live[id].size();
      EXPECT_EQ(take(frames, live[id]), Next::not_yet);
      EXPECT_GT(live[id].size(), before);
    }
  }
  send_until(INT64_MAX / 2);
  std::vector<std::string> ids;
  for (const auto& track : tracks) ids.push_back(track.id);
  ASSERT_TRUE((*recorder)->end_tracks(ids));
  recorder->reset();
  wait_for([&] {
    (void)reader->wait(1s);
    return !reader->timeline().running;
  });
  EXPECT_FALSE(*reader->refresh());
  auto afterwards = Reader::open((folder / "call").string());
  ASSERT_TRUE(afterwards);
  for (auto& [id, frames] : readers) {
    EXPECT_EQ(take(frames, live[id]), Next::end);
    auto anew = afterwards->frames(id);
    ASSERT_TRUE(anew);
    std::vector<Told> all;
    EXPECT_EQ(take(*anew, all), Next::end);
    ASSERT_EQ(live[id].size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(live[id][i].data, all[i].data) << id << " frame " << i;
      ASSERT_NEAR(static_cast<double>(live[id][i].time_ns), static_cast<double>(all[i].time_ns), 50e6);
      if (i == 0) continue;
      ASSERT_GE(live[id][i].time_ns, live[id][i - 1].time_ns);
    }
  }
}

TEST(Reader, SaysWhatItDoesNotHave) {
  const test::TempDir folder;
  const test::SyntheticCall call(folder.path(), 9, {}, 3);
  EXPECT_EQ(Reader::open((folder / "nothing").string()).error().code, Errc::not_found);
  const auto reader = Reader::open(folder.path().string());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->frames("nobody").error().code, Errc::not_found);
  const std::string track = reader->tracks().front().id;
  EXPECT_EQ(reader->frames(track, "q").error().code, Errc::not_found);
}

TEST(Reader, ShowsThePictureOfAMoment) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus_flashbeep");
  const auto reader = Reader::open(folder.string());
  ASSERT_TRUE(reader) << reader.error().message;
  const auto tracks = reader->tracks();
  const auto video = std::ranges::find(tracks, MediaKind::video, &ReaderTrack::kind);
  ASSERT_NE(video, tracks.end());
  const auto jpeg = reader->picture(video->id, 5'000'000'000, {.width = 320});
  ASSERT_TRUE(jpeg) << jpeg.error().message;
  ASSERT_GT(jpeg->size(), 500U);
  EXPECT_EQ(static_cast<std::uint8_t>((*jpeg)[0]), 0xFF);
  EXPECT_EQ(static_cast<std::uint8_t>((*jpeg)[1]), 0xD8);
  EXPECT_TRUE(reader->picture(video->id, -1'000'000'000));
  EXPECT_EQ(reader->picture(video->id, 0, {.width = 0}).error().code, Errc::invalid_argument);
  const auto sound = std::ranges::find(tracks, MediaKind::audio, &ReaderTrack::kind);
  ASSERT_NE(sound, tracks.end());
  EXPECT_EQ(reader->picture(sound->id, 0).error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace rtpx
