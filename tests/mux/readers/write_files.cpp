// Writes files for the readers: every codec and container with a late track, a pause, a change of size, a
// turn. Pictures flash and sound beeps once a second of each track's own time, which the pause stops for
// pictures and not for sound. Picture and sound of WebM and fragments are there as files of their own, too.
// write_reader_files FOLDER; files.json says what is in them.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "mux/support/media.hpp"

namespace {

using namespace rtpx;
using test::EncodedStream;

constexpr std::int64_t kSecond = 1'000'000'000;

struct Trouble {
  const char* name;
  std::int64_t video_late = 0, audio_late = 0, pause = 0;
  bool resized = false;
  int rotation = 0;
};
constexpr Trouble kTroubles[] = {{"plain"},
                                 {"late_video", 1'200'000'000},
                                 {"late_audio", 0, 700'000'000},
                                 {"pause", 0, 0, 2 * kSecond},
                                 {"resized", 0, 0, 0, true},
                                 {"turned", 0, 0, 0, false, 90}};

struct Kind {
  const char* name;
  const char* encoder;
  Format format;
  std::vector<std::pair<std::string, std::string>> options;
};

/// Encodes each source once.
EncodedStream pictures(const Kind& kind, bool large) {
  static std::map<std::string, EncodedStream> made;
  EncodedStream& stream = made[std::string(kind.name) + (large ? " large" : "")];
  if (stream.packets.empty())
    stream = test::encode_video({.encoder = kind.encoder,
                                 .width = large ? 640 : 320,
                                 .height = large ? 480 : 240,
                                 .frames = large ? 25 : 75,
                                 .gop = 25,
                                 .seed = large ? 1 : 0,
                                 .flashes = true,
                                 .options = kind.options});
  return stream;
}

EncodedStream video_of(const Kind& kind, const Trouble& trouble) {
  EncodedStream video = pictures(kind, false);
  if (trouble.resized && !video.packets.empty()) {
    EncodedStream larger = pictures(kind, true);
    video.packets.resize(50);
    for (auto& packet : larger.packets) packet.time_ns += 2 * kSecond;
    video.packets.insert(video.packets.end(), larger.packets.begin(), larger.packets.end());
    video.track.config.width = 640;
    video.track.config.height = 480;
  }
  for (auto& packet : video.packets) {
    packet.time_ns += trouble.video_late + (packet.time_ns >= 2 * kSecond ? trouble.pause : 0);
    packet.duration_ns = 0;  // RTP tells none
  }
  video.track.rotation = trouble.rotation;
  return video;
}

EncodedStream audio_of(const Trouble& trouble) {
  EncodedStream audio =
      test::encode_audio({.seconds = static_cast<double>(3 * kSecond + trouble.pause) / 1e9, .beeps = true});
  for (auto& packet : audio.packets) packet.time_ns += trouble.audio_late;
  return audio;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const std::filesystem::path folder = arguments[1];
  const std::vector<std::pair<std::string, std::string>> b_pictures{
      {"bf", "2"}, {"preset", "fast"}, {"tune", "psnr"}};
  const std::vector<Kind> kinds{{"vp8", "libvpx", Format::webm, {}},
                                {"vp9", "libvpx-vp9", Format::webm, {}},
                                {"av1", "libaom-av1", Format::webm, {}},
                                {"h264", "libx264", Format::mkv, {}},
                                {"vp9", "libvpx-vp9", Format::mp4, {}},
                                {"av1", "libaom-av1", Format::mp4, {}},
                                {"h264", "libx264", Format::mp4, {}},
                                {"h264_b", "libx264", Format::mp4, b_pictures},
                                {"h265", "libx265", Format::mp4, {}},
                                {"vp9", "libvpx-vp9", Format::fmp4, {}},
                                {"av1", "libaom-av1", Format::fmp4, {}},
                                {"h264", "libx264", Format::fmp4, {}},
                                {"h264_b", "libx264", Format::fmp4, b_pictures}};
  nlohmann::json list = nlohmann::json::array();
  for (const Kind& kind : kinds)
    for (const Trouble& trouble : kTroubles) {
      if (trouble.resized && std::string(kind.name).starts_with("h26"))
        continue;  // its own test: sets in band
      const EncodedStream video = video_of(kind, trouble), audio = audio_of(trouble);
      if (video.packets.empty() || audio.packets.empty()) continue;
      const std::string container = kind.format == Format::fmp4 ? "fmp4" : extension_of(kind.format) + 1;
      const std::string name = container + "_" + kind.name + "_" + trouble.name + extension_of(kind.format);
      if (const auto written = test::mux(kind.format, folder / name, {video, audio}); !written) {
        std::fprintf(stderr, "%s: %s\n", name.c_str(), written.error().message.c_str());
        return 1;
      }
      nlohmann::json alone;
      if (kind.format == Format::fmp4 || kind.format == Format::webm)
        for (const auto& [part, stream] : {std::pair("video", &video), std::pair("audio", &audio)}) {
          alone[part] = std::string(part) + "_of_" + name;
          if (const auto written = test::mux(kind.format, folder / std::string(alone[part]), {*stream});
              !written) {
            std::fprintf(stderr, "%s: %s\n", name.c_str(), written.error().message.c_str());
            return 1;
          }
        }
      std::int64_t end = 0;
      for (const auto& packet : video.packets) end = std::max(end, packet.time_ns + kSecond / 25);
      end = std::max(end, audio.packets.back().time_ns + 13'500'000);  // less its pre-skip
      list.push_back({{"file", name},
                      {"alone", alone},
                      {"container", container},
                      {"codec", kind.name},
                      {"trouble", trouble.name},
                      {"video_from", static_cast<double>(trouble.video_late) / 1e9},
                      {"audio_from", static_cast<double>(trouble.audio_late) / 1e9},
                      {"duration", static_cast<double>(end) / 1e9},
                      {"signal", test::kSignal},
                      {"flashes", 3},
                      {"beeps", trouble.pause > 0 ? 5 : 3},
                      {"pictures", video.packets.size()},
                      {"width", trouble.rotation != 0 ? 240 : video.track.config.width}});
    }
  std::ofstream(folder / "files.json") << list.dump(1);
  return 0;
}
