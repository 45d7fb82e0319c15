// A recording is played while it is being written: what was told of it stays, and in the end it is all there.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/bytes.hpp"
#include "convert/synthetic_call.hpp"
#include "play/playlist.hpp"
#include "play/presentation.hpp"
#include "support/captures.hpp"
#include "support/growing_recording.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> bytes_of(Presentation& presentation, const std::string& rendition, std::size_t number,
                                Format format) {
  MemorySink out;
  auto stream = presentation.segment(rendition, number, format);
  EXPECT_TRUE(stream) << rendition << ' ' << number;
  if (stream) EXPECT_TRUE((*stream)->all(out));
  return out.take();
}

bool same(const PlayedSegment& a, const PlayedSegment& b) {
  return a.start_ns == b.start_ns && a.end_ns == b.end_ns && a.frames == b.frames && a.bytes == b.bytes &&
         a.init == b.init && a.discontinuities == b.discontinuities && a.kind == b.kind;
}

void plays_while_it_grows(const fs::path& recording) {
  test::GrowingRecording growing(recording);
  const test::TempDir scratch;
  const auto presentation =
      Presentation::of(growing.path().string(), {.temporary = scratch.path(), .look_every = std::chrono::milliseconds(0)});
  struct Told {
    std::vector<PlayedSegment> segments;
    std::map<std::size_t, std::vector<std::byte>> bytes;
  };
  std::map<std::string, Told> told;
  int views = 0;
  const auto check = [&] {
    const auto view = presentation->view();
    for (const Program& program : view->programs)
      for (const Rendition& rendition : program.renditions) {
        Told& before = told[rendition.id];
        const auto& now = rendition.list.segments;
        ASSERT_GE(now.size(), before.segments.size()) << rendition.id;
        for (std::size_t i = 0; i < before.segments.size(); ++i)
          EXPECT_TRUE(same(before.segments[i], now[i])) << rendition.id << ' ' << i << " of " << now.size();
        for (std::size_t i = before.segments.size(); i < now.size(); ++i)
          if (view->growing) before.bytes[i] = bytes_of(*presentation, rendition.id, i, Format::fmp4);
        if (view->growing) before.segments = now;
      }
    ++views;
  };
  for (int step = 1; step <= 20; ++step) {
    growing.grow(step / 20.0);
    if (const auto refreshed = presentation->refresh(); !refreshed) {
      ASSERT_EQ(refreshed.error().code, Errc::nothing_to_convert) << refreshed.error().message;
      ASSERT_EQ(views, 0);
      EXPECT_TRUE(presentation->growing());
      continue;
    }
    EXPECT_TRUE(presentation->view()->growing);
    check();
  }
  EXPECT_GT(views, 10);
  growing.end();
  ASSERT_TRUE(presentation->refresh());
  EXPECT_FALSE(presentation->view()->growing);
  check();

  auto whole = Presentation::open(recording.string(), {.temporary = scratch.path()});
  ASSERT_TRUE(whole);
  for (const Program& program : (*whole)->view()->programs)
    for (const Rendition& rendition : program.renditions) {
      const auto view = presentation->view();
      const auto place = view->find(rendition.id);
      ASSERT_NE(place.rendition, nullptr) << rendition.id;
      // Silence is filled in by times, which later sender reports correct.
      const auto apart = static_cast<double>(rendition.kind == MediaKind::audio ? rendition.list.frames / 200 : 0);
      EXPECT_NEAR(static_cast<double>(place.rendition->list.frames), static_cast<double>(rendition.list.frames), apart)
          << rendition.id;
    }
  for (const auto& [id, once] : told)
    for (const auto& [number, bytes] : once.bytes)
      EXPECT_EQ(bytes_of(*presentation, id, number, Format::fmp4), bytes) << id << ' ' << number;
}

TEST(Growing, ARecordingPlaysWhileItIsWritten) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp9_opus");
  plays_while_it_grows(recording);
}

TEST(Growing, SizesMayChangeMeanwhile) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus_reschange");
  plays_while_it_grows(recording);
}

TEST(Growing, SoundMayComeLate) {
  RTPX_NEEDS_CAPTURE(recording, "edge/late_audio");
  plays_while_it_grows(recording);
}

