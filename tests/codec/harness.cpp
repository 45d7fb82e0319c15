#include "codec/harness.hpp"

#include <algorithm>
#include <sstream>

namespace rtpx::test {

Depacketized::Depacketized(const Codec& codec, DepacketizerOptions options) {
  auto made = make_depacketizer(
      codec, options,
      [this](const Frame& frame) {
        KeptFrame kept{frame, std::string(as_text(frame.data)), depacketizer_->config()};
        kept.data = {};
        frames.push_back(std::move(kept));
      },
      [this](const Dropped& drop) { dropped.push_back(drop); });
  if (!made) throw std::runtime_error(made.error().message);
  depacketizer_ = std::move(*made);
}

void Depacketized::packet(std::int64_t timestamp, bool marker, const std::vector<std::byte>& payload,
                          int lost) {
  sequence += lost;
  const MediaPacket packet{
      .sequence = sequence++, .timestamp = timestamp, .marker = marker, .payload = payload};
  push(packet);
}

std::size_t Depacketized::lost_references() const {
  return static_cast<std::size_t>(std::ranges::count(frames, true, &KeptFrame::reference_lost));
}
std::size_t Depacketized::keyframes() const {
  return static_cast<std::size_t>(std::ranges::count(frames, FrameKind::key, &KeptFrame::kind));
}
std::size_t Depacketized::dropped_as(Dropped::Reason reason) const {
  return static_cast<std::size_t>(std::ranges::count(dropped, reason, &Dropped::reason));
}

std::string ivf_of(const std::string& codec, const std::vector<std::string>& frames) {
  std::string out = "DKIF" + text({0, 0, 32, 0}) + codec + text({0, 5, 0xD0, 2, 30, 0, 0, 0, 1, 0, 0, 0});
  out.resize(32);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    for (std::size_t value : {frames[i].size(), i, std::size_t{0}})
      for (int k = 0; k < 4; ++k, value >>= 8) out += static_cast<char>(value);
    out += frames[i];
  }
  return out;
}

std::vector<std::string> picture_hashes(const TempDir& folder, const std::string& file,
                                        const std::string& options) {
  if (!run(folder,
           "ffmpeg -v error -y " + options + " -i " + file + " -vsync passthrough -f framemd5 hashes.txt"))
    return {};
  std::vector<std::string> out;
  std::istringstream lines(read_file(folder / "hashes.txt"));
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("#")) out.push_back(line.substr(line.rfind(',') + 1));
  return out;
}

}  // namespace rtpx::test
