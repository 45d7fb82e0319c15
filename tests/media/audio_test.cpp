#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <opus_multistream.h>

#include <cmath>
#include <functional>

#include "media/audio_decoder.hpp"
#include "media/audio_transcoder.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::EncodedStream;
using test::TempDir;

struct Transcoded {
  EncodedStream stream;
  std::vector<std::int64_t> discards;
  AudioTranscoder::Stats stats;
};

/// Transcodes the packets of `in` but for those that `lost` names, which the next packet then tells of.
Transcoded transcode(
    const EncodedStream& in, const AudioTranscoderOptions& options,
    const std::function<bool(std::size_t)>& lost = [](std::size_t) { return false; }) {
  Transcoded out;
  auto transcoder = AudioTranscoder::create(in.track.mime_type, in.track.config, options);
  EXPECT_TRUE(transcoder) << transcoder.error().message;
  if (!transcoder) return out;
  out.stream.track = (*transcoder)->track();
  const auto sink = [&](const Sample& sample) -> Result<void> {
    out.stream.packets.push_back(
        {{sample.data.begin(), sample.data.end()}, sample.time_ns, sample.duration_ns, true});
    out.discards.push_back(sample.discard_ns);
    return {};
  };
  bool before = false;
  for (std::size_t i = 0; i < in.packets.size(); ++i) {
    if (lost(i)) {
      before = true;
      continue;
    }
    EXPECT_TRUE((*transcoder)->push({in.packets[i].data, in.packets[i].time_ns, before}, sink));
    before = false;
  }
  EXPECT_TRUE((*transcoder)->finish(sink));
  out.stats = (*transcoder)->stats();
  return out;
}

