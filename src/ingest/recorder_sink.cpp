#include <vector>

#include "ingest/packet_sink.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx {
namespace {

class RecorderSink final : public PacketSink {
 public:
  explicit RecorderSink(std::vector<Recorder::Track> tracks) : tracks_(std::move(tracks)) {}

  // What a Recorder refuses, it counts itself.
  void on_rtp(std::size_t track, std::uint8_t rid_index, Bytes packet,
              ReceiveClock::time_point arrival) noexcept override {
    (void)tracks_[track].record(rid_index, packet, PacketInfo{.arrival = arrival});
  }
  void on_rtcp(std::size_t track, Bytes compound, ReceiveClock::time_point arrival) noexcept override {
    (void)tracks_[track].record_rtcp(compound, arrival);
  }

 private:
  std::vector<Recorder::Track> tracks_;
};

}  // namespace

Result<std::shared_ptr<PacketSink>> make_recorder_sink(Recorder& recorder,
                                                       std::span<const MediaStreamTrack> tracks) {
  std::vector<Recorder::Track> handles;
  for (const MediaStreamTrack& track : tracks) {
    auto handle = recorder.track(track.id);
    if (!handle) return std::unexpected(handle.error());
    handles.push_back(*std::move(handle));
  }
  return std::make_shared<RecorderSink>(std::move(handles));
}

}  // namespace rtpx
