#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "s3/queue_file.hpp"

namespace rtpx::test {

/// Bytes that no compression or repetition helps with, the same for a seed.
[[nodiscard]] std::string noise(std::size_t bytes, unsigned seed = 1);

/// A folder as a recorder leaves it: manifest, two tracks with the given sizes, RTCP, recording.json.
void make_recording(const std::filesystem::path& folder, std::size_t audio_bytes, std::size_t video_bytes);

/// What the queue knows of a file's upload; of one, where there are several.
[[nodiscard]] std::optional<s3::ObjectState> upload_state(const std::filesystem::path& folder,
                                                          const std::string& file);

}  // namespace rtpx::test
