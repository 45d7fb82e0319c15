// What stands in the boxes of both kinds of MP4, read by a walker that knows nothing of our writers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/bytes.hpp"
#include "mux/fmp4_fragment.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::EncodedStream;
using test::TempDir;

constexpr std::int64_t kSecond = 1'000'000'000;

/// Visits each box with its path ("moov/trak/tkhd") and content.
void walk(Bytes bytes, const std::string& path, const std::function<void(const std::string&, Bytes)>& visit) {
  ByteReader in(bytes);
  while (in.remaining() >= 8) {
    const std::uint64_t size = in.u32();
    const std::string type(as_text(in.take(4)));
    ASSERT_GE(size, 8U) << path << type;
    const Bytes content = in.take(size - 8);
    ASSERT_TRUE(in.ok()) << path << type << " runs over the end";
    visit(path + type, content);
    for (const char* parent : {"moov", "trak", "edts", "mdia", "minf", "stbl", "mvex", "moof", "traf"})
      if (type == parent) walk(content, path + type + "/", visit);
  }
  EXPECT_TRUE(in.empty()) << path;
}

/// The contents of all boxes of that path.
std::vector<std::string> boxes(const std::filesystem::path& file, const std::string& wanted) {
  std::vector<std::string> found;
  const std::string whole = test::read_file(file);
  walk(as_bytes(whole), "", [&](const std::string& path, Bytes content) {
    if (path == wanted) found.emplace_back(as_text(content));
  });
  return found;
}

template <typename T>
T field(const std::string& box, std::size_t at) {
  return load_be<T>(as_bytes(box).data() + at);
}

EncodedStream later(EncodedStream stream, std::int64_t by_ns) {
  for (auto& packet : stream.packets) packet.time_ns += by_ns;
  return stream;
}

