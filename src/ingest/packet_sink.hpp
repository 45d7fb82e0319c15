#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

class Recorder;

/// Where the packets of one publisher go: decrypted, whole, in arrival order within each track. `track` is
/// the position in the list of tracks that the source announced, `rid_index` the position in
/// MediaStreamTrack::rids. Called on one thread at a time; must not wait. The bytes are valid during the call
/// only.
class PacketSink {
 public:
  virtual ~PacketSink() = default;
  virtual void on_rtp(std::size_t track, std::uint8_t rid_index, Bytes packet,
                      ReceiveClock::time_point arrival) noexcept = 0;
  virtual void on_rtcp(std::size_t track, Bytes compound, ReceiveClock::time_point arrival) noexcept = 0;
};

/// A sink that records into `recorder`, which has all of `tracks` already (Recorder::add_tracks). What
/// arrives after the recorder has ended is dropped. Errors: not_found, naming the track.
[[nodiscard]] Result<std::shared_ptr<PacketSink>> make_recorder_sink(
    Recorder& recorder, std::span<const MediaStreamTrack> tracks);

}  // namespace rtpx
