// Every audio codec into every container and every --audio choice: what ffmpeg decodes from the file is the
// sound that the sender made.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "mux/support/media.hpp"
#include "support/packet_recording.hpp"
#include "support/payloader.hpp"
#include "support/tools.hpp"

namespace rtpx::test {
namespace {

/// A sender of a voice-like sound.
struct Sender {
  std::string name, encoder, mime_type;
  std::uint32_t clock_rate = 8'000;
  int sample_rate = 8'000, channels = 1;
  std::uint8_t payload_type = 96;
};
void PrintTo(const Sender& of, std::ostream* out) {
  *out << of.name;
}

const Sender kPcmu{"PCMU", "pcm_mulaw", "audio/PCMU"};
const Sender kPcma{"PCMA", "pcm_alaw", "audio/PCMA"};
const Sender kG722{"G722", "g722", "audio/G722", 8'000, 16'000};
const Sender kL16{"L16_mono", "pcm_s16le", "audio/L16", 44'100, 44'100};
const Sender kL16Stereo{"L16_stereo", "pcm_s16le", "audio/L16", 44'100, 44'100, 2};
const Sender kL16Wide{"L16_16k", "pcm_s16le", "audio/L16", 16'000, 16'000};
const Sender kL16Full{"L16_48k", "pcm_s16le", "audio/L16", 48'000, 48'000};
const Sender kOpus{"Opus_mono", "libopus", "audio/opus", 48'000, 48'000};
const Sender kOpusStereo{"Opus_stereo", "libopus", "audio/opus", 48'000, 48'000, 2};

AudioSource source_of(const Sender& sender) {
  AudioSource source;
  source.encoder = sender.encoder;
  source.sample_rate = sender.sample_rate;
  source.channels = sender.channels;
  source.seconds = 1;
  source.voice = true;
  if (sender.encoder == "libopus") source.options = {{"b", "96000"}};
  return source;
}

Codec codec_of_sender(const Sender& sender) {
  Codec codec{
      .payload_type = sender.payload_type, .mime_type = sender.mime_type, .clock_rate = sender.clock_rate};
  if (sender.channels == 2) codec.channels = 2;
  return codec;
}

/// One second of packets of 20 ms.
RtpSource packets_of(const Sender& sender) {
  RtpSource out(sender.payload_type);
  std::uint32_t time = 0;
  for (const EncodedPacket& packet : encode_audio(source_of(sender)).packets) {
    std::string payload(as_text(packet.data));
    if (sender.mime_type == "audio/L16")  // RFC 3551 section 4.5.11: network byte order
      for (std::size_t i = 0; i + 1 < payload.size(); i += 2) std::swap(payload[i], payload[i + 1]);
    out.add(time, false, payload);
    time += sender.clock_rate / 50;
  }
  return out;
}

/// The sound of a file, interleaved, in its own rate and channels.
struct Heard {
  int sample_rate = 0, channels = 0;
  std::vector<float> samples;
  [[nodiscard]] double seconds() const {
    return static_cast<double>(samples.size()) / channels / sample_rate;
  }
};

// From the file's zero on: FFmpeg 5 leaves what an AAC encoder puts in front of a Matroska file before it.
Heard hear(const std::filesystem::path& file) {
  const DecodedFile described = decode_file(file);
  Heard out;
  if (described.streams.size() != 1) return out;
  out.sample_rate = described.streams[0].sample_rate;
  out.channels = described.streams[0].channels;
  const auto pcm = run("ffmpeg -nostdin -v error -copyts -i '" + file.string() +
                       "' -af aresample=async=1:first_pts=0 -f f32le -")
                       .text;
  out.samples.resize(pcm.size() / sizeof(float));
  std::memcpy(out.samples.data(), pcm.data(), out.samples.size() * sizeof(float));
  return out;
}

/// How alike one channel of a file is to what was sent.
struct Likeness {
  double correlation = -1;  ///< 1: the same but for its loudness
  double loudness = 0;      ///< 1: as sent
  double late_ms = 0;
};

/// The voice for a second, sampled.
const std::vector<float>& voice(int sample_rate) {
  static std::map<int, std::vector<float>> made;
  auto& samples = made[sample_rate];
  for (int i = static_cast<int>(samples.size()); i < sample_rate; ++i)
    samples.push_back(static_cast<float>(sound({.voice = true}, static_cast<double>(i) / sample_rate)));
  return samples;
}

/// Compares a second of `heard` that begins at `second` with the voice.
Likeness compare(const Heard& heard, int channel, int second) {
  const auto& sent = voice(heard.sample_rate);
  const int most_late = heard.sample_rate * 3 / 1'000, step = std::max(heard.sample_rate / 12'000, 1);
  Likeness best;
  for (int late = -most_late; late <= most_late; ++late) {
    double product = 0, power = 0, power_sent = 0;
    for (int i = heard.sample_rate / 20; i < heard.sample_rate * 19 / 20; i += step) {
      const auto at =
          static_cast<std::size_t>((second * heard.sample_rate + i + late) * heard.channels + channel);
      if (at >= heard.samples.size()) break;
      const double expected = sent[static_cast<std::size_t>(i)], got = heard.samples[at];
      product += got * expected;
      power += got * got;
      power_sent += expected * expected;
    }
    const double correlation = product / std::sqrt(power * power_sent + 1e-12);
    if (correlation > best.correlation)
      best = {correlation, std::sqrt(power / power_sent), late * 1000.0 / heard.sample_rate};
  }
  return best;
}

void expect_the_voice(const Heard& heard, std::initializer_list<int> seconds) {
  ASSERT_GT(heard.channels, 0);
  for (const int second : seconds)
    for (int channel = 0; channel < heard.channels; ++channel) {
      const Likeness found = compare(heard, channel, second);
      EXPECT_GT(found.correlation, 0.95) << "channel " << channel << " from " << second << " s";
      EXPECT_NEAR(found.loudness, 1, 0.1) << "channel " << channel << " from " << second << " s";
      EXPECT_NEAR(found.late_ms, 0, 2) << "channel " << channel << " from " << second << " s";
    }
}

constexpr std::array kFormats{Format::webm, Format::mkv, Format::ogg, Format::wav, Format::mp4, Format::fmp4};
constexpr std::array kEncodings{AudioCodec::copy, AudioCodec::opus, AudioCodec::aac, AudioCodec::flac,
                                AudioCodec::pcm};

const char* mime_type_of(AudioCodec codec, const Sender& sender) {
  switch (codec) {
    case AudioCodec::opus:
      return "audio/opus";
    case AudioCodec::aac:
      return "audio/AAC";
    case AudioCodec::flac:
      return "audio/FLAC";
    case AudioCodec::pcm:
      return "audio/L16";
    case AudioCodec::copy:
      break;
  }
  return sender.mime_type.c_str();
}

/// FFmpeg decodes the last AAC frame of an MP4 whole, though the edit list says where it ends.
double uncut(const Heard& heard, AudioCodec audio, Format format) {
  const bool mp4 = format == Format::mp4 || format == Format::fmp4;
  return audio == AudioCodec::aac && mp4 ? 1'024.0 / heard.sample_rate : 0;
}

class Sound : public testing::TestWithParam<Sender> {};

TEST_P(Sound, IsWhatWasSentInEveryContainer) {
  RTPX_NEEDS("ffmpeg");
  const Sender& sender = GetParam();
  const auto packets = packets_of(sender).packets();
  for (const AudioCodec audio : kEncodings)
    for (const Format format : kFormats) {
      if (!format_holds(format, mime_type_of(audio, sender))) continue;
      SCOPED_TRACE(std::string(mime_type_of(audio, sender)) + " in " + name_of(format));
      const TempDir folder;
      const auto file = converted_track(folder, codec_of_sender(sender), MediaKind::audio, packets,
                                        {.format = format, .audio = audio})
                            .file;
      const Heard heard = hear(file);
      EXPECT_EQ(heard.channels, sender.channels);
      // An Opus encoder ends with two packets more, of which the pre-skip is taken off: 1.0335 s.
      EXPECT_NEAR(heard.seconds(), 1, 0.035 + uncut(heard, audio, format));
      expect_the_voice(heard, {0});
      const bool exact = sender.mime_type == "audio/L16" &&
                         (audio == AudioCodec::copy || audio == AudioCodec::pcm || audio == AudioCodec::flac);
      if (!exact) continue;
      EXPECT_EQ(heard.sample_rate, sender.sample_rate);
      double worst = 0;
      for (std::size_t i = 0; i < heard.samples.size(); ++i) {
        const float sent = voice(sender.sample_rate).at(i / static_cast<std::size_t>(heard.channels));
        worst = std::max<double>(worst, std::abs(heard.samples[i] - sent));
      }
      EXPECT_LT(worst, 2.0 / 32768);
    }
}

INSTANTIATE_TEST_SUITE_P(, Sound,
                         testing::Values(kPcmu, kPcma, kG722, kL16, kL16Stereo, kL16Wide, kOpus, kOpusStereo),
                         [](const auto& tested) { return tested.param.name; });

// Comfort noise (RFC 3389) stands for silence: time goes on, and the voice behind it is where it was.
TEST(SoundWithComfortNoise, KeepsItsPlace) {
  RTPX_NEEDS("ffmpeg");
  Sender noise = kPcmu;
  noise.payload_type = 0;
  const Codec pcmu = codec_of_sender(noise);
  const Codec comfort{.payload_type = 13, .mime_type = "audio/CN", .clock_rate = 8'000};
  std::vector<std::string> packets = packets_of(noise).packets();
  RtpSource quiet(13);
  for (std::uint32_t i = 0; i < 5; ++i) quiet.add(i * 1'600, false, std::string(1, '\x40'));
  const auto between = continued(packets, quiet.packets(), 160);
  packets.insert(packets.end(), between.begin(), between.end());
  const auto after = continued(packets, packets_of(noise).packets(), 1'600);
  packets.insert(packets.end(), after.begin(), after.end());
  for (const AudioCodec audio : kEncodings)
    for (const Format format : kFormats) {
      if (!format_holds(format, mime_type_of(audio, noise))) continue;
      SCOPED_TRACE(std::string(mime_type_of(audio, noise)) + " in " + name_of(format));
      const TempDir folder;
      PacketRecording recording(folder / "call");
      recording.add("track", MediaKind::audio, {pcmu, comfort}, packets);
      const auto heard = hear(converted(recording.path(), folder, {.format = format, .audio = audio}).file);
      EXPECT_NEAR(heard.seconds(), 3, 0.03 + uncut(heard, audio, format));
      expect_the_voice(heard, {0, 2});
    }
}

struct Change {
  Sender before, after;
};
void PrintTo(const Change& of, std::ostream* out) {
  *out << of.before.name << " to " << of.after.name;
}

class SoundThatChanges : public testing::TestWithParam<Change> {
 protected:
  /// One second of each, of one SSRC, numbers going on; packets arrive each 20 ms.
  void record(const std::filesystem::path& folder) const {
    const Sender& before = GetParam().before;
    Sender after = GetParam().after;
    after.payload_type = 97;
    auto packets = packets_of(before).packets();
    const auto second = continued(packets, packets_of(after).packets(), before.clock_rate / 50);
    packets.resize(50);
    packets.insert(packets.end(), second.begin(), second.begin() + 50);
    std::vector<std::int64_t> arrivals;
    for (std::int64_t i = 0; i < 100; ++i) arrivals.push_back(i * 20);
    PacketRecording recording(folder);
    recording.add("track", MediaKind::audio, {codec_of_sender(before), codec_of_sender(after)}, packets, {},
                  arrivals);
  }
};

TEST_P(SoundThatChanges, HasOneRateAndNumberOfChannelsWhenEncodedAnew) {
  RTPX_NEEDS("ffmpeg");
  const TempDir folder;
  record(folder / "call");
  for (const AudioCodec audio : kEncodings)
    for (const Format format : kFormats) {
      if (audio == AudioCodec::copy || !format_holds(format, mime_type_of(audio, kPcmu))) continue;
      SCOPED_TRACE(std::string(mime_type_of(audio, kPcmu)) + " in " + name_of(format));
      const TempDir out;
      const auto file = converted(folder / "call", out, {.format = format, .audio = audio});
      EXPECT_TRUE(file.parts.empty());
      EXPECT_NEAR(static_cast<double>(file.duration_ms), 2'000, 30);
      const Heard heard = hear(file.file);
      EXPECT_EQ(heard.channels, std::max(GetParam().before.channels, GetParam().after.channels));
      EXPECT_GE(heard.sample_rate, std::max(GetParam().before.sample_rate, GetParam().after.sample_rate));
      EXPECT_NEAR(heard.seconds(), 2, 0.03 + uncut(heard, audio, format));
      expect_the_voice(heard, {0, 1});
      EXPECT_EQ(decode_errors(file.file), "");
    }
}

TEST_P(SoundThatChanges, BeginsAPartWhenCopied) {
  RTPX_NEEDS("ffmpeg");
  const TempDir folder;
  record(folder / "call");
  for (const Format format : {Format::mkv, Format::wav}) {
    if (!format_holds(format, GetParam().before.mime_type) ||
        !format_holds(format, GetParam().after.mime_type))
      continue;
    SCOPED_TRACE(name_of(format));
    const TempDir out;
    const auto file = converted(folder / "call", out, {.format = format});
    ASSERT_EQ(file.parts.size(), 1U);
    EXPECT_NEAR(static_cast<double>(file.parts[0].offset_ms), 1'000, 20);
    for (const std::string& part : {file.file.string(), file.parts[0].location}) {
      const Heard heard = hear(part);
      EXPECT_NEAR(heard.seconds(), 1, 0.03);
      expect_the_voice(heard, {0});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, SoundThatChanges,
                         testing::Values(Change{kOpusStereo, kPcmu}, Change{kPcma, kOpusStereo},
                                         Change{kG722, kPcma}, Change{kPcmu, kG722}, Change{kL16Wide, kPcmu},
                                         Change{kL16Stereo, kL16Wide}, Change{kL16Wide, kL16Full}),
                         [](const auto& tested) {
                           return tested.param.before.name + "_to_" + tested.param.after.name;
                         });

}  // namespace
}  // namespace rtpx::test
