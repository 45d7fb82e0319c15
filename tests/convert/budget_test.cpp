// Recordings made to be more than they are: what comes out stays in proportion to what went in.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/utc_time.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"
#include "support/captures.hpp"
#include "support/record_files.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

struct Sent {
  std::int64_t arrival_ms = 0;
  std::uint8_t payload_type = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0, ssrc = 0x1234;
  std::string payload{};
};

Codec codec(std::uint8_t payload_type, const char* mime_type, std::uint32_t rate) {
  return {payload_type, mime_type, rate, std::nullopt, std::nullopt, {}};
}

/// A track of `count` packets as `packet(i)` says.
void add_track(const fs::path& folder, Manifest& manifest, const std::string& id, MediaKind kind,
               std::vector<Codec> codecs, int count, const std::function<Sent(int)>& packet) {
  test::RecordFile file;
  for (int i = 0; i < count; ++i) {
    const Sent sent = packet(i);
    std::vector<std::byte> bytes(12);
    bytes[0] = std::byte{0x80};
    bytes[1] = static_cast<std::byte>(sent.payload_type | 0x80);
    store_be(bytes.data() + 2, sent.sequence);
    store_be(bytes.data() + 4, sent.timestamp);
    store_be(bytes.data() + 8, sent.ssrc);
    bytes.insert(bytes.end(), as_bytes(sent.payload).begin(), as_bytes(sent.payload).end());
    file.add({0, 1'000'000 + sent.arrival_ms, 0}, bytes);
  }
  fs::create_directories(folder);
  test::write_file(folder / (id + ".rtpx"), file.text());
  ManifestTrack track;
  track.start_time = *parse_utc("2026-01-01T00:00:00Z");
  track.kind = kind;
  track.streams = {"call"};
  track.rid_map = {{std::nullopt, 0}};
  track.codecs = std::move(codecs);
  track.location = id + ".rtpx";
  manifest[id] = track;
  test::write_file(folder / "manifest.json", serialize_manifest(manifest));
}

/// Sound whose RTP clock runs 10 s from packet to packet, which arrive 20 ms apart.
void add_racing_sound(const fs::path& folder, Manifest& manifest, const Codec& of) {
  add_track(folder, manifest, "sound", MediaKind::audio, {of}, 200, [&](int i) {
    return Sent{20 * i,
                of.payload_type,
                static_cast<std::uint16_t>(i),
                static_cast<std::uint32_t>(i) * 9 * of.clock_rate,
                0x1234,
                std::string(160, 'x')};
  });
}

std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t sum = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) sum += entry.file_size();
  return sum;
}

struct Race {
  const char* name;
  const char* mime_type;
  Format format = Format::automatic;
  AudioCodec audio = AudioCodec::copy;
  GapPolicy gaps = GapPolicy::automatic;
};
void PrintTo(const Race& of, std::ostream* out) {
  *out << of.name;
}

class RacingClock : public testing::TestWithParam<Race> {};

// Half an hour of silence would be 14 MB of G.711 and 340 MB of PCM.
TEST_P(RacingClock, FillsNoMoreThanTheTimeInWhichItWasRecorded) {
  const TempDir folder;
  Manifest manifest;
  add_racing_sound(folder / "call", manifest, codec(0, GetParam().mime_type, 8000));
  ConvertOptions options;
  options.output_path = folder / "out";
  options.format = GetParam().format;
  options.audio = GetParam().audio;
  options.gaps = GetParam().gaps;
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LT(bytes_in(folder / "out"), GetParam().audio == AudioCodec::copy ? 1'500'000U : 8'000'000U);
  if (GetParam().gaps == GapPolicy::keep) return;
  const auto told = std::ranges::count_if(result->notes, [](const ConvertNote& note) {
    return note.message.find("were left as they are") != std::string::npos;
  });
  EXPECT_EQ(told, 1);
}