// ISO/IEC 14496-12 section 8.6.6; Firefox takes the first number in the track's units.
TEST(Mp4, ALateTrackHasAnEmptyEditInTheUnitsOfMovieAndTrackAndSkipsWhatTheEncoderPutInFront) {
  const TempDir folder;
  const auto video = test::encode_video({.encoder = "libx264"});
  const auto audio = later(test::encode_audio({}), 1'200'000'000);
  ASSERT_TRUE(test::mux(Format::mp4, folder / "a.mp4", {video, audio}));
  EXPECT_EQ(field<std::uint32_t>(boxes(folder / "a.mp4", "moov/mvhd").at(0), 20), 48'000U);
  for (const std::string& header : boxes(folder / "a.mp4", "moov/trak/mdia/mdhd"))
    EXPECT_EQ(field<std::uint32_t>(header, 20), 48'000U);
  const auto edits = boxes(folder / "a.mp4", "moov/trak/edts/elst");
  ASSERT_EQ(edits.size(), 1U) << "the picture begins at once";
  EXPECT_EQ(field<std::uint32_t>(edits[0], 4), 2U);
  EXPECT_EQ(field<std::int64_t>(edits[0], 8), 57'600);  // 1.2 s
  EXPECT_EQ(field<std::int64_t>(edits[0], 16), -1);
  EXPECT_EQ(field<std::int64_t>(edits[0], 28), 101 * 960 - 312);
  EXPECT_EQ(field<std::int64_t>(edits[0], 36), 312);
}

TEST(Mp4, SoundCountsTimeInItsOwnRateAndAllDoWhereItIsTheOnlyOne) {
  const TempDir folder;
  const auto video = test::encode_video({.encoder = "libx264", .frames = 10});
  const auto audio = test::encode_audio({.encoder = "aac", .sample_rate = 16'000, .seconds = 1});
  ASSERT_TRUE(test::mux(Format::mp4, folder / "a.mp4", {video, audio}));
  for (const std::string& header : boxes(folder / "a.mp4", "moov/trak/mdia/mdhd"))
    EXPECT_EQ(field<std::uint32_t>(header, 20), 16'000U);
  const auto decoded = test::decode_file(folder / "a.mp4");
  EXPECT_EQ(decoded.streams.at(1).samples, 16'000 + 384)
      << "the last frame whole, the encoder's delay taken off";
}

TEST(FragmentedMp4, HasItsLengthAnIndexAndTrueDecodeTimes) {
  const TempDir folder;
  const auto video = later(test::encode_video({.encoder = "libx264", .frames = 100}), 500'000'000);
  const auto audio = test::encode_audio({.seconds = 4});
  ASSERT_TRUE(test::mux(Format::fmp4, folder / "a.mp4", {video, audio}));
  const auto file = folder / "a.mp4";
  EXPECT_EQ(field<std::int64_t>(boxes(file, "moov/mvex/mehd").at(0), 4), 4'500 * 48);
  const auto edits = boxes(file, "moov/trak/edts/elst");
  ASSERT_EQ(edits.size(), 1U);
  EXPECT_EQ(field<std::int64_t>(edits[0], 16), 312);
  // Pictures of a keyframe each second, from 0.5 s on; sound, whose last packet waits, from 0 on.
  std::vector<std::int64_t> video_times, audio_times, video_ends;
  const std::string whole = test::read_file(file);
  std::uint32_t track = 0;
  std::int64_t time = 0;
  walk(as_bytes(whole), "", [&](const std::string& path, Bytes content) {
    const std::string box(as_text(content));
    if (path == "moof/traf/tfhd") track = field<std::uint32_t>(box, 4);
    if (path == "moof/traf/tfdt")
      (track == 1 ? video_times : audio_times).push_back(time = field<std::int64_t>(box, 4));
    if (path != "moof/traf/trun" || track != 1) return;
    for (std::uint32_t i = 0; i < field<std::uint32_t>(box, 4); ++i)
      time += field<std::uint32_t>(box, 12 + 12 * i);
    video_ends.push_back(time);
  });
  EXPECT_THAT(video_times, testing::ElementsAre(24'000, 72'000, 120'000, 168'000));
  EXPECT_THAT(video_ends, testing::ElementsAre(72'000, 120'000, 168'000, 216'000));
  ASSERT_FALSE(audio_times.empty());
  EXPECT_EQ(audio_times[0], 0);
  const std::string index = boxes(file, "sidx").at(0);
  EXPECT_EQ(field<std::uint16_t>(index, 30), 4U);
  std::size_t at = whole.find("sidx") + 4 + index.size() + field<std::uint64_t>(index, 20);
  for (std::size_t entry = 0; entry < 4; ++entry) {
    EXPECT_EQ(whole.substr(at + 4, 4), "moof") << entry;
    at += field<std::uint32_t>(index, 32 + 12 * entry);
    EXPECT_EQ(field<std::uint32_t>(index, 36 + 12 * entry), 48'000U);
  }
  EXPECT_EQ(whole.substr(at + 4, 4), "mfra");
}

// Section 8.8.9: who begins at the end of the file finds each keyframe.
TEST(FragmentedMp4, EndsWithWhereItsKeyframesLie) {
  const TempDir folder;
  const auto video = later(test::encode_video({.encoder = "libx264", .frames = 100}), 500'000'000);
  ASSERT_TRUE(test::mux(Format::fmp4, folder / "a.mp4", {test::encode_audio({.seconds = 4}), video}));
  const std::string whole = test::read_file(folder / "a.mp4");
  const auto size = field<std::uint32_t>(whole, whole.size() - 4);
  ASSERT_LT(size, whole.size());
  const std::string entrances = whole.substr(whole.size() - size);
  EXPECT_EQ(entrances.substr(4, 4), "mfra");
  EXPECT_EQ(entrances.substr(12, 4), "tfra");
  const std::string table = entrances.substr(16);
  EXPECT_EQ(field<std::uint32_t>(table, 4), 2U) << "the picture's track";
  ASSERT_EQ(field<std::uint32_t>(table, 12), 4U);
  for (std::size_t entry = 0; entry < 4; ++entry) {
    const std::size_t at = 16 + 28 * entry;
    EXPECT_EQ(field<std::int64_t>(table, at), static_cast<std::int64_t>(24'000 + 48'000 * entry));
    const auto fragment = field<std::uint64_t>(table, at + 8);
    ASSERT_LT(fragment + 8, whole.size());
    EXPECT_EQ(whole.substr(fragment + 4, 4), "moof");
    // The part that is named is the picture's.
    std::size_t part = fragment + 8;
    for (std::uint32_t i = 0; i <= field<std::uint32_t>(table, at + 16); ++i)
      if (i < field<std::uint32_t>(table, at + 16)) part += field<std::uint32_t>(whole, part);
    EXPECT_EQ(whole.substr(part + 4, 4), "traf");
    EXPECT_EQ(field<std::uint32_t>(whole, part + 8 + 12), 2U);
  }
}

TEST(FragmentedMp4, HasTheSizeOfTheLargestPicture) {
  const TempDir folder;
  const auto small = test::encode_video({.encoder = "libvpx-vp9", .frames = 5});
  const auto large = later(
      test::encode_video({.encoder = "libvpx-vp9", .width = 640, .height = 480, .frames = 5, .seed = 1}),
      kSecond / 5);
  for (const Format format : {Format::mp4, Format::fmp4}) {
    auto muxer =
        open_muxer(format, folder / "a.mp4", {small.track}, {.duration_ns = kSecond, .cue_points = 2});
    ASSERT_TRUE(muxer);
    for (const EncodedStream* part : {&small, &large})
      for (std::size_t i = 0; i < part->packets.size(); ++i) {
        Sample sample{.time_ns = part->packets[i].time_ns, .keyframe = i == 0, .data = part->packets[i].data};
        if (i == 0) sample.new_config = &part->track.config;
        ASSERT_TRUE((*muxer)->write(sample));
      }
    ASSERT_TRUE((*muxer)->finish());
    const std::string track = boxes(folder / "a.mp4", "moov/trak/tkhd").at(0);
    EXPECT_EQ(field<std::uint16_t>(track, 88), 640U) << name_of(format);
    EXPECT_EQ(field<std::uint16_t>(track, 92), 480U) << name_of(format);
    EXPECT_EQ(test::decode_file(folder / "a.mp4").streams.at(0).hashes.size(), 10U);
  }
}

TEST(FragmentedMp4, AFragmentGoesIntoMemoryAsWell) {
  Fmp4Samples samples(true);
  const std::vector<std::byte> data(10);
  for (const std::int64_t time : {0, 9'000, 3'000, 6'000, 12'000})  // a keyframe, B-pictures, a keyframe
    samples.add(time, time % 12'000 == 0 ? kSyncSample : kDependentSample, data);
  EXPECT_EQ(samples.shown_before_rest(4), 4U);
  EXPECT_EQ(samples.shown_before_rest(3), 1U) << "6,000 is shown before 9,000";
  MemorySink sink;
  ASSERT_TRUE(write_fragment(sink, 1, {{1, &samples, samples.run(4, 0)}}));
  std::vector<std::int64_t> durations, shown;
  walk(sink.bytes(), "", [&](const std::string& path, Bytes content) {
    const std::string box(as_text(content));
    if (path != "moof/traf/trun") return;
    std::int64_t time = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      durations.push_back(field<std::uint32_t>(box, 12 + 16 * i));
      shown.push_back(time + field<std::int32_t>(box, 24 + 16 * i));
      time += durations.back();
    }
    EXPECT_EQ(time, 12'000) << "up to the next keyframe";
  });
  EXPECT_THAT(shown, testing::ElementsAre(0, 9'000, 3'000, 6'000));
}

// mediabunny and mp4box.js take the latest end of a picture for the length of the file.
TEST(FragmentedMp4, NoBPictureIsShownBeyondTheEnd) {
  for (const auto& shown : std::vector<std::vector<std::int64_t>>{{0, 12'000, 6'000, 3'000, 9'000},
                                                                  {0, 9'000, 3'000, 6'000, 12'000},
                                                                  {0, 3'000, 12'000, 9'000, 6'000}}) {
    Fmp4Samples samples(true);
    for (const std::int64_t time : shown)
      samples.add(time, time == 0 ? kSyncSample : kDependentSample, std::vector<std::byte>(10));
    const auto run = samples.run(shown.size(), 15'000);
    std::int64_t decoded = run.decode_time, last = 0;
    std::vector<std::int64_t> told;
    for (const auto& sample : run.samples) {
      told.push_back(decoded + sample.offset);
      last = std::max(last, told.back() + sample.duration);
      decoded += sample.duration;
    }
    EXPECT_EQ(told, shown);
    EXPECT_EQ(last, 15'000);
    EXPECT_EQ(decoded, 15'000);
  }
}

}  // namespace
}  // namespace rtpx