/// The samples of a stream that AudioDecoder takes, placed by time; holes are 0.
std::vector<float> heard(const EncodedStream& stream) {
  const auto decoder = *AudioDecoder::make(stream.track.mime_type, stream.track.config);
  std::vector<float> all, some;
  for (const auto& packet : stream.packets) {
    some.clear();
    decoder->decode(packet.data, some);
    const auto at = static_cast<std::size_t>(packet.time_ns * decoder->sample_rate() / 1'000'000'000) *
                    static_cast<std::size_t>(decoder->channels());
    if (all.size() < at + some.size()) all.resize(at + some.size());
    std::ranges::copy(some, all.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return all;
}

double power(const std::vector<float>& samples, std::size_t begin, std::size_t end) {
  double sum = 0;
  for (std::size_t i = begin; i < end && i < samples.size(); ++i) sum += samples[i] * samples[i];
  return sum / static_cast<double>(end - begin);
}

EncodedStream phone_call(double seconds = 2) {
  return test::encode_audio({.encoder = "pcm_mulaw", .sample_rate = 8'000, .seconds = seconds});
}

TEST(AudioTranscoder, EveryCodecBecomesEveryCodecOfTheSameLength) {
  const std::initializer_list<EncodedStream> sources{
      test::encode_audio({.seconds = 1}),
      test::encode_audio({.channels = 2, .seconds = 1}),
      phone_call(1),
      test::encode_audio({.encoder = "pcm_alaw", .sample_rate = 8'000, .seconds = 1}),
      test::encode_audio({.encoder = "g722", .sample_rate = 16'000, .seconds = 1}),
      test::encode_audio({.encoder = "pcm_s16le", .sample_rate = 44'100, .channels = 2, .seconds = 1})};
  for (const auto& source : sources)
    for (const auto& [to, format] :
         std::initializer_list<std::pair<AudioCodec, Format>>{{AudioCodec::opus, Format::webm},
                                                              {AudioCodec::opus, Format::ogg},
                                                              {AudioCodec::aac, Format::mp4},
                                                              {AudioCodec::aac, Format::mkv},
                                                              {AudioCodec::flac, Format::mkv},
                                                              {AudioCodec::pcm, Format::wav},
                                                              {AudioCodec::pcm, Format::mkv}}) {
      SCOPED_TRACE(source.track.mime_type + " into " + name_of(format) + " as " +
                   std::to_string(static_cast<int>(to)));
      const auto made = transcode(source, {.to = to});
      const TempDir folder;
      auto muxer = open_muxer(format, folder / "a", {made.stream.track}, {.duration_ns = 1'000'000'000});
      ASSERT_TRUE(muxer) << muxer.error().message;
      for (std::size_t i = 0; i < made.stream.packets.size(); ++i)
        ASSERT_TRUE((*muxer)->write({.time_ns = made.stream.packets[i].time_ns,
                                     .duration_ns = made.stream.packets[i].duration_ns,
                                     .keyframe = true,
                                     .discard_ns = made.discards[i],
                                     .data = made.stream.packets[i].data}));
      ASSERT_TRUE((*muxer)->finish());
      const auto decoded = test::decode_file(folder / "a");
      ASSERT_EQ(decoded.streams.size(), 1U) << decoded.error;
      EXPECT_EQ(decoded.streams[0].decode_errors, 0);
      EXPECT_EQ(decoded.streams[0].channels, source.track.config.channels);
      const double expected =
          static_cast<double>(source.packets.back().time_ns + source.packets.back().duration_ns);
      EXPECT_NEAR(static_cast<double>(decoded.duration_ns), expected, 25e6);
      // FFmpeg's Matroska reader leaves AAC's delay in front.
      const int delay = to == AudioCodec::aac && format == Format::mkv ? 1'024 : 0;
      EXPECT_NEAR(
          static_cast<double>(decoded.streams[0].samples - delay) * 1e9 / decoded.streams[0].sample_rate,
          expected, 25e6);
      EXPECT_EQ(made.stats.undecodable, 0U);
      EXPECT_EQ(made.stats.silence_ns, 0);
    }
}

TEST(AudioTranscoder, PcmOfG711AndL16IsExact) {
  for (const auto& source :
       {phone_call(), test::encode_audio({.encoder = "pcm_s16le", .sample_rate = 48'000, .channels = 2})}) {
    const auto made = transcode(source, {.to = AudioCodec::pcm});
    EXPECT_EQ(heard(made.stream), heard(source));
  }
}

TEST(AudioTranscoder, GapsBecomeSilenceAndTimeStaysTrue) {
  auto source = phone_call();
  for (std::size_t i = 0; i < source.packets.size(); ++i)
    source.packets[i].time_ns += i < 30 ? 500'000'000 : 3'500'000'000;  // a late start, then 3 s of nothing
  const auto made = transcode(source, {.to = AudioCodec::pcm});
  EXPECT_EQ(made.stream.packets.front().time_ns, 500'000'000);
  EXPECT_EQ(made.stats.silence_ns, 3'000'000'000);
  const auto all = heard(made.stream);
  EXPECT_EQ(all.size(), 44'000U);  // 0.5 + 2 + 3 s
  EXPECT_GT(power(all, 4'000, 8'800), 0.05);
  EXPECT_LT(power(all, 8'800, 32'800), 1e-9);
  EXPECT_GT(power(all, 32'800, 44'000), 0.05);
}

TEST(AudioTranscoder, LongGapsStayWhereTheyAreToBeKept) {
  auto source = phone_call();
  for (std::size_t i = 50; i < source.packets.size(); ++i) source.packets[i].time_ns += 3'000'000'000;
  for (const AudioCodec to : {AudioCodec::pcm, AudioCodec::opus, AudioCodec::aac, AudioCodec::flac}) {
    const auto made = transcode(source, {.to = to, .fill_gaps = false});
    EXPECT_EQ(made.stats.silence_ns, 0);
    std::int64_t longest = 0, end = 0;
    for (const auto& packet : made.stream.packets) {
      longest = std::max(longest, packet.time_ns - end);
      EXPECT_GE(packet.time_ns, end - 1'000);
      end = packet.time_ns + packet.duration_ns;
    }
    EXPECT_GT(longest, 2'800'000'000) << static_cast<int>(to);
    EXPECT_NEAR(static_cast<double>(end), 5e9, 1.6e8) << static_cast<int>(to);
  }
}

TEST(AudioTranscoder, ADriftingClockIsFollowedWithoutGaps) {
  for (const double ppm : {-400.0, 400.0}) {
    auto source = phone_call(30);
    for (auto& packet : source.packets)
      packet.time_ns += static_cast<std::int64_t>(static_cast<double>(packet.time_ns) * ppm * 1e-6);
    const auto made = transcode(source, {.to = AudioCodec::opus});
    EXPECT_EQ(made.stats.silence_ns, 0);
    const auto& last = made.stream.packets.back();
    EXPECT_NEAR(static_cast<double>(last.time_ns + last.duration_ns - made.discards.back()) / 1e6,
                30'006.5 + 30'000 * ppm * 1e-6, 5)
        << ppm;
  }
}

TEST(AudioTranscoder, LostPacketsAreConcealedAndFecBringsThemBack) {
  const auto source = test::encode_audio(
      {.seconds = 3,
       .voice = true,
       .options = {{"application", "voip"}, {"fec", "1"}, {"packet_loss", "30"}, {"b", "24000"}}});
  const auto lost = [](std::size_t i) { return i > 20 && i % 10 == 5; };
  const auto whole = heard(transcode(source, {.to = AudioCodec::pcm}).stream);
  const auto guessed = transcode(source, {.to = AudioCodec::pcm}, lost);
  const auto recovered = transcode(source, {.to = AudioCodec::pcm, .opus_fec = true}, lost);
  EXPECT_GT(guessed.stats.concealed, 10U);
  EXPECT_EQ(guessed.stats.recovered_by_fec, 0U);
  EXPECT_EQ(guessed.stats.silence_ns, 0);
  EXPECT_GT(recovered.stats.recovered_by_fec, 5U);
  const auto error = [&](const EncodedStream& stream) {
    const auto other = heard(stream);
    EXPECT_EQ(other.size(), whole.size());
    double sum = 0;
    for (std::size_t i = 0; i < whole.size() && i < other.size(); ++i)
      sum += (whole[i] - other[i]) * (whole[i] - other[i]);
    return sum;
  };
  EXPECT_LT(error(recovered.stream), error(guessed.stream) / 2);
}

TEST(AudioTranscoder, AGapWithoutLossIsSilenceNotConcealment) {
  auto source = test::encode_audio({.seconds = 2});
  for (std::size_t i = 50; i < source.packets.size(); ++i) source.packets[i].time_ns += 400'000'000;  // DTX
  const auto made = transcode(source, {.to = AudioCodec::pcm, .opus_fec = true});
  EXPECT_EQ(made.stats.concealed, 0U);
  EXPECT_EQ(made.stats.silence_ns, 400'000'000);
}

TEST(AudioTranscoder, PacketsThatDoNotDecodeAndPacketsSentTwiceDoNoHarm) {
  auto source = test::encode_audio({.seconds = 2});
  source.packets[20].data.assign(3, std::byte{0xFF});  // code 3 with more frames than there can be
  source.packets[30].data.clear();
  source.packets.insert(source.packets.begin() + 40, source.packets[39]);
  const auto made = transcode(source, {.to = AudioCodec::pcm});
  EXPECT_EQ(made.stats.undecodable, 2U);
  EXPECT_EQ(made.stats.concealed, 2U);
  const auto& last = made.stream.packets.back();
  EXPECT_NEAR(static_cast<double>(last.time_ns + last.duration_ns), 2.02e9, 2.5e6);
}

TEST(AudioTranscoder, MultiopusKeepsItsChannels) {
  const auto source = test::encode_audio({.channels = 6, .seconds = 1, .options = {{"mapping_family", "1"}}});
  if (source.packets.empty()) GTEST_SKIP() << "this libopus wrapper makes no 5.1";
  ASSERT_EQ(source.track.config.codec_private.size(), 27U);
  for (const AudioCodec to : {AudioCodec::pcm, AudioCodec::opus, AudioCodec::flac}) {
    const auto made = transcode(source, {.to = to});
    EXPECT_EQ(made.stream.track.config.channels, 6);
    EXPECT_EQ(made.stats.undecodable, 0U);
    EXPECT_GT(made.stream.packets.size(), 8U);
  }
}

TEST(AudioTranscoder, WhatCannotBeTranscodedIsNamed) {
  StreamConfig config;
  config.sample_rate = 8'000;
  config.channels = 1;
  const auto unknown = AudioTranscoder::create("audio/GSM", config, {.to = AudioCodec::opus});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::unsupported);
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("audio/GSM"));
  EXPECT_EQ(AudioTranscoder::create("audio/PCMU", config, {.to = AudioCodec::copy}).error().code,
            Errc::invalid_argument);
  config.codec_private.assign(21, std::byte{0});
  std::memcpy(config.codec_private.data(), "OpusHead\x01\x03\0\0\0\0\0\0\0\0\1\5\7", 21);
  EXPECT_FALSE(AudioTranscoder::create("audio/multiopus", config, {.to = AudioCodec::pcm}));
}

// RFC 7845 section 5.1.1.2 orders the channels as Vorbis does, FFmpeg's layouts as WAVE does.
TEST(OpusDecoder, SurroundComesInTheOrderOfWave) {
  constexpr int kFrame = 960;
  for (const auto& [channels, order] :
       {std::pair(5, std::vector<int>{0, 2, 1, 3, 4}), std::pair(6, std::vector<int>{0, 2, 1, 5, 3, 4}),
        std::pair(8, std::vector<int>{0, 2, 1, 7, 5, 6, 3, 4})})
    for (int wave = 0; wave < channels; ++wave) {
      int streams = 0, coupled = 0, error = 0;
      std::vector<unsigned char> mapping(static_cast<std::size_t>(channels));
      OpusMSEncoder* encoder = opus_multistream_surround_encoder_create(48'000, channels, 1, &streams, &coupled,
                                                                        mapping.data(), OPUS_APPLICATION_AUDIO, &error);
      ASSERT_EQ(error, OPUS_OK);
      std::string head("OpusHead\1", 9);
      head += static_cast<char>(channels) + std::string("\x38\x01\x80\xBB\0\0\0\0\1", 9);
      head += static_cast<char>(streams);
      head += static_cast<char>(coupled);
      head.append(mapping.begin(), mapping.end());
      StreamConfig config;
      config.channels = static_cast<std::uint16_t>(channels);
      config.codec_private.assign(as_bytes(head).begin(), as_bytes(head).end());
      const auto decoder = AudioDecoder::make("audio/opus", config);
      ASSERT_TRUE(decoder) << decoder.error().message;
      std::vector<double> strength(static_cast<std::size_t>(channels));
      for (int frame = 0; frame < 10; ++frame) {
        std::vector<float> in(static_cast<std::size_t>(kFrame * channels)), out;
        for (int i = 0; i < kFrame; ++i)  // low enough for LFE
          in[static_cast<std::size_t>(i * channels + order[static_cast<std::size_t>(wave)])] =
              0.4F * std::sin(2 * 3.14159F * 60 * static_cast<float>(frame * kFrame + i) / 48'000);
        std::vector<unsigned char> packet(20'000);
        const int size = opus_multistream_encode_float(encoder, in.data(), kFrame, packet.data(), 20'000);
        ASSERT_GT(size, 0);
        ASSERT_TRUE((*decoder)->decode(std::as_bytes(std::span(packet.data(), static_cast<std::size_t>(size))), out));
        for (std::size_t i = 0; i < out.size(); ++i) strength[i % strength.size()] += out[i] * out[i];
      }
      opus_multistream_encoder_destroy(encoder);
      EXPECT_EQ(std::ranges::max_element(strength) - strength.begin(), wave) << channels << " channels";
    }
}

}  // namespace
}  // namespace rtpx
