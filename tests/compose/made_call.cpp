#include "compose/made_call.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "media/audio_encoder.hpp"
#include "media/picture.hpp"
#include "media/video_encoder.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"
#include "support/payloader.hpp"

namespace rtpx::test {
namespace {

constexpr std::uint8_t kLevelId = 1, kTurnId = 4, kContentId = 6;
constexpr int kColumns = 8, kRows = 2;
constexpr std::size_t kMtu = 1'100;

const Codec kOpusCodec{111, "audio/opus", 48'000, 2, std::nullopt, {}};
const Codec kVp8Codec{96, "video/VP8", 90'000, std::nullopt, std::nullopt, {}};

std::vector<std::string> opus_packets(const MadeCall::Voice& voice) {
  std::vector<std::string> out;
  const auto keep = [&](const Sample& sample) -> Result<void> {
    out.emplace_back(reinterpret_cast<const char*>(sample.data.data()), sample.data.size());
    return {};
  };
  if (voice.in_band_fec) {
    const AudioSource source{
        .seconds = voice.seconds,
        .voice = true,
        .options = {{"b", "24000"}, {"fec", "1"}, {"packet_loss", "30"}, {"application", "voip"}}};
    for (const EncodedPacket& packet : encode_audio(source).packets)
      out.emplace_back(reinterpret_cast<const char*>(packet.data.data()), packet.data.size());
    return out;
  }
  const auto encoder = std::move(*AudioEncoder::open(AudioCodec::opus, {48'000, 1}, {48'000, 1}));
  std::vector<float> samples(static_cast<std::size_t>(voice.seconds * 48'000));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = voice.wave ? voice.wave(voice.from + static_cast<double>(i) / 48'000) : 0;
  encoder->begin(0);
  (void)encoder->push(samples.data(), static_cast<int>(samples.size()), keep);
  (void)encoder->finish(keep);
  return out;
}

/// RFC 7741: one partition, in packets of at most kMtu.
std::vector<std::string> vp8_payloads(const std::string& frame) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < frame.size(); at += kMtu)
    out.push_back((at == 0 ? '\x10' : '\0') + frame.substr(at, kMtu));
  return out;
}

struct Block {
  int left, top, width, height;
};
Block block_of(int bit, int width, int height) {
  const int w = width / kColumns, h = height / (2 * kRows);
  return {bit % kColumns * w, bit / kColumns * h, w, h};
}

/// Pictures of a time, of the camera's size over `smaller`.
void add_pictures(const MadeCall::Camera& camera, double from, double to, int smaller,
                  std::vector<std::pair<double, std::string>>& frames) {
  if (to <= from) return;
  const int width = camera.width / smaller, height = camera.height / smaller;
  Reencode options;
  options.codec = VideoCodec::vp8;
  options.bitrate = "2M";
  options.gop_size = std::max(1, static_cast<int>(camera.keyframe_every * camera.fps));
  options.threads = 1;
  PictureFormat format;
  format.width = width;
  format.height = height;
  format.frame_rate = {camera.fps, 1};
  auto encoder = std::move(*VideoEncoder::open(options, format));
  const auto keep = [&](const Sample& sample) -> Result<void> {
    frames.emplace_back(static_cast<double>(sample.time_ns) / 1e9 - camera.from,
                        std::string(reinterpret_cast<const char*>(sample.data.data()), sample.data.size()));
    return {};
  };
  for (int i = 0; i < static_cast<int>(camera.seconds * camera.fps); ++i) {
    const double now = camera.from + static_cast<double>(i) / camera.fps;
    if (now < from - 1e-6 || now >= to - 1e-6 || (camera.sends && !camera.sends(now))) continue;
    const bool flash = camera.flashes && now - std::floor(now + 1e-6) < 0.1 - 1e-6;
    const PictureCode code{camera.stands ? 1 : static_cast<int>(std::lround(now * camera.fps)),
                           flash ? 220 : camera.shade};
    const int turn = camera.turned ? camera.turned(now) : 0;
    // As a phone sends it that is held otherwise: upright once it is turned.
    const bool swaps = turn % 180 != 0;
    auto picture =
        std::move(*libav::make_picture(AV_PIX_FMT_YUV420P, swaps ? height : width, swaps ? width : height));
    blacken(*picture, PictureScaler::Range::video);
    draw_code(picture->data[0], picture->linesize[0], picture->width, picture->height, code);
    picture = std::move(*oriented(std::move(picture), {(360 - turn) % 360, false}));
    (void)encoder->push(*picture, std::llround(now * 1000) * 1'000'000, keep);
  }
  (void)encoder->finish(keep);
}

}  // namespace

std::function<float(double)> tone(double frequency, float amplitude) {
  return [=](double time) { return amplitude * static_cast<float>(std::sin(2 * M_PI * frequency * time)); };
}

std::function<float(double)> beeps(double frequency) {
  return [=](double time) {
    const double since = time - std::floor(time);
    return since < 0.06 ? 0.4F * static_cast<float>(std::sin(2 * M_PI * frequency * since)) : 0.0F;
  };
}

void draw_code(std::uint8_t* luma, int stride, int width, int height, PictureCode code) {
  for (int y = 0; y < height; ++y)
    std::memset(luma + static_cast<std::ptrdiff_t>(y) * stride, code.shade, static_cast<std::size_t>(width));
  for (int bit = 0; bit < kColumns * kRows; ++bit) {
    const Block block = block_of(bit, width, height);
    const bool one = bit == 15 || ((code.number >> bit) & 1) != 0;  // the last block is always white
    for (int y = block.top; y < block.top + block.height; ++y)
      std::memset(luma + static_cast<std::ptrdiff_t>(y) * stride + block.left, one ? 220 : 30,
                  static_cast<std::size_t>(block.width));
  }
}

PictureCode read_code(const std::uint8_t* luma, int stride, int width, int height) {
  const auto mean = [&](int x, int y) {
    int sum = 0;
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx) sum += luma[(y + dy) * static_cast<std::ptrdiff_t>(stride) + x + dx];
    return sum / 9;
  };
  PictureCode out{0, mean(width * 3 / 4, height * 5 / 8)};
  for (int bit = 0; bit < kColumns * kRows; ++bit) {
    const double w = static_cast<double>(width) / kColumns, h = static_cast<double>(height) / (2 * kRows);
    const int value =
        mean(static_cast<int>((bit % kColumns + 0.5) * w), static_cast<int>((bit / kColumns + 0.5) * h));
    if (value > 90 && value < 160) return {-1, out.shade};
    if (bit == 15) return {value >= 160 ? out.number : -1, out.shade};
    if (value >= 160) out.number |= 1 << bit;
  }
  return out;
}

void MadeCall::add_voice(const std::string& who, const Voice& voice) {
  RtpSource all(111);
  std::vector<std::string> packets;
  std::vector<std::int64_t> arrivals;
  std::uint32_t time = 0;
  for (const std::string& payload : opus_packets(voice)) {
    all.add(time, false, payload);
    const double now = voice.from + time / 48'000.0;
    time += 960;
    std::string packet = all.packets().back();
    if (voice.level)
      packet = with_extension(packet, kLevelId, std::string(1, static_cast<char>(voice.level(now) & 0x7F)));
    if (voice.lost && voice.lost(now)) continue;
    packets.push_back(std::move(packet));
    arrivals.push_back(std::llround(now * 1000));
  }
  std::map<std::string, std::uint8_t> extensions;
  if (voice.level) extensions["urn:ietf:params:rtp-hdrext:ssrc-audio-level"] = kLevelId;
  recording_.add(who + "-mic", MediaKind::audio, {kOpusCodec}, packets, extensions, arrivals);
}

void MadeCall::add_camera(const std::string& who, const std::string& track, const Camera& camera) {
  (void)who;
  std::vector<std::pair<double, std::string>> frames;
  add_pictures(camera, camera.from, std::min(camera.resized_at, camera.from + camera.seconds), 1, frames);
  add_pictures(camera, std::max(camera.resized_at, camera.from), camera.from + camera.seconds, 2, frames);
  RtpSource all(96);
  std::vector<std::string> packets;
  std::vector<std::int64_t> arrivals;
  for (const auto& [time, frame] : frames) {
    const auto payloads = vp8_payloads(frame);
    const double now = camera.from + time;
    const double late = camera.late ? camera.late(now) : 0;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      all.add(static_cast<std::uint32_t>(std::llround((time + late) * 90'000)), i + 1 == payloads.size(), payloads[i]);
      if (i == 0 && camera.lost && camera.lost(now)) continue;
      std::string packet = all.packets().back();
      if (camera.turned)
        packet = with_extension(packet, kTurnId, std::string(1, static_cast<char>(camera.turned(now) / 90)));
      if (camera.screen) packet = with_extension(packet, kContentId, std::string(1, '\1'));
      packets.push_back(std::move(packet));
      arrivals.push_back(std::llround((camera.arrives ? camera.arrives(now) : now + late) * 1000));
    }
  }
  std::map<std::string, std::uint8_t> extensions;
  if (camera.turned) extensions["urn:3gpp:video-orientation"] = kTurnId;
  if (camera.screen)
    extensions["http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"] = kContentId;
  recording_.add(track, MediaKind::video, {kVp8Codec}, packets, extensions, arrivals);
}

void MadeCall::write() const {
  Manifest manifest = *read_manifest(path());
  for (auto& [id, track] : manifest) track.streams = {id.substr(0, id.find('-'))};
  write_file(path() / "manifest.json", serialize_manifest(manifest));
}

}  // namespace rtpx::test
