// What senders do within the rules, and at their edge: what comes out is what they sent, at the time at which they sent
// it, and nothing is called lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "mux/support/media.hpp"
#include "rtpx/inspect.hpp"
#include "support/packet_recording.hpp"

namespace rtpx::test {
namespace {

const Codec kOpusCodec{.payload_type = 111, .mime_type = "audio/opus", .clock_rate = 48'000, .channels = 2};
const Codec kPcmuCodec{.payload_type = 0, .mime_type = "audio/PCMU", .clock_rate = 8'000};
const Codec kVp8Codec{.payload_type = 96, .mime_type = "video/VP8", .clock_rate = 90'000};
const Codec kH264Codec{.payload_type = 96, .mime_type = "video/H264", .clock_rate = 90'000};

/// Makes the packets of one source, RFC 3550 section 5.1.
class OddSource {
 public:
  std::uint16_t number = 65'000;
  std::uint32_t time = 4'294'000'000U;
  int csrcs = 0;
  std::size_t pad_to = 0;  ///< the payload is padded to a multiple of it, by a whole one at most

  void send(std::uint8_t type, const std::string& payload, bool marker = false) {
    const std::size_t pad = pad_to == 0 ? 0 : pad_to - payload.size() % pad_to;
    std::string packet;
    packet.push_back(static_cast<char>(0x80 | (pad > 0 ? 0x20 : 0) | csrcs));
    packet.push_back(static_cast<char>(type | (marker ? 0x80 : 0)));
    put_bytes(packet, number++, 2);
    put_bytes(packet, time, 4);
    put_bytes(packet, 0xABCD, 4);
    for (int i = 0; i < csrcs; ++i) put_bytes(packet, static_cast<std::uint64_t>(i), 4);
    packet += payload;
    if (pad > 0) packet += std::string(pad - 1, '\0') + static_cast<char>(pad);
    packets.push_back(packet);
  }
  std::vector<std::string> packets;

 private:
  static void put_bytes(std::string& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  }
};

/// A second or more of Opus, and its packets' length in 48 kHz samples.
struct OpusSource {
  explicit OpusSource(double seconds, const char* frame_duration = "20")
      : stream(encode_audio({.channels = 2, .seconds = seconds, .options = {{"frame_duration", frame_duration}}})),
        ticks(static_cast<std::uint32_t>(48 * std::atoi(frame_duration))) {}
  [[nodiscard]] std::string payload(std::size_t i) const { return std::string(as_text(stream.packets.at(i).data)); }
  [[nodiscard]] std::size_t size() const { return stream.packets.size(); }
  EncodedStream stream;
  std::uint32_t ticks;
};

ConvertedFile converted_source(const TempDir& folder, MediaKind kind, const std::vector<Codec>& codecs,
                               const OddSource& source, ConvertOptions options = {}, bool loses = false) {
  PacketRecording recording(folder / "call");
  recording.add("track", kind, codecs, source.packets);
  options.output_path = folder / ("files" + std::to_string(entries(folder.path())));
  const auto result = convert(recording.path().string(), options);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  EXPECT_EQ(result->lost_media, loses) << serialize_result(*result);
  return result->files.begin()->second;
}

TEST(OddSenders, OpusOf60And120MsHasItsWholeLengthInEveryContainer) {
  for (const char* length : {"60", "120"})
    for (const Format format : {Format::webm, Format::ogg, Format::mp4, Format::fmp4}) {
      SCOPED_TRACE(std::string(length) + " ms in " + std::string(name_of(format)));
      const OpusSource opus(6, length);
      OddSource source;
      for (std::size_t i = 0; i < opus.size(); ++i, source.time += opus.ticks) source.send(111, opus.payload(i));
      const TempDir folder;
      const auto file = converted_source(folder, MediaKind::audio, {kOpusCodec}, source, {.format = format});
      const double seconds = static_cast<double>(opus.size()) * opus.ticks / 48'000;
      EXPECT_NEAR(probe(file.file).duration_seconds, seconds, 0.02);
      const auto times = packet_times(file.file, "a:0");
      ASSERT_EQ(times.size(), opus.size());
      for (std::size_t i = 1; i < times.size(); ++i) EXPECT_NEAR(times[i] - times[i - 1], opus.ticks / 48'000.0, 0.002);
      EXPECT_EQ(decode_errors(file.file), "");
    }
}

TEST(OddSenders, OpusThatWasNegotiatedWithAnotherClockLastsAsLongAsItPlays) {
  const OpusSource opus(3, "20");
  OddSource source;
  for (std::size_t i = 0; i < opus.size(); ++i, source.time += opus.ticks / 6)
    source.send(111, opus.payload(i));
  const TempDir folder;
  Codec codec = kOpusCodec;
  codec.clock_rate = 8'000;
  for (const Format format : {Format::webm, Format::ogg, Format::mp4}) {
    const auto file = converted_source(folder, MediaKind::audio, {codec}, source, {.format = format});
    EXPECT_NEAR(probe(file.file).duration_seconds, static_cast<double>(opus.size()) * 0.02, 0.02)
        << name_of(format);
    EXPECT_EQ(packet_times(file.file, "a:0").size(), opus.size());
  }
}

// Packets of one byte, 400 ms apart (RFC 6716 section 3.1), before the talk and after it.
TEST(OddSenders, OpusThatBeginsAndEndsInDtxIsHeardWhereItWasSpoken) {
  for (const Format format : {Format::webm, Format::ogg, Format::mp4}) {
    SCOPED_TRACE(name_of(format));
    const OpusSource opus(10);
    OddSource source;
    for (std::size_t i = 0; i < 500; ++i, source.time += opus.ticks) {
      const bool speaks = i >= 150 && i < 350;
      if (speaks) source.send(111, opus.payload(i), i == 150);
      if (!speaks && i % 20 == 0) source.send(111, opus.payload(i).substr(0, 1));
    }
    const TempDir folder;
    const auto file = converted_source(folder, MediaKind::audio, {kOpusCodec}, source, {.format = format});
    EXPECT_GT(loudest(file.file, 3.1, 6.9), 3000);
    EXPECT_LT(loudest(file.file, 0, 2.98), 300);
    EXPECT_LT(loudest(file.file, 7.05, 9.5), 300);
    const auto report = inspect_recording((folder / "call").string());
    ASSERT_TRUE(report);
    EXPECT_EQ(report->tracks.at(0).lost.after_repair, 0U);
  }
}

TEST(OddSenders, PacketTimesThatChangeLoseNoSample) {
  std::string sound;
  OddSource source;
  for (int second = 0; second < 12; ++second)
    for (const int size : {320, 160, 240, 80})
      for (int i = 0; i < 2'000 / size / 1; ++i) {
        std::string payload;
        for (int k = 0; k < size; ++k) payload.push_back(static_cast<char>((sound.size() + payload.size()) % 251));
        source.send(0, payload);
        source.time += static_cast<std::uint32_t>(size);
        sound += payload;
      }
  const TempDir folder;
  const auto file = converted_source(folder, MediaKind::audio, {kPcmuCodec}, source, {.format = Format::mkv});
  EXPECT_NEAR(static_cast<double>(file.duration_ms), static_cast<double>(sound.size()) / 8, 1);
  const auto raw = run("ffmpeg -nostdin -v error -i '" + file.file.string() + "' -c copy -f mulaw -");
  EXPECT_EQ(raw.text, sound);
}

TEST(OddSenders, AFirstPacketOfAnotherTypeIsNoMediaAndNoLoss) {
  const OpusSource opus(3);
  OddSource source;
  for (std::size_t i = 0; i < opus.size(); ++i, source.time += opus.ticks)
    source.send(i == 0 ? 126 : 111, opus.payload(i));
  const TempDir folder;
  (void)converted_source(folder, MediaKind::audio, {kOpusCodec}, source);
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report);
  const TrackReport& track = report->tracks.at(0);
  EXPECT_EQ(track.packets, opus.size() - 1);
  EXPECT_EQ(track.unknown_packets, 1U);
  EXPECT_EQ(track.lost.after_repair, 0U);
  EXPECT_EQ(track.segments.size(), 1U);
}

// A handover: what the network had held up comes in a burst beside what is sent now, in whatever order the two mix.
TEST(OddSenders, ABurstBesideLivePacketsLosesNothing) {
  for (const int stall_s : {3, 5, 8})
    for (const int pace_ms : {1, 3, 8}) {
      SCOPED_TRACE(std::to_string(stall_s) + " s held up, then a packet each " + std::to_string(pace_ms) + " ms");
      OddSource source;
      for (int i = 0; i < 1000; ++i, source.time += 160)
        source.send(0, std::string(156, static_cast<char>(i)) + std::to_string(1000 + i));
      const int first = 300, end = first + 50 * stall_s;
      std::vector<std::pair<std::int64_t, std::string>> arrived;
      for (int i = 0; i < 1000; ++i)
        arrived.emplace_back(i < first || i >= end ? 20 * i : 20 * end + (i - first) * pace_ms, source.packets.at(i));
      std::ranges::stable_sort(arrived, {}, &std::pair<std::int64_t, std::string>::first);
      std::vector<std::string> packets;
      std::vector<std::int64_t> times;
      for (auto& [ms, packet] : arrived) times.push_back(ms), packets.push_back(std::move(packet));
      const TempDir folder;
      PacketRecording recording(folder / "call");
      recording.add("track", MediaKind::audio, {kPcmuCodec}, packets, {}, times);
      ConvertOptions options;
      options.output_path = folder / "files";
      options.format = Format::mkv;
      const auto result = convert(recording.path().string(), options);
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_FALSE(result->lost_media) << serialize_result(*result);
      const auto& file = result->files.begin()->second;
      EXPECT_NEAR(static_cast<double>(file.duration_ms), 20'000, 30);
      const auto times_written = packet_times(file.file, "a:0");
      ASSERT_EQ(times_written.size(), 1000U);
      for (std::size_t i = 0; i < times_written.size(); ++i)
        ASSERT_NEAR(times_written[i], 0.02 * static_cast<double>(i), 0.04) << i;
    }
}

/// Sound and pictures of one call, and when their packets came, ms.
struct OddCall {
  OddSource sound, picture;
  std::vector<std::int64_t> heard, seen;
  const TempDir folder;

  /// Nothing of it is lost.
  [[nodiscard]] ConvertResult converted(const Codec& sound_codec) const {
    PacketRecording recording(folder / "call");
    recording.add("sound", MediaKind::audio, {sound_codec}, sound.packets, {}, heard);
    recording.add("picture", MediaKind::video, {kVp8Codec}, picture.packets, {}, seen);
    ConvertOptions options;
    options.output_path = folder / "files";
    options.format = Format::mkv;
    options.gaps = GapPolicy::keep;
    const auto result = convert(recording.path().string(), options);
    if (!result) {
      ADD_FAILURE() << result.error().message;
      return {};
    }
    EXPECT_FALSE(result->lost_media) << serialize_result(*result);
    return *result;
  }
};

void expect_times(const std::filesystem::path& file, const char* stream, const std::vector<std::int64_t>& came_ms, double within) {
  const auto times = packet_times(file, stream);
  ASSERT_EQ(times.size(), came_ms.size());
  for (std::size_t i = 0; i < times.size(); ++i)
    ASSERT_NEAR(times[i], static_cast<double>(came_ms[i]) / 1e3, within) << stream << " " << i;
}

/// How a sender's RTP time goes on.
struct OddClock {
  const char* name;
  std::uint32_t ticks_of_picture, ticks_of_packet;
};
class StandingClocks : public testing::TestWithParam<OddClock> {};

// RTP time that stands, or counts packets: sound and pictures are where they were when they came, and it is said.
TEST_P(StandingClocks, PlaceMediaByWhatTheyPlayAndWhenTheyCame) {
  const OpusSource opus(20);
  OddCall call;
  auto& [sound, picture, heard, seen, folder] = call;
  std::vector<std::int64_t> came;  // of each picture the first packet
  for (std::size_t i = 0; i < 1000; ++i, sound.time += GetParam().ticks_of_packet) {
    sound.send(111, opus.payload(i));
    heard.push_back(static_cast<std::int64_t>(20 * i + (i >= 500 ? 3'000 : 0)));  // a pause
  }
  const auto pictures = encode_video({.width = 96, .height = 64, .frames = 500, .gop = 50});
  for (std::size_t i = 0; i < pictures.packets.size(); ++i, picture.time += GetParam().ticks_of_picture) {
    const std::string bytes(as_text(pictures.packets[i].data));
    came.push_back(static_cast<std::int64_t>(40 * i));
    for (std::size_t at = 0; at < bytes.size(); at += 600, picture.time += GetParam().ticks_of_packet) {
      picture.send(96, (at == 0 ? "\x10" : std::string(1, '\0')) + bytes.substr(at, 600), at + 600 >= bytes.size());
      seen.push_back(came.back() + static_cast<std::int64_t>(at / 600));
    }
  }
  const ConvertResult result = call.converted(kOpusCodec);
  ASSERT_EQ(result.files.size(), 1U);
  EXPECT_THAT(result.notes, testing::Contains(testing::Field(&ConvertNote::message, testing::HasSubstr("RTP time stands still"))));
  const auto& file = result.files.begin()->second.file;
  expect_times(file, "a:0", heard, 0.02);
  expect_times(file, "v:0", came, 0.02);
  EXPECT_EQ(decode_errors(file), "");
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report);
  for (const TrackReport& track : report->tracks) EXPECT_EQ(track.lost.after_repair, 0U) << track.track_id;
}

INSTANTIATE_TEST_SUITE_P(, StandingClocks,
                         testing::Values(OddClock{"Stand", 0, 0}, OddClock{"CountPackets", 0, 1}, OddClock{"CountPictures", 1, 0}),
                         [](const auto& tested) { return tested.param.name; });

// A clock that is set back: what follows is where it was spoken, not beneath what was said before.
TEST(OddSenders, ClocksThatAreSetBackBeginAnew) {
  for (const std::uint32_t back_ms : {40U, 80U, 200U, 300U, 600U, 900U}) {
    SCOPED_TRACE(std::to_string(back_ms) + " ms back");
    OddCall call;
    auto& [sound, picture, heard, seen, folder] = call;
    for (int i = 0; i < 1000; ++i, sound.time += 160) {
      if (i == 400 || i == 700) sound.time -= 8 * back_ms;
      sound.send(0, std::string(156, static_cast<char>(i)) + std::to_string(1000 + i));
      heard.push_back(20 * i);
    }
    const auto pictures = encode_video({.width = 96, .height = 64, .frames = 500, .gop = 50});
    for (std::size_t i = 0; i < pictures.packets.size(); ++i, picture.time += 3'600) {
      if (i == 250) picture.time -= 90 * (back_ms + 40);
      picture.send(96, "\x10" + std::string(as_text(pictures.packets[i].data)), true);
      seen.push_back(static_cast<std::int64_t>(40 * i));
    }
    const ConvertResult result = call.converted(kPcmuCodec);
    ASSERT_EQ(result.files.size(), 1U);
    expect_times(result.files.begin()->second.file, "a:0", heard, 0.04);
    expect_times(result.files.begin()->second.file, "v:0", seen, 0.04);
  }
}

// A sender that never counts: what has to be left out is said, and costs the exit status.
TEST(OddSenders, NumbersThatStandAreToldAsALoss) {
  OddSource source;
  for (int i = 0; i < 300; ++i, source.time += 160, --source.number) source.send(0, std::string(160, static_cast<char>(i)));
  const TempDir folder;
  (void)converted_source(folder, MediaKind::audio, {kPcmuCodec}, source, {}, true);
}

// A stream that the format cannot hold is missing from the result, unless the format is of one kind of media.
TEST(OddSenders, AStreamThatTheContainerCannotHoldIsALoss) {
  const auto pictures = encode_video({});
  OddSource picture, sound;
  for (const EncodedPacket& packet : pictures.packets) {
    picture.send(96, "\x10" + std::string(as_text(packet.data)), true);
    picture.time += 3'600;
  }
  const OpusSource opus(2);
  for (std::size_t i = 0; i < opus.size(); ++i, sound.time += opus.ticks) sound.send(111, opus.payload(i));
  const TempDir folder;
  PacketRecording recording(folder / "call");
  recording.add("sound", MediaKind::audio, {kOpusCodec}, sound.packets);
  recording.stream = "other";
  recording.add("picture", MediaKind::video, {kVp8Codec}, picture.packets);
  for (const auto& [format, loses] : {std::pair(Format::mkv, false), {Format::mp4, true}, {Format::ogg, false}}) {
    ConvertOptions options;
    options.output_path = folder / std::string(name_of(format));
    options.format = format;
    const auto result = convert(recording.path().string(), options);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->lost_media, loses) << serialize_result(*result);
  }
}

// SFUs pad to the cipher's block size, and mixers name their sources.
TEST(OddSenders, PaddingAndCsrcsInEveryPacketAreNoSound) {
  const OpusSource opus(3);
  OddSource source;
  source.csrcs = 3;
  source.pad_to = 16;
  for (std::size_t i = 0; i < opus.size(); ++i, source.time += opus.ticks) source.send(111, opus.payload(i));
  const TempDir folder;
  const auto file = converted_source(folder, MediaKind::audio, {kOpusCodec}, source);
  const auto decoded = decode_file(file.file);
  ASSERT_EQ(decoded.streams.size(), 1U);
  auto heard = decoded.streams[0].hashes, made = opus.stream.hashes;
  heard.resize(made.size() - 1);  // the file says where in the last one the sound ends
  made.resize(made.size() - 1);
  EXPECT_EQ(heard, made);
  std::vector<std::size_t> sent;
  for (const EncodedPacket& packet : opus.stream.packets) sent.push_back(packet.data.size());
  EXPECT_EQ(decoded.streams[0].sizes, sent);
}

// Another dynamic type after a re-INVITE, which the manifest does not name.
TEST(OddSenders, AnotherPayloadTypeForTheSameCodecIsJoined) {
  const OpusSource opus(12);
  OddSource source;
  for (std::size_t i = 0; i < 600; ++i, source.time += opus.ticks) source.send(i < 300 ? 111 : 109, opus.payload(i));
  const TempDir folder;
  const auto file = converted_source(folder, MediaKind::audio, {kOpusCodec}, source);
  EXPECT_EQ(probe(file.file).packets("audio"), 600);
  EXPECT_NEAR(static_cast<double>(file.duration_ms), 12'000, 30);
}

TEST(OddSenders, ASecondCodecThatCannotBeConvertedIsCountedWithItsSpan) {
  OddSource source;
  for (int i = 0; i < 600; ++i, source.time += 160)
    source.send(i < 300 ? 0 : 18, std::string(i < 300 ? 160 : 20, static_cast<char>(i)));
  const TempDir folder;
  PacketRecording recording(folder / "call");
  recording.add("track", MediaKind::audio, {kPcmuCodec, {.payload_type = 18, .mime_type = "audio/G729", .clock_rate = 8'000}},
                source.packets);
  ConvertOptions options;
  options.output_path = folder / "files";
  const auto result = convert(recording.path().string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->lost_media);
  const auto report = inspect_recording(recording.path().string());
  ASSERT_TRUE(report);
  const auto& left_out = report->tracks.at(0).left_out;
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_EQ(left_out[0].packets, 300U);
  EXPECT_NEAR(left_out[0].start_ms, 6'000, 50);
}

/// VP8 pictures in packets with picture ids (RFC 7741 section 4.2).
struct PictureIds {
  const char* name;
  int bits, first, step;
};
void PrintTo(const PictureIds& of, std::ostream* out) {
  *out << of.name;
}
class OddPictureIds : public testing::TestWithParam<PictureIds> {};

TEST_P(OddPictureIds, CostNoPicture) {
  const PictureIds& ids = GetParam();
  static const EncodedStream vp8 = encode_video({.width = 96, .height = 64, .frames = 300, .gop = 60});
  OddSource source;
  int id = ids.first;
  for (const EncodedPacket& frame : vp8.packets) {
    const std::string bytes(as_text(frame.data));
    for (std::size_t at = 0; at < bytes.size(); at += 900) {
      std::string descriptor{static_cast<char>(at == 0 ? 0x90 : 0x80), '\x80'};
      if (ids.bits == 15) descriptor += static_cast<char>(0x80 | (id >> 8 & 0x7F));
      descriptor += static_cast<char>(ids.bits == 15 ? id : id & 0x7F);
      source.send(96, descriptor + bytes.substr(at, 900), at + 900 >= bytes.size());
    }
    id += ids.step;
    source.time += 3'600;
  }
  const TempDir folder;
  const auto file = converted_source(folder, MediaKind::video, {kVp8Codec}, source, {.format = Format::mkv});
  const auto decoded = decode_file(file.file);
  ASSERT_EQ(decoded.streams.size(), 1U);
  EXPECT_EQ(decoded.streams[0].hashes, vp8.hashes);
  for (std::size_t i = 0; i < decoded.streams[0].times_ns.size(); ++i)
    EXPECT_EQ(decoded.streams[0].times_ns[i], static_cast<std::int64_t>(i) * 40'000'000);
}

INSTANTIATE_TEST_SUITE_P(, OddPictureIds,
                         testing::Values(PictureIds{"SevenBitsWrap", 7, 100, 1}, PictureIds{"FifteenBitsWrap", 15, 32'700, 1},
                                         PictureIds{"StayZero", 15, 0, 0}),
                         [](const auto& tested) { return tested.param.name; });

/// H.264 pictures, whose RTP times and markers a camera sets as it likes.
struct Camera {
  const char* name;
  int pictures_of_a_time;
  bool markers;
};
void PrintTo(const Camera& of, std::ostream* out) {
  *out << of.name;
}
class OddCameras : public testing::TestWithParam<Camera> {};

TEST_P(OddCameras, LoseNoPicture) {
  const Camera& camera = GetParam();
  static const EncodedStream h264 =
      encode_video({.encoder = "libx264", .width = 96, .height = 64, .frames = 100, .gop = 25, .options = {{"x264-params", "repeat-headers=1"}}});
  if (h264.packets.empty()) GTEST_SKIP() << "this FFmpeg has no libx264";
  OddSource source;
  int picture = 0;
  for (const EncodedPacket& frame : h264.packets) {
    std::string_view units = as_text(frame.data);
    while (units.size() > 4) {
      const std::size_t size = load_be<std::uint32_t>(as_bytes(units).data());
      const std::string unit(units.substr(4, size));
      units.remove_prefix(4 + size);
      source.send(96, unit, camera.markers && units.empty());
    }
    if (++picture % camera.pictures_of_a_time == 0) source.time += static_cast<std::uint32_t>(3'600 * camera.pictures_of_a_time);
  }
  const TempDir folder;
  for (const Format format : {Format::mkv, Format::mp4}) {
    SCOPED_TRACE(name_of(format));
    Codec codec = kH264Codec;
    const auto file = converted_source(folder, MediaKind::video, {codec}, source, {.format = format});
    EXPECT_EQ(frame_hashes(file.file, "v:0").size(), h264.packets.size());
    EXPECT_EQ(decode_errors(file.file), "");
  }
}

INSTANTIATE_TEST_SUITE_P(, OddCameras,
                         testing::Values(Camera{"TwoPicturesOfATime", 2, true}, Camera{"NoMarkers", 1, false}),
                         [](const auto& tested) { return tested.param.name; });

// Nothing can be made of what repairs media that are not there, and nobody must take that for a track without media.
TEST(OddSenders, RepairOfMediaOfWhichNothingCameIsNamedWithItsSpan) {
  const Codec kFlexFec{.payload_type = 115, .mime_type = "video/flexfec-03", .clock_rate = 90'000};
  const Codec kRtx{.payload_type = 97, .mime_type = "video/rtx", .clock_rate = 90'000, .sdp_fmtp_line = "97 apt=96"};
  const OpusSource opus(2);
  OddSource sound, fec, probes;
  for (std::size_t i = 0; i < opus.size(); ++i, sound.time += opus.ticks) sound.send(111, opus.payload(i));
  for (int i = 0; i < 30; ++i, fec.time += 3'000, probes.time += 3'000) {
    fec.send(115, std::string(100, 'f'));
    probes.pad_to = 200;
    probes.send(97, "");
  }
  for (const bool repair : {true, false}) {
    const TempDir folder;
    PacketRecording recording(folder / "call");
    recording.add("sound", MediaKind::audio, {kOpusCodec}, sound.packets);
    recording.add("picture", MediaKind::video, {kVp8Codec, kRtx, kFlexFec}, repair ? fec.packets : probes.packets);
    ConvertOptions options;
    options.output_path = folder / "files";
    const auto result = convert(recording.path().string(), options);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->lost_media, repair) << serialize_result(*result);
    const auto report = report_of(result->files.begin()->second);
    const auto picture = std::ranges::find(report["tracks"], "picture", [](const auto& track) { return track["track_id"]; });
    ASSERT_NE(picture, report["tracks"].end()) << report;
    ASSERT_EQ(picture->contains("left_out"), repair) << *picture;
    if (!repair) continue;
    EXPECT_EQ((*picture)["left_out"][0]["codec"], "video/flexfec-03");
    EXPECT_EQ((*picture)["left_out"][0]["packets"], 30);
    EXPECT_NEAR((*picture)["left_out"][0]["end_ms"].get<double>(), 967, 2);
    EXPECT_TRUE(std::ranges::any_of(result->notes, [](const ConvertNote& note) {
      return note.message.contains("(video/flexfec-03) repair media of which nothing has come, from 0:00:00.000 to 0:00:00.96");
    })) << report;
  }
}

// As a server passes on that answers from its memory of packets only (RFC 4588).
TEST(OddSenders, MediaThatComeAsRetransmissionsOnlyAreConvertedAndTheirLossesCounted) {
  const Codec kRtx{.payload_type = 97, .mime_type = "video/rtx", .clock_rate = 90'000, .sdp_fmtp_line = "97 apt=96"};
  const EncodedStream vp8 = encode_video({});
  OddSource rtx;
  std::uint16_t number = 65'530;
  std::size_t missing = 0;
  const std::uint32_t first = rtx.time;
  for (const EncodedPacket& packet : vp8.packets) {
    rtx.time = first + static_cast<std::uint32_t>(packet.time_ns * 9 / 100'000);
    const std::string content(as_text(packet.data));
    for (std::size_t at = 0; at < content.size(); at += 1'000, ++number) {
      const std::string osn{static_cast<char>(number >> 8), static_cast<char>(number)};
      const std::string payload = osn + std::string(1, at == 0 ? '\x10' : '\0') + content.substr(at, 1'000);
      const bool last = at + 1'000 >= content.size();
      if (number == 12) {  // never came
        ++missing;
        continue;
      }
      rtx.send(97, payload, last);
      if (number % 7 == 0) rtx.send(97, payload, last);  // asked for twice
    }
  }
  const TempDir folder;
  const ConvertedFile file = converted_source(folder, MediaKind::video, {kVp8Codec, kRtx}, rtx, {}, true);
  const auto report = report_of(file);
  const auto& track = report["tracks"][0];
  EXPECT_EQ(track["lost"]["after_repair"], missing) << track;
  EXPECT_EQ(track["lost"]["by_rtx"], track["packets"]);
  EXPECT_GT(track["packets"].get<int>(), 20);
  EXPECT_GT(track["duplicates"].get<int>(), 2);
  EXPECT_NEAR(track["end_ms"].get<double>(), 2'000, 70);
}

}  // namespace
}  // namespace rtpx::test
