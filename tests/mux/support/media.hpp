#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mux/muxer.hpp"

/// Media from real encoders, and what a real demuxer and decoder make of a file. All of it FFmpeg, in the
/// process.
namespace rtpx::test {

struct EncodedPacket {
  std::vector<std::byte> data;
  std::int64_t time_ns = 0, duration_ns = 0;
  bool keyframe = false;
};

/// As a depacketizer would hand it out: H.264 and H.265 length-prefixed, avcC, hvcC, av1C, OpusHead.
struct EncodedStream {
  OutputTrack track;
  std::vector<EncodedPacket> packets;
  std::vector<std::string> hashes;  ///< of each decoded picture, or of each decoded audio frame
};

/// Where in each second pictures flash and sound beeps, in seconds.
inline constexpr double kSignal = 0.2;

struct VideoSource {
  std::string encoder = "libvpx";
  int width = 320, height = 240, frames = 50, fps = 25, gop = 25;
  int black_frames = 0;  ///< at the start
  int seed = 0;          ///< of the picture: other seeds look different
  bool flashes = false;  ///< dark, but white for two frames from kSignal on in each second
  std::vector<std::pair<std::string, std::string>> options;
};
/// Empty where this build of FFmpeg lacks the encoder.
[[nodiscard]] EncodedStream encode_video(const VideoSource& source);

struct AudioSource {
  std::string encoder = "libopus";
  int sample_rate = 48'000, channels = 1;
  double seconds = 2, frequency = 440;
  bool beeps = false;  ///< a tone of 100 ms from kSignal on in each second, else hardly anything
  bool voice = false;  ///< a voice-like sound instead of a tone: syllables, gliding pitch, overtones
  std::vector<std::pair<std::string, std::string>> options;
};
[[nodiscard]] EncodedStream encode_audio(const AudioSource& source);

/// What encode_audio() encodes, in every channel, at a time in seconds.
[[nodiscard]] double sound(const AudioSource& source, double time);

/// One stream of a file, demuxed and decoded.
struct DecodedStream {
  std::string codec;  ///< FFmpeg's name: "vp8"
  int width = 0, height = 0;
  int sample_rate = 0, channels = 0;
  double rotation = 0;  ///< degrees counter-clockwise of the display matrix; 0 without one
  bool display_matrix = false;
  std::vector<std::int64_t> times_ns;  ///< of the packets
  std::vector<std::int64_t> durations_ns;  ///< of the packets, as the file says or FFmpeg makes up; 0: unknown
  std::vector<std::size_t> sizes;
  std::vector<bool> keyframes;
  std::vector<std::string> hashes;                 ///< of the decoded frames
  std::vector<std::pair<int, int>> picture_sizes;  ///< of the decoded pictures
  std::int64_t samples = 0;                        ///< decoded audio
  std::vector<std::byte> extradata;
  int decode_errors = 0;
};
struct DecodedFile {
  std::string format;
  std::int64_t duration_ns = 0;
  std::string error;  ///< why the file could not be opened; empty: it was
  std::vector<DecodedStream> streams;
};
[[nodiscard]] DecodedFile decode_file(const std::filesystem::path& file);

/// Writes the streams, merged by time, and publishes the file.
[[nodiscard]] Result<void> mux(Format format, const std::filesystem::path& file,
                               const std::vector<EncodedStream>& streams, MuxHints hints = {});

/// Standard output and error of a command, and its exit code.
struct CommandOutput {
  int status = -1;
  std::string text;
};
[[nodiscard]] CommandOutput run(const std::string& command);

}  // namespace rtpx::test
