// Where segments begin, and how renditions of a program are made to fit each other.
#include "play/segment_list.hpp"

#include <gtest/gtest.h>

#include <list>
#include <random>

#include "play/playlist.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kMs = 1'000'000, kS = 1'000'000'000;

/// Frames of a made-up track.
class Track {
 public:
  explicit Track(const char* mime_type) {
    codec_.mime_type = mime_type;
    resize(640, 360);
  }
  void resize(int width, int height) {
    configs_.emplace_back();
    configs_.back().width = width;
    configs_.back().height = height;
  }
  [[nodiscard]] PlacedFrame at(std::int64_t ns, FrameKind kind = FrameKind::delta, std::int64_t lasts_ns = 0) const {
    PlacedFrame frame;
    frame.frame.kind = kind;
    frame.frame.data = Bytes(bytes_);
    frame.time_ns = ns;
    frame.duration_ns = lasts_ns;
    frame.codec = &codec_;
    frame.config = &configs_.back();
    return frame;
  }

 private:
  Codec codec_;
  std::list<StreamConfig> configs_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(100);
};

SegmentList pictures(std::int64_t from_ms, std::int64_t to_ms, std::int64_t key_every_ms, const char* codec = "video/VP9") {
  const Track track(codec);
  SegmentListBuilder builder(MediaKind::video, false);
  for (std::int64_t ms = from_ms; ms < to_ms; ms += 40)
    builder.add(track.at(ms * kMs, (ms - from_ms) % key_every_ms == 0 ? FrameKind::key : FrameKind::delta));
  return builder.so_far();
}

SegmentList sound(std::int64_t from_ms, std::int64_t to_ms, std::vector<std::int64_t> cuts = {}) {
  const Track track("audio/opus");
  SegmentListBuilder builder(MediaKind::audio, false);
  builder.cut_at(std::move(cuts));
  for (std::int64_t ms = from_ms; ms < to_ms; ms += 20)
    builder.add(track.at(ms * kMs, FrameKind::key, 20 * kMs));
  return builder.so_far();
}

Rendition rendition(const char* id, MediaKind kind, SegmentList list) {
  Rendition out;
  out.id = out.name = id;
  out.kind = kind;
  out.list = std::move(list);
  return out;
}

/// No hole, no overlap, from the program's start to its end.
void expect_whole(const Program& program) {
  for (const Rendition& one : program.renditions) {
    const auto& segments = one.list.segments;
    EXPECT_EQ(segments.front().start_ns, program.start_ns) << one.id;
    EXPECT_EQ(segments.back().end_ns, program.end_ns) << one.id;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      EXPECT_LT(segments[i].start_ns, segments[i].end_ns) << one.id << ' ' << i;
      if (i > 0) EXPECT_EQ(segments[i].start_ns, segments[i - 1].end_ns) << one.id << ' ' << i;
    }
  }
}

TEST(Segments, OfPicturesBeginAtTheFirstKeyframeAfterTwoSeconds) {
  const SegmentList list = pictures(0, 20'000, 1'000);
  ASSERT_EQ(list.segments.size(), 10U);
  for (std::size_t i = 0; i < list.segments.size(); ++i) {
    EXPECT_EQ(list.segments[i].start_ns, static_cast<std::int64_t>(i) * 2 * kS);
    EXPECT_EQ(list.segments[i].frames, 50U);
  }
  EXPECT_EQ(list.segments.back().end_ns, 20 * kS);
}

TEST(Segments, ALongGroupOfPicturesIsOneSegment) {
  const SegmentList list = pictures(0, 60'000, 30'000);
  ASSERT_EQ(list.segments.size(), 2U);
  EXPECT_EQ(list.segments[0].end_ns - list.segments[0].start_ns, 30 * kS);
}

