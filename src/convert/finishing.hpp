#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/file_system.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// What is made of a written file afterwards: re-encoded pictures, a thumbnail, pictures for scrubbing.
/// Checks the options for it. Errors: invalid_argument.
[[nodiscard]] Result<void> check_finishing(const ConvertOptions& options);

/// Re-encodes `stage` into `<folder>/<stem>` with the extension of its format and answers the new file.
/// `audio_types`: mime types of the other tracks. Errors: those of reencode().
[[nodiscard]] Result<std::filesystem::path> reencode_stage(const std::filesystem::path& stage,
                                                           const std::filesystem::path& folder,
                                                           const std::string& stem,
                                                           const std::vector<std::string>& audio_types,
                                                           const ConvertOptions& options,
                                                           const std::function<void(double)>& progress,
                                                           FileSystem& files);

/// Makes thumbnail and sprites of `file` as the options ask; what fails is told in words.
[[nodiscard]] std::vector<std::string> make_pictures(ConvertedFile& file, const ConvertOptions& options,
                                                     FileSystem& files);

}  // namespace rtpx
