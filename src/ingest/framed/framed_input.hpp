#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ingest/framed/frame_parser.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx {

/// Where a recording ends though its inputs go on; 0: nowhere.
struct FramedLimits {
  std::uint64_t max_bytes = 0;           ///< of RTP and RTCP
  std::chrono::seconds max_duration{0};  ///< after the first packet, by the times that the frames tell
};

/// What came over all pipes and sockets of one recording.
struct FramedStats {
  std::uint64_t packets = 0, rtcp_packets = 0;  ///< that came for known tracks
  std::uint64_t unknown_track = 0;              ///< frames that name a number without a track
  std::uint64_t unknown_frames = 0;             ///< of kinds that this version does not know
  std::uint64_t malformed_frames = 0;           ///< too short for their kind
  std::uint64_t cut_bytes = 0;                  ///< of frames that the end of the input cut
  std::uint64_t bytes = 0;                      ///< of those packets
  std::optional<ReceiveClock::time_point> first_arrival;
  std::string limit;                            ///< that was reached: "max_bytes", "max_duration"; nothing was taken after it
  std::vector<Error> errors;                    ///< that ended an input early; what came before is recorded
};

/// One pipe or connection: its frames go into `recorder`, which outlives it. The tracks of each have their own
/// numbers.
class FramedInput {
 public:
  FramedInput(Recorder& recorder, FramedStats& stats, FramedLimits limits)
      : recorder_(recorder), stats_(stats), limits_(limits) {}

  /// Takes bytes as they came at `now`. False: nothing more can be read from this input (FramedStats::errors).
  [[nodiscard]] bool take(Bytes bytes, ReceiveClock::time_point now);
  /// The input has ended: so do its tracks. Errors: those of Recorder::end_tracks.
  [[nodiscard]] Result<void> end(const std::string& reason);

 private:
  struct InputTrack {
    std::string id;
    Recorder::Track handle;
    bool live = true;
  };
  [[nodiscard]] Result<void> handle(const InputFrame& frame, ReceiveClock::time_point now);
  [[nodiscard]] Result<void> add_tracks(Bytes json);
  void record(const InputFrame& frame, ReceiveClock::time_point now);
  [[nodiscard]] bool reaches_a_limit(std::size_t bytes, ReceiveClock::time_point at);
  [[nodiscard]] ReceiveClock::time_point arrival(std::uint64_t ns, ReceiveClock::time_point now);

  Recorder& recorder_;
  FramedStats& stats_;
  FramedLimits limits_;
  FrameParser parser_;
  std::vector<InputTrack> tracks_;
  std::optional<std::chrono::nanoseconds> clock_offset_;  // ReceiveClock minus the sender's clock
};

/// Records from descriptors until all inputs have ended or a stop is requested: `input` (-1: none), and every
/// connection that `listener` (-1: none) accepts, the last of which ends the recording; or until a limit is reached. Closes neither. The disk sets
/// the pace: what a sender writes faster waits in its pipe instead of being refused. Errors: io.
[[nodiscard]] Result<FramedStats> record_framed(int input, int listener, Recorder& recorder,
                                                const FramedLimits& limits, const std::stop_token& stop);

/// A listening Unix socket at `path`, for the owner alone. A socket there that nobody listens to any more is replaced.
/// Errors: invalid_argument (a path over 107 bytes), already_exists, io.
[[nodiscard]] Result<int> listen_at(const std::string& path);

}  // namespace rtpx