TEST(Growing, LossesAreRepairedMeanwhile) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_flexfec_lossy");
  plays_while_it_grows(recording);
}

TEST(Growing, LayersOfASimulcast) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_simulcast3");
  plays_while_it_grows(recording);
}

// What a look reads follows from what is new, not from what there is.
TEST(Growing, ALookReadsWhatIsNew) {
  const test::TempDir made, scratch;
  const test::SyntheticCall call(made.path(), 3, {.loss = 0.01, .reorder = 0.01, .most_late_ms = 100, .rtx = 0.5}, 400);
  test::GrowingRecording growing(made.path());
  constexpr int kSteps = 100;  // of four seconds
  std::shared_ptr<Presentation> presentation;
  std::uint64_t early = 0, late = 0;
  for (int step = 10; step < kSteps; ++step) {
    growing.grow(static_cast<double>(step) / kSteps);
    const std::uint64_t before = test::bytes_read();
    if (!presentation) {
      auto opened = Presentation::open(growing.path().string(),
                                       {.temporary = scratch.path(), .look_every = std::chrono::milliseconds(0)});
      ASSERT_TRUE(opened) << opened.error().message;
      presentation = std::move(*opened);
      continue;
    }
    const auto version = presentation->view()->version;
    ASSERT_TRUE(presentation->refresh());
    ASSERT_GT(presentation->view()->version, version);
    if (step < 15) continue;  // the first ones find their way
    std::uint64_t& most = step < 30 ? early : late;
    most = std::max(most, test::bytes_read() - before);
  }
  EXPECT_LT(late, growing.bytes() / 10);
  EXPECT_LT(late, 2 * early);
  RecordProperty("bytes_a_look", static_cast<int>(late));
  const auto view = presentation->view();
  EXPECT_GT(view->programs.front().end_ns, 385'000'000'000);
}

// Viewers ask before there is anything to play, too.
TEST(Growing, WhatComesBeforeAnythingPlaysIsReadOnce) {
  const test::TempDir made, scratch;
  const test::SyntheticCall call(made.path(), 3, {.loss = 0.01, .reorder = 0.01, .most_late_ms = 100, .rtx = 0.5}, 60);
  test::GrowingRecording growing(made.path());
  const auto presentation =
      Presentation::of(growing.path().string(), {.temporary = scratch.path(), .look_every = std::chrono::milliseconds(0)});
  constexpr int kSteps = 1200;  // of 50 milliseconds
  constexpr std::uint64_t kBesides = 3'000;  // bytes a look
  const std::uint64_t before = test::bytes_read();
  int looks = 1;
  for (;; ++looks) {
    ASSERT_LT(looks, kSteps);
    growing.grow(static_cast<double>(looks) / kSteps);
    const auto refreshed = presentation->refresh();
    if (refreshed) break;
    ASSERT_EQ(refreshed.error().code, Errc::nothing_to_convert) << refreshed.error().message;
    ASSERT_EQ(presentation->view(), nullptr);
  }
  EXPECT_GT(looks, 20);
  EXPECT_LT(test::bytes_read() - before, static_cast<std::uint64_t>(looks) * kBesides + 2 * growing.bytes());
}

// What is written is read once for all looks, and for the segments that are fetched as they appear.
TEST(Growing, TheLastSecondsAreReadOnce) {
  const test::TempDir made, scratch;
  const test::SyntheticCall call(made.path(), 3, {.loss = 0.01, .reorder = 0.01, .most_late_ms = 100, .rtx = 0.5}, 300);
  test::GrowingRecording growing(made.path());
  constexpr int kSteps = 300, kFirst = 40;  // of a second
  constexpr std::uint64_t kBesides = 3'000;  // bytes a look: manifest, lock, whether the files are sealed
  std::shared_ptr<Presentation> presentation;
  std::map<std::string, std::size_t> fetched;
  std::uint64_t read = 0, written = 0;
  for (int step = 20; step < kSteps; ++step) {
    const std::uint64_t size = growing.bytes();
    growing.grow(static_cast<double>(step) / kSteps);
    if (!presentation) {
      auto opened = Presentation::open(growing.path().string(),
                                       {.temporary = scratch.path(), .look_every = std::chrono::milliseconds(0)});
      ASSERT_TRUE(opened) << opened.error().message;
      presentation = std::move(*opened);
    }
    const std::uint64_t before = test::bytes_read();
    ASSERT_TRUE(presentation->refresh());
    const auto view = presentation->view();
    for (const Program& program : view->programs)
      for (const Rendition& rendition : program.renditions)
        for (std::size_t& next = fetched[rendition.id]; next < rendition.list.segments.size(); ++next)
          EXPECT_GT(bytes_of(*presentation, rendition.id, next, Format::fmp4).size(), 0U);
    if (step < kFirst) continue;  // the first ones find their way
    read += test::bytes_read() - before;
    written += growing.bytes() - size;
  }
  EXPECT_LT(read, (kSteps - kFirst) * kBesides + written * 12 / 10);
  RecordProperty("read", static_cast<int>(read));
  RecordProperty("written", static_cast<int>(written));
}

std::string media_in(Bytes fragments) {
  std::string media;
  while (fragments.size() >= 8) {
    const std::size_t size = load_be<std::uint32_t>(fragments.data());
    if (size < 8 || size > fragments.size()) break;
    if (as_text(fragments.subspan(4, 4)) == "mdat") media += as_text(fragments.subspan(8, size - 8));
    fragments = fragments.subspan(size);
  }
  return media;
}

// Whoever takes a segment's parts as they appear has what whoever takes it whole has, then and later.
void parts_are_what_segments_are(const fs::path& recording, int steps) {
  test::GrowingRecording growing(recording);
  const test::TempDir scratch;
  std::shared_ptr<Presentation> presentation;
  using Piece = std::pair<std::string, std::size_t>;
  std::map<Piece, std::vector<std::string>> parts;
  std::size_t compared = 0;
  const auto part_of = [&](const Piece& piece, std::size_t number) {
    MemorySink out;
    auto stream = presentation->part(piece.first, piece.second, number, Format::fmp4);
    EXPECT_TRUE(stream) << piece.first << ' ' << piece.second << '.' << number;
    if (stream) EXPECT_TRUE((*stream)->all(out));
    return media_in(out.bytes());
  };
  const auto look = [&] {
    const auto view = presentation->view();
    for (const Program& program : view->programs)
      for (const Rendition& rendition : program.renditions) {
        const std::size_t whole = rendition.list.segments.size();
        for (std::size_t number = 0; number < whole + (rendition.open ? 1 : 0); ++number) {
          const Piece piece{rendition.id, number};
          std::vector<std::string>& known = parts[piece];
          const auto there = parts_of(rendition, number);
          for (std::size_t i = known.size(); i < there.size(); ++i)
            known.push_back(there[i].frames > 0 ? part_of(piece, i) : std::string());
          if (number == whole || there.empty() || rendition.list.segments[number].kind != PlayedSegment::Kind::media) continue;
          std::string joined;
          for (const std::string& each : known) joined += each;
          const auto segment = bytes_of(*presentation, rendition.id, number, Format::fmp4);
          ASSERT_TRUE(joined == media_in(segment)) << rendition.id << ' ' << number << (view->growing ? " growing" : " ended");
          ++compared;
        }
      }
  };
  for (int step = 1; step <= steps; ++step) {
    growing.grow(static_cast<double>(step) / steps);
    if (!presentation) {
      if (auto opened = Presentation::open(growing.path().string(),
                                           {.temporary = scratch.path(), .look_every = std::chrono::milliseconds(0)}))
        presentation = std::move(*opened);
    } else {
      ASSERT_TRUE(presentation->refresh());
    }
    if (presentation) look();
    if (testing::Test::HasFatalFailure()) return;
  }
  ASSERT_TRUE(presentation);
  growing.end();
  ASSERT_TRUE(presentation->refresh());
  look();
  EXPECT_GT(compared, 0U);
}

TEST(Growing, PartsAreWhatSegmentsAre) {
  const test::TempDir made;
  const test::SyntheticCall call(made.path(), 3, {.loss = 0.01, .reorder = 0.01, .most_late_ms = 400, .jitter_ms = 60}, 20);
  parts_are_what_segments_are(made.path(), 80);
}

TEST(Growing, PartsOfACaptureAreWhatSegmentsAre) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus");
  parts_are_what_segments_are(recording, 80);
}

}  // namespace
}  // namespace rtpx
