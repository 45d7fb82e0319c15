#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace rtpx::test {

/// What ffprobe says of a file: an opinion that is not ours.
struct Probed {
  double duration_seconds = 0;
  struct Stream {
    std::string kind, codec;  ///< "video", "vp8"
    std::string tag;          ///< of MP4, "avc1"
    int packets = 0;
    int width = 0, height = 0;
    double start_seconds = 0;
    std::string title;  ///< the track's name
  };
  std::vector<Stream> streams;
  [[nodiscard]] int packets(const std::string& kind) const;
};

[[nodiscard]] Probed probe(const std::filesystem::path& file);
/// Presentation times in seconds of the packets of "v:0" or "a:0".
[[nodiscard]] std::vector<double> packet_times(const std::filesystem::path& file, const std::string& stream);
/// What ffmpeg says while it decodes all of the file; empty: no error.
[[nodiscard]] std::string decode_errors(const std::filesystem::path& file);
/// Counter-clockwise degrees of the first stream's display matrix, "-90"; empty: it has none.
[[nodiscard]] std::string display_matrix(const std::filesystem::path& file);
/// What mkvmerge warns of; empty: nothing.
[[nodiscard]] std::string mkvmerge_warnings(const std::filesystem::path& file);
/// MD5 of each decoded frame of "v:0" or "a:0"; `options` are the decoder's.
[[nodiscard]] std::vector<std::string> frame_hashes(const std::filesystem::path& file,
                                                    const std::string& stream,
                                                    const std::string& options = "");

/// Seconds at which the picture turns white, and at which a loud tone begins after half a second of quiet.
[[nodiscard]] std::vector<double> flash_times(const std::filesystem::path& file);
[[nodiscard]] std::vector<double> beep_times(const std::filesystem::path& file);
/// The largest sample, of 32,768, of "a:0" between two times in seconds.
[[nodiscard]] int loudest(const std::filesystem::path& file, double from, double to);

}  // namespace rtpx::test
