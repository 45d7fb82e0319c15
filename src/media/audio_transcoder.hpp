#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "codec/depacketizer.hpp"
#include "mux/muxer.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

struct AudioTranscoderOptions {
  AudioCodec to = AudioCodec::opus;   ///< not copy
  int sample_rate = 0, channels = 0;  ///< of what comes out, at least; the first that goes in may have more
  bool opus_fec = false;              ///< take the packet before a gap from the next one's in-band FEC
  bool fill_gaps = true;              ///< silence in gaps; else time jumps over gaps of more than 200 ms
  /// Asked before a gap of over 200 ms is filled: false to jump over it all the same.
  std::function<bool(std::int64_t gap_ns)> may_fill{};
};

/// One audio packet at its place in the file.
struct AudioPacket {
  Bytes data;
  std::int64_t time_ns = 0;  ///< from the RTP clock; not before that of an earlier packet
  bool lost_before =
      false;  ///< packets right before it are missing: conceal them; else the gap was silence (DTX)
};

/// Audio of one track, decoded and encoded anew: Opus, G.711, G.722 or L16 in, Opus, AAC, FLAC or L16 out, of
/// one rate and number of channels whatever goes in.
/// What comes out has no gap (see fill_gaps) and stays within 10 ms of the times that went in, by stretching
/// softly where clocks drift. A packet that does not decode is concealed as a lost one, and counted.
class AudioTranscoder {
 public:
  using Sink =
      std::function<Result<void>(const Sample&)>;  ///< sample.track is 0, its data valid during the call

  /// Errors: unsupported (codec, or no such encoder in this FFmpeg), invalid_argument.
  [[nodiscard]] static Result<std::unique_ptr<AudioTranscoder>> create(const std::string& mime_type,
                                                                       const StreamConfig& config,
                                                                       const AudioTranscoderOptions& options);
  virtual ~AudioTranscoder() = default;

  /// What the samples are, for open_muxer(): mime type, configuration, codec delay.
  [[nodiscard]] virtual const OutputTrack& track() const = 0;
  /// The packets from here on are of another codec or configuration. Errors: as create().
  virtual Result<void> change(const std::string& mime_type, const StreamConfig& config, const Sink& sink) = 0;
  virtual Result<void> push(const AudioPacket& packet, const Sink& sink) = 0;
  /// The end: what is left comes out.
  virtual Result<void> finish(const Sink& sink) = 0;

  struct Stats {
    std::uint64_t packets = 0, undecodable = 0, concealed = 0, recovered_by_fec = 0;
    std::int64_t silence_ns = 0;  ///< put into gaps
  };
  [[nodiscard]] virtual const Stats& stats() const = 0;
};

}  // namespace rtpx
