#include "s3/recording.hpp"

#include <algorithm>
#include <cstring>
#include <random>

#include "rtpx/manifest.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string out(bytes, '\0');
  for (std::size_t at = 0; at < bytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t next = random();
    std::memcpy(out.data() + at, &next, std::min(sizeof next, bytes - at));
  }
  return out;
}

void make_recording(const std::filesystem::path& folder, std::size_t audio_bytes, std::size_t video_bytes) {
  std::filesystem::create_directories(folder);
  Manifest manifest;
  manifest["audio"].location = "audio.rtpx";
  manifest["audio"].rtcp_location = "audio.rtcpx";
  manifest["audio"].kind = MediaKind::audio;
  manifest["video"].location = "video.rtpx";
  for (auto& [id, track] : manifest) track.rid_map[std::nullopt] = 0;
  write_file(folder / "audio.rtpx", noise(audio_bytes, 1));
  write_file(folder / "audio.rtcpx", "");
  write_file(folder / "video.rtpx", noise(video_bytes, 2));
  write_file(folder / "recording.json", "{}");
  write_file(folder / "manifest.json", serialize_manifest(manifest));
}

std::optional<s3::ObjectState> upload_state(const std::filesystem::path& folder, const std::string& file) {
  for (s3::ObjectState& state : s3::load_object_states(folder))
    if (state.file == file) return std::move(state);
  return std::nullopt;
}

}  // namespace rtpx::test
