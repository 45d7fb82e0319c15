#pragma once

#include <filesystem>
#include <string>

namespace rtpx::test {

/// Bytes that no compression or repetition helps with, the same for a seed.
[[nodiscard]] std::string noise(std::size_t bytes, unsigned seed = 1);

/// A folder as a recorder leaves it: manifest, two tracks with the given sizes, RTCP, recording.json.
void make_recording(const std::filesystem::path& folder, std::size_t audio_bytes, std::size_t video_bytes);

}  // namespace rtpx::test
