#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "recorder/packet_queue.hpp"
#include "recorder/queue_writer.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx {

/// One track of a recorder, until its end is published. record() uses the queues and the rids;
/// the rest is the control side's, under its lock.
struct LiveTrack {
  LiveTrack(MediaStreamTrack track, const std::shared_ptr<QueueShared>& shared);

  /// The position of `rid`, or nullopt. A track without simulcast knows only nullopt.
  [[nodiscard]] std::optional<std::uint8_t> rid_index(
      const std::optional<std::string_view>& rid) const noexcept;

  Outcome record(std::uint8_t rid_index, Bytes packet, const PacketInfo& info) noexcept;
  Outcome record_rtcp(Bytes packet, const std::optional<ReceiveClock::time_point>& arrival) noexcept;

  /// All codecs known: negotiated, then those that came with packets.
  [[nodiscard]] std::vector<Codec> codecs() const;

  const MediaStreamTrack track;
  std::string participant;  ///< empty: none; set before the track is added
  const std::shared_ptr<PacketQueue> media, rtcp;
  std::atomic<bool> codecs_changed{false};  ///< since the manifest was published

  // The control side's.
  std::shared_ptr<QueueWriter> media_writer, rtcp_writer;
  UtcTime start_time{};
  ClockAnchor clock;
  bool live = true;
  unsigned folder_number = 0;  ///< of the recorder's folders, the last one it was live in
  std::optional<UtcTime> ended_at;
  std::string end_reason;
  std::optional<ManifestTrack> stored;        ///< its locations elsewhere; the local files are deleted
  std::string file_stem;                      ///< what its files are called, less their endings
  bool paused = false;                        ///< by itself, whatever the recording does
  std::vector<Pause> pauses;                  ///< its own and the recording's, joined
  std::uint64_t refused_before = 0;           ///< refused or lost before it came to this folder
  std::vector<std::uint64_t> rid_bytes_seen;  ///< when the layers were last compared
  /// Begins or ends a stretch in which nothing is taken; does nothing where that is so already.
  void set_pausing(bool pausing);
  [[nodiscard]] bool pausing() const { return !pauses.empty() && !pauses.back().to_ms; }
  /// Refused, or accepted and lost, of the media.
  [[nodiscard]] std::uint64_t refused() const {
    return media->counters().refused_packets() + media_writer->lost();
  }

  // The dispatcher's: what it has told of.
  struct Told {
    std::uint64_t queue_full = 0, disk_full = 0, packets = 0;
    std::chrono::steady_clock::time_point refused_at{}, packets_at{};
    bool flowing = false;
  };
  Told told;

 private:
  void note_codec(const Codec& codec) noexcept;

  mutable std::mutex codecs_mutex_;
  std::vector<Codec> codecs_;
};

/// The codec that upstream's reader takes a track for: the first that carries media rather than repair.
[[nodiscard]] const Codec* media_codec(const std::vector<Codec>& codecs);

}  // namespace rtpx