TEST(Segments, FramesBeforeTheFirstKeyframeAreInNone) {
  const Track track("video/VP8");
  SegmentListBuilder builder(MediaKind::video, false);
  for (int i = 0; i < 5; ++i) builder.add(track.at(i * 40 * kMs));
  builder.add(track.at(200 * kMs, FrameKind::key));
  const SegmentList list = builder.so_far();
  ASSERT_EQ(list.segments.size(), 1U);
  EXPECT_EQ(list.frames, 1U);
  EXPECT_EQ(list.segments[0].start_ns, 200 * kMs);
}

TEST(Segments, AnotherSizeBeginsOneAtItsKeyframeAndASizeThatWasThereIsNotKeptTwice) {
  Track track("video/VP8");
  SegmentListBuilder builder(MediaKind::video, false);
  for (int i = 0; i < 6; ++i) {
    track.resize(i % 2 == 0 ? 640 : 320, i % 2 == 0 ? 360 : 180);
    builder.add(track.at(i * 500 * kMs, FrameKind::key));
  }
  track.resize(100, 100);
  builder.add(track.at(2'900 * kMs));  // a picture that is no keyframe cannot begin a segment
  const SegmentList list = builder.so_far();
  EXPECT_EQ(list.segments.size(), 6U);
  EXPECT_EQ(list.inits.size(), 2U);
  EXPECT_EQ(list.changes.size(), 5U);
}

TEST(Segments, ConfigurationsAreBounded) {
  Track track("video/VP8");
  SegmentListBuilder builder(MediaKind::video, false);
  bool more = true;
  for (int i = 0; i < 2'000; ++i) {
    track.resize(100 + i, 100);
    more = builder.add(track.at(i * 40 * kMs, FrameKind::key));
  }
  EXPECT_FALSE(more);
  const SegmentList list = builder.so_far();
  EXPECT_TRUE(list.cut_off);
  EXPECT_EQ(list.inits.size(), SegmentListBuilder::kMostInits);
  EXPECT_EQ(list.segments.size(), SegmentListBuilder::kMostInits);
}

TEST(Segments, OfSoundBeginWhereThePictureChanges) {
  const SegmentList list = sound(0, 10'000, {1'010 * kMs, 6'000 * kMs});
  std::vector<std::int64_t> starts;
  for (const PlayedSegment& segment : list.segments) starts.push_back(segment.start_ns / kMs);
  EXPECT_EQ(starts, (std::vector<std::int64_t>{0, 1'020, 5'020, 6'000}));
}

TEST(Program, ALatePictureStandsStillBeforeAndALateSoundIsSilent) {
  Program program;
  program.renditions.push_back(rendition("v1", MediaKind::video, pictures(25'000, 40'000, 2'000)));
  program.renditions.push_back(rendition("a1", MediaKind::audio, sound(0, 30'000)));
  align(program, {INT64_MIN, INT64_MIN});
  expect_whole(program);
  EXPECT_EQ(program.renditions[0].list.segments.front().kind, PlayedSegment::Kind::filler);
  EXPECT_EQ(program.renditions[1].list.segments.back().kind, PlayedSegment::Kind::filler);
  EXPECT_EQ(program.end_ns, 40 * kS);
}

TEST(Program, ALayerThatEndsBeforeTheOthersHasAGap) {
  Program program;
  program.renditions.push_back(rendition("v1", MediaKind::video, pictures(0, 10'000, 2'000)));
  program.renditions.push_back(rendition("v2", MediaKind::video, pictures(0, 30'000, 2'000)));
  align(program, {30 * kS, 30 * kS});
  expect_whole(program);
  EXPECT_EQ(program.renditions[0].list.segments.back().kind, PlayedSegment::Kind::gap);
  EXPECT_EQ(program.renditions[1].list.segments.back().kind, PlayedSegment::Kind::media);
  EXPECT_NE(media_playlist(program, program.renditions[0], {}).find("#EXT-X-GAP\n"), std::string::npos);
}

TEST(Program, ASmallDelayIsTakenIntoTheFirstSegment) {
  Program program;
  program.renditions.push_back(rendition("v1", MediaKind::video, pictures(100, 10'000, 2'000)));
  program.renditions.push_back(rendition("a1", MediaKind::audio, sound(0, 9'900)));
  align(program, {INT64_MIN, INT64_MIN});
  expect_whole(program);
  EXPECT_EQ(program.renditions[0].list.segments.front().from_ns, 100 * kMs);
}

TEST(Program, ChangesOfSeveralLayersAtAboutOneTimeAreOneDiscontinuity) {
  const auto changing = [](std::int64_t change_ms) {
    Track track("video/VP8");
    SegmentListBuilder builder(MediaKind::video, false);
    for (std::int64_t ms = 0; ms < 10'000; ms += 40) {
      if (ms == change_ms) track.resize(320, 180);
      builder.add(track.at(ms * kMs, ms % 1'000 == 0 || ms == change_ms ? FrameKind::key : FrameKind::delta));
    }
    return builder.so_far();
  };
  Program program;
  program.renditions.push_back(rendition("v1", MediaKind::video, changing(4'000)));
  program.renditions.push_back(rendition("v2", MediaKind::video, changing(4'080)));
  const auto cuts = common_changes({&program.renditions[0].list.changes, &program.renditions[1].list.changes});
  ASSERT_EQ(cuts, std::vector<std::int64_t>{4 * kS});
  program.renditions.push_back(rendition("a1", MediaKind::audio, sound(0, 10'000, cuts)));
  align(program, {INT64_MIN, INT64_MIN, INT64_MIN});
  expect_whole(program);
  for (const Rendition& one : program.renditions) {
    EXPECT_EQ(one.list.segments.front().discontinuities, 0U) << one.id;
    EXPECT_EQ(one.list.segments.back().discontinuities, 1U) << one.id;
  }
}

TEST(Program, WhatNoBrowserPlaysIsAGapBesideWhatOnePlays) {
  const Track opus("audio/opus"), pcmu("audio/PCMU");
  SegmentListBuilder builder(MediaKind::audio, false);
  for (int i = 0; i < 100; ++i) builder.add((i < 50 ? opus : pcmu).at(i * 20 * kMs, FrameKind::key, 20 * kMs));
  Program program;
  program.renditions.push_back(rendition("a1", MediaKind::audio, builder.so_far()));
  EXPECT_FALSE(is_unplayable(program.renditions[0].list));
  align(program, {INT64_MIN});
  ASSERT_EQ(program.renditions[0].list.segments.size(), 2U);
  EXPECT_EQ(program.renditions[0].list.segments[1].kind, PlayedSegment::Kind::gap);
}

TEST(Program, HoldsTogetherWhateverTheTimesAre) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    Program program;
    for (int i = 0; i < 3; ++i) {
      Track track("video/VP8");
      SegmentListBuilder builder(MediaKind::video, false);
      std::int64_t at = static_cast<std::int64_t>(random() % (100 * kS));
      for (int k = 0; k < 60; ++k) {
        if (random() % 8 == 0) track.resize(16 + static_cast<int>(random() % 3), 16);
        builder.add(track.at(at, k == 0 || random() % 3 == 0 ? FrameKind::key : FrameKind::delta));
        // Mostly a picture later; now and then back, or days ahead.
        at += random() % 20 == 0 ? static_cast<std::int64_t>(random() % (86'400 * kS)) - kS : 33 * kMs;
        at = std::max<std::int64_t>(at, 0);
      }
      program.renditions.push_back(rendition("v", MediaKind::video, builder.so_far()));
    }
    align(program, {INT64_MIN, INT64_MIN, INT64_MIN});
    expect_whole(program);
    const std::string text = multivariant_playlist(program, {}) + media_playlist(program, program.renditions[0], {}) +
                             dash_manifest(program, {});
    EXPECT_NE(text.find("#EXT-X-ENDLIST"), std::string::npos);
    if (testing::Test::HasFailure()) FAIL() << "round " << round;
  }
}

}  // namespace
}  // namespace rtpx
