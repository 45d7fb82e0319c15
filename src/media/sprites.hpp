#pragma once

#include <filesystem>
#include <stop_token>

#include "base/file_system.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

inline constexpr int kMostSprites = 1000;

/// Pictures for scrubbing: `count` pictures at even distances over the file's length in one JPEG, each within
/// 160 x 160, and a WebVTT file whose cues name them by media fragment (`sheet.jpg#xywh=x,y,w,h`). A picture
/// is the keyframe in its stretch of time where there is one, else the picture at the middle. Both files
/// appear under their names only when whole, the sheet first. Errors: invalid_argument (count
/// not 1..kMostSprites), cancelled, and those of write_thumbnail().
[[nodiscard]] Result<void> write_sprites(const std::filesystem::path& video_file,
                                         const std::filesystem::path& jpeg, const std::filesystem::path& vtt,
                                         int count, std::stop_token stop = {}, FileSystem& files = real_file_system());

}  // namespace rtpx
