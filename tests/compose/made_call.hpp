#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "support/packet_recording.hpp"

namespace rtpx::test {

/// A call of several people, recorded: real Opus and VP8, whose content says when it was made.
class MadeCall {
 public:
  explicit MadeCall(std::filesystem::path folder) : recording_(std::move(folder)) {}

  struct Voice {
    double from = 0, seconds = 2;
    std::function<float(double)> wave;  ///< of the call's time, s
    std::function<int(double)> level;   ///< -dBov that the packets say (RFC 6464); unset: they say nothing
    std::function<bool(double)> lost;   ///< packets of that time do not arrive
    bool in_band_fec = false;
  };
  void add_voice(const std::string& who, const Voice& voice);

  struct Camera {
    double from = 0, seconds = 2;
    int width = 320, height = 180, fps = 25;
    int shade = 96;                     ///< luma beside the code: tells one from another
    std::function<bool(double)> sends;  ///< unset: always; else pictures of that time are not made
    std::function<bool(double)> lost;   ///< one packet of the picture of that time does not arrive
    std::function<double(double)> late; ///< s by which the picture of that time is taken late
    std::function<double(double)> arrives;  ///< s, when the picture of that time comes; unset: at once
    std::function<int(double)> turned;  ///< degrees clockwise that players must turn it; coded so
    double resized_at = 1e9;            ///< of the call: from then on pictures are half as wide and high
    bool flashes = false;               ///< the shade is white for 100 ms at each whole second
    bool stands = false;                ///< the same picture all the time
    bool screen = false;                ///< says so in its packets
    double keyframe_every = 2;
  };
  /// `track`: its id, begins with `who` and a dash.
  void add_camera(const std::string& who, const std::string& track, const Camera& camera);

  /// Everybody has a stream of his own. To be called last.
  void write() const;
  [[nodiscard]] const std::filesystem::path& path() const { return recording_.path(); }

 private:
  PacketRecording recording_;
};

/// A tone.
[[nodiscard]] std::function<float(double)> tone(double frequency, float amplitude = 0.25F);
/// A tone for 60 ms at each whole second.
[[nodiscard]] std::function<float(double)> beeps(double frequency);

/// The code in a picture: the number of the picture at `fps` in the upper half as 16 blocks in 2 rows, the
/// shade below them.
struct PictureCode {
  int number = -1;  ///< -1: no code is to be read
  int shade = 0;
};
/// Draws the code into a luma plane.
void draw_code(std::uint8_t* luma, int stride, int width, int height, PictureCode code);
/// Reads it from a part of a luma plane.
[[nodiscard]] PictureCode read_code(const std::uint8_t* luma, int stride, int width, int height);

}  // namespace rtpx::test
