// Media of real encoders in payload formats that no capture shows, through convert(), compared with what the
// encoder itself had written: the same pictures and sounds come out of a decoder.

#include <gtest/gtest.h>

#include <algorithm>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "mux/support/media.hpp"
#include "rtp/packet.hpp"
#include "support/packet_recording.hpp"
#include "support/payloader.hpp"
#include "support/tools.hpp"

namespace rtpx::test {
namespace {

// A hierarchy of two temporal layers: B-pictures that nobody refers to. Real SVC encoders announce each slice
// with a prefix NAL unit (H.264 section G.7.3.1.1), which is added here.
TEST(Generated, TheLowerTemporalLayerOfH264IsWhatADecoderShowsWithoutTheHigherOne) {
  RTPX_NEEDS("gst-launch-1.0");
  const TempDir folder;
  ASSERT_TRUE(run(folder,
                  "ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=30:d=1.5 -pix_fmt yuv420p -c:v libx264 "
                  "-x264-params bframes=1:b-adapt=0:b-pyramid=none:keyint=20:scenecut=0 -f matroska in.mkv"));
  const auto payloaded =
      payload_with_gstreamer(folder, "in.mkv", "h264parse ! rtph264pay mtu=600 config-interval=-1");
  RtpSource source(96);
  for (const std::string& bytes : payloaded) {
    const RtpPacket packet = *parse_rtp(as_bytes(bytes));
    const int head = static_cast<int>(packet.payload[0]), type = head & 31;
    const int unit = type == 28 ? static_cast<int>(packet.payload[1]) & 31 : type;
    const bool begins = type != 28 || (static_cast<int>(packet.payload[1]) & 0x80) != 0;
    if (begins && (unit == 1 || unit == 5)) {
      const int reference = head & 0x60;
      const std::string prefix{static_cast<char>(reference | 14), static_cast<char>(0x80), 0,
                               static_cast<char>(reference == 0 ? 0x27 : 0x07)};
      source.add(packet.timestamp, false, prefix);
    }
    source.add(packet.timestamp, packet.marker, std::string(as_text(packet.payload)));
  }
  const Codec codec{.payload_type = 96, .mime_type = "video/H264", .clock_rate = 90'000};
  ConvertOptions options;
  options.max_temporal_layer = 0;
  const auto lower = converted_track(folder, codec, MediaKind::video, source.packets(), options).file;
  const auto expected = frame_hashes(folder / "in.mkv", "v:0", "-skip_frame noref");
  EXPECT_GT(expected.size(), 20U);
  EXPECT_LT(expected.size(), 30U);
  EXPECT_EQ(frame_hashes(lower, "v:0"), expected);
  const auto all = converted_track(folder, codec, MediaKind::video, source.packets()).file;
  EXPECT_EQ(frame_hashes(all, "v:0"), frame_hashes(folder / "in.mkv", "v:0"));
}

// RFC 9628 section 4.2 with F: each picture that is predicted names the one before it.
TEST(Generated, Vp9InFlexibleModeDecodesToTheEncodersOwnPictures) {
  RTPX_NEEDS("ffmpeg");
  const TempDir folder;
  ASSERT_TRUE(
      run(folder,
          "ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=30:d=1.5 -pix_fmt yuv420p -c:v libvpx-vp9 "
          "-deadline realtime -cpu-used 8 -lag-in-frames 0 -g 20 -f ivf in.ivf"));
  RtpSource source(98);
  std::uint32_t picture = 0;
  for (const std::string& frame : read_ivf(folder / "in.ivf")) {
    const bool key = is_vp9_keyframe(frame);
    for (std::size_t done = 0; done < frame.size(); done += 1000) {
      const bool last = done + 1000 >= frame.size();
      const int head = 0x80 | (key ? 0 : 0x40) | 0x10 | (done == 0 ? 0x08 : 0) | (last ? 0x04 : 0);
      std::string payload{static_cast<char>(head), static_cast<char>(0x80 | picture >> 8),
                          static_cast<char>(picture)};
      if (!key) payload += static_cast<char>(1 << 1);  // P_DIFF 1, and no more
      source.add(picture * 3000, last, payload + frame.substr(done, 1000));
    }
    ++picture;
  }
  const Codec codec{.payload_type = 98, .mime_type = "video/VP9", .clock_rate = 90'000};
  const auto file = converted_track(folder, codec, MediaKind::video, source.packets()).file;
  const auto expected = frame_hashes(folder / "in.ivf", "v:0");
  EXPECT_EQ(expected.size(), 45U);
  EXPECT_EQ(frame_hashes(file, "v:0"), expected);
}

/// The packets of an Ogg file without its two header packets (RFC 3533 section 6).
std::vector<std::string> ogg_packets(const std::string& bytes) {
  std::vector<std::string> out(1);
  for (std::size_t at = 0; at + 27 <= bytes.size();) {
    const auto segments = static_cast<std::uint8_t>(bytes[at + 26]);
    std::size_t data = at + 27 + segments;
    for (std::size_t i = 0; i < segments; ++i) {
      const auto size = static_cast<std::uint8_t>(bytes[at + 27 + i]);
      out.back() += bytes.substr(data, size);
      data += size;
      if (size < 255) out.emplace_back();
    }
    at = data;
  }
  out.pop_back();
  out.erase(out.begin(), out.begin() + 2);
  return out;
}

struct OpusCase {
  const char* name;
  const char* encode;  ///< FFmpeg's input and options
  std::uint32_t ticks;
  Codec codec;
};
void PrintTo(const OpusCase& of, std::ostream* out) {
  *out << of.name;
}

class GeneratedSound : public testing::TestWithParam<OpusCase> {};

// Start and end are left out: RTP does not tell the encoder's pre-skip (120 samples at 2.5 ms, else 312,
// which we write), nor where the last packet's sound ends.
TEST_P(GeneratedSound, DecodesToTheEncodersOwnSamples) {
  RTPX_NEEDS("ffmpeg");
  const TempDir folder;
  ASSERT_TRUE(run(folder, "ffmpeg -v error -f lavfi -i " + std::string(GetParam().encode) + " in.ogg"));
  RtpSource source(111);
  std::uint32_t time = 0;
  for (const std::string& packet : ogg_packets(read_file(folder / "in.ogg"))) {
    source.add(time, false, packet);
    time += GetParam().ticks;
  }
  const auto file = converted_track(folder, GetParam().codec, MediaKind::audio, source.packets()).file;
  const auto expected = frame_hashes(folder / "in.ogg", "a:0"), ours = frame_hashes(file, "a:0");
  ASSERT_GE(ours.size(), 8U);
  const auto first = std::ranges::find(expected, ours[1]);
  EXPECT_LE(first - expected.begin(), 2);
  ASSERT_GE(expected.end() - first, 5);
  EXPECT_TRUE(std::equal(first, expected.end() - 2, ours.begin() + 1));
}

OpusCase opus(const char* name, const char* milliseconds, std::uint32_t ticks) {
  static std::vector<std::string> commands;
  commands.reserve(16);
  commands.push_back("sine=d=1.2:r=48000 -ac 2 -c:a libopus -frame_duration " + std::string(milliseconds));
  return {name, commands.back().c_str(), ticks, {111, "audio/opus", 48'000, 2, std::nullopt, {}}};
}

INSTANTIATE_TEST_SUITE_P(
    , GeneratedSound,
    testing::Values(
        opus("Opus_2_5_ms", "2.5", 120), opus("Opus_20_ms", "20", 960), opus("Opus_60_ms", "60", 2880),
        opus("Opus_120_ms", "120", 5760),
        OpusCase{"Multiopus",
                 "anoisesrc=d=1:r=48000 -af 'pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0' -c:a libopus "
                 "-mapping_family 1",
                 960,
                 {111,
                  "audio/multiopus",
                  48'000,
                  6,
                  "111 channel_mapping=0,4,1,2,3,5;num_streams=4;coupled_streams=2",
                  {}}}),
    [](const auto& param_info) { return param_info.param.name; });

/// The sound of a file as 16-bit samples of one channel.
std::vector<double> sound_of(const TempDir& folder, const std::filesystem::path& file) {
  EXPECT_TRUE(run(folder, "ffmpeg -v error -y -i '" + file.string() + "' -ac 1 -ar 48000 -f s16le raw"));
  const std::string raw = read_file(folder / "raw");
  std::vector<double> samples;
  for (std::size_t i = 0; i + 1 < raw.size(); i += 2)
    samples.push_back(static_cast<std::int16_t>(static_cast<unsigned char>(raw[i]) |
                                                static_cast<unsigned char>(raw[i + 1]) << 8));
  return samples;
}

TEST(Generated, LostOpusPacketsComeBackFromTheNextOnesFec) {
  const auto stream = encode_audio(
      {.seconds = 3,
       .voice = true,
       .options = {{"application", "voip"}, {"fec", "1"}, {"packet_loss", "30"}, {"b", "24000"}}});
  ASSERT_GT(stream.packets.size(), 100U);
  RtpSource source(111);
  for (const auto& packet : stream.packets)
    source.add(static_cast<std::uint32_t>(packet.time_ns * 48 / 1'000'000), false,
               std::string(as_text(packet.data)));
  std::vector<std::string> lossy;
  std::size_t lost = 0;
  for (std::size_t i = 0; i < source.packets().size(); ++i)
    if (i > 20 && i % 10 == 5)
      ++lost;
    else
      lossy.push_back(source.packets()[i]);

  struct Made {
    TempDir folder;
    std::vector<double> sound;
    std::uint64_t concealed = 0, by_fec = 0;
  };
  const auto make = [](Made& made, const std::vector<std::string>& packets, bool opus_fec) {
    PacketRecording recording(made.folder / "call");
    recording.add("track", MediaKind::audio, {{111, "audio/opus", 48'000, 2, std::nullopt, {}}}, packets);
    ConvertOptions options;
    options.output_path = made.folder / "files";
    options.audio = AudioCodec::pcm;
    options.opus_fec = opus_fec;
    const auto result = convert(recording.path().string(), options);
    ASSERT_TRUE(result) << result.error().message;
    made.sound = sound_of(made.folder, result->files.at("call").file);
    const auto report = track_report(result->files.at("call"));
    made.concealed = report["concealed_packets"];
    made.by_fec = report["opus_fec_packets"];
  };
  Made whole, guessed, recovered;
  make(whole, source.packets(), false);
  make(guessed, lossy, false);
  make(recovered, lossy, true);
  EXPECT_EQ(guessed.concealed, lost);
  EXPECT_EQ(guessed.by_fec, 0U);
  EXPECT_GT(recovered.by_fec, lost / 2);
  EXPECT_EQ(recovered.by_fec + recovered.concealed, lost);
  const auto error = [&](const Made& other) {
    EXPECT_EQ(other.sound.size(), whole.sound.size());
    double sum = 0;
    for (std::size_t i = 0; i < std::min(whole.sound.size(), other.sound.size()); ++i)
      sum += (whole.sound[i] - other.sound[i]) * (whole.sound[i] - other.sound[i]);
    return sum;
  };
  EXPECT_LT(error(recovered), error(guessed) / 2);
}

}  // namespace
}  // namespace rtpx::test