INSTANTIATE_TEST_SUITE_P(All, RacingClock,
                         testing::Values(Race{"matroska", "audio/PCMU"},
                                         Race{"opus", "audio/PCMU", Format::webm, AudioCodec::opus},
                                         Race{"flac", "audio/PCMU", Format::mkv, AudioCodec::flac}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(Budget, APauseOfTheWholeRecordingIsStillFilled) {
  const TempDir folder;
  Manifest manifest;
  add_track(folder / "call", manifest, "sound", MediaKind::audio, {codec(0, "audio/PCMU", 8000)}, 100,
            [](int i) {
              const int ms = 20 * i + (i < 50 ? 0 : 3'600'000);  // muted for an hour
              return Sent{ms,
                          0,
                          static_cast<std::uint16_t>(i),
                          static_cast<std::uint32_t>(8 * ms),
                          0x1234,
                          std::string(160, 'x')};
            });
  ConvertOptions options;
  options.output_path = folder / "out";
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(bytes_in(folder / "out"), 3600U * 8000U);
}

TEST(Budget, PartsAreBounded) {
  const TempDir folder;
  Manifest manifest;
  add_track(folder / "call", manifest, "sound", MediaKind::audio,
            {codec(0, "audio/PCMU", 8000), codec(8, "audio/PCMA", 8000)}, 3000, [](int i) {
              return Sent{20 * i,
                          static_cast<std::uint8_t>(i % 2 * 8),
                          static_cast<std::uint16_t>(i),
                          static_cast<std::uint32_t>(160 * i),
                          0x1234,
                          std::string(160, 'x')};
            });
  ConvertOptions options;
  options.output_path = folder / "out";
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LE(test::entries(folder / "out"), 501U) << "and a report";
  EXPECT_TRUE(result->lost_media);
}

/// A VP8 keyframe that says this size, with nothing that could be decoded.
std::string vp8_keyframe(int width, int height) {
  std::string out("\x10\x10\x02\x00\x9d\x01\x2a", 7);
  for (const int side : {width, height}) {
    out += static_cast<char>(side & 0xFF);
    out += static_cast<char>(side >> 8);
  }
  return out + std::string(40, 'x');
}

class SizeChanges : public testing::TestWithParam<OnChange> {};

TEST_P(SizeChanges, InThousandsAreBounded) {
  const TempDir folder;
  Manifest manifest;
  add_track(folder / "call", manifest, "picture", MediaKind::video, {codec(96, "video/VP8", 90'000)}, 5000,
            [](int i) {
              return Sent{33 * i,
                          96,
                          static_cast<std::uint16_t>(i),
                          static_cast<std::uint32_t>(2970 * i),
                          0x1234,
                          vp8_keyframe(64 + i % 1000, 64 + i % 777)};
            });
  ConvertOptions options;
  options.output_path = folder / "out";
  options.on_change = GetParam();
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LE(test::entries(folder / "out"), 501U) << "and a report";
  EXPECT_LT(bytes_in(folder / "out"), 16U << 20);
  EXPECT_EQ(result->lost_media, GetParam() == OnChange::split);
}

INSTANTIATE_TEST_SUITE_P(All, SizeChanges, testing::Values(OnChange::keep, OnChange::split),
                         [](const auto& of) { return std::string(of.param == OnChange::keep ? "kept" : "split"); });

// Each of these made the time grow with the square of its number somewhere.
TEST(Budget, ThousandsOfSegmentsAreRead) {
  const TempDir folder;
  Manifest manifest;
  add_track(folder / "call", manifest, "sound", MediaKind::audio, {codec(0, "audio/PCMU", 8000)}, 60'000,
            [](int i) {
              return Sent{20 * i,
                          0,
                          static_cast<std::uint16_t>(i),
                          static_cast<std::uint32_t>(160 * i),
                          static_cast<std::uint32_t>(i / 6),
                          std::string(20, 'x')};
            });
  ConvertOptions options;
  options.output_path = folder / "out";
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->tracks[0].segments.size(), 10'000U);
}

/// A second of sound.
void add_sound(const fs::path& folder, Manifest& manifest) {
  add_track(folder, manifest, "sound", MediaKind::audio, {codec(0, "audio/PCMU", 8000)}, 50, [](int i) {
    return Sent{20 * i,
                0,
                static_cast<std::uint16_t>(i),
                static_cast<std::uint32_t>(160 * i),
                0x1234,
                std::string(160, 'x')};
  });
}

struct OutputLimit {
  const char* name;
  std::optional<std::uint64_t> max_output;
  std::uint64_t min_free = 0;
  bool written = false;
};
void PrintTo(const OutputLimit& of, std::ostream* out) {
  *out << of.name;
}

class OutputLimits : public testing::TestWithParam<OutputLimit> {};

TEST_P(OutputLimits, AreKeptAndNothingHalfIsLeft) {
  const TempDir folder;
  Manifest manifest;
  add_sound(folder / "call", manifest);
  for (const AudioCodec audio : {AudioCodec::copy, AudioCodec::pcm}) {
    ConvertOptions options;
    options.output_path = folder / "out";
    options.max_output = GetParam().max_output;
    options.min_free = GetParam().min_free;
    options.audio = audio;
    const auto result = convert((folder / "call").string(), options);
    EXPECT_EQ(result.has_value(), GetParam().written);
    if (GetParam().written) continue;
    EXPECT_EQ(result.error().code, Errc::no_space);
    EXPECT_EQ(test::entries(folder / "out"), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OutputLimits,
                         testing::Values(OutputLimit{"none", 0, 0, true}, OutputLimit{"usual", {}, 0, true},
                                         OutputLimit{"small", 2000, 0, false},
                                         OutputLimit{"full_disk", {}, UINT64_MAX, false}),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace rtpx
