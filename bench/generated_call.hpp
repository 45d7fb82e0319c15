#pragma once

#include <filesystem>

namespace rtpx::bench {

enum class Picture { vp8, vp9, av1, h264, h265 };
/// "VP8"
[[nodiscard]] const char* name_of(Picture picture);

/// Writes a recording of a call into `folder` (new or empty): 720p at 30 pictures a second, 2.4 Mbit/s, a
/// keyframe every 10 s, and Opus at 50 packets a second, as a server's Recorder would have stored them: 1.16
/// GB and 1.15 million packets an hour, of any codec. The pictures have true headers and no content.
void generate_call(const std::filesystem::path& folder, double minutes, Picture picture = Picture::vp8);

/// The same call in VP8 over a lossy way, with all that repairs it: 4 % of the picture's packets are lost in
/// short bursts; FlexFEC (draft 03) protects each row of ten, and three of four lost ones come again as RTX
/// 60 ms later. Of the sound 2 % is lost, and RED repeats each packet in the next.
void generate_lossy_call(const std::filesystem::path& folder, double minutes);

}  // namespace rtpx::bench
