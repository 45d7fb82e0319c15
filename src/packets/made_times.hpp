#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "packets/media_payload.hpp"

namespace rtpx {

struct LayerScan;

/// RTP times for a layer whose sender's stand still or count its packets: sound goes on by what its packets play, the
/// picture by when it came. 16 bytes a sound packet or picture.
class MadeTimes {
 public:
  [[nodiscard]] bool empty() const noexcept { return times_.empty(); }
  /// The packets from this record of the layer on have this time. Records increase.
  void add(std::uint64_t record, std::uint32_t timestamp) {
    if (times_.empty() || times_.back().timestamp != timestamp) times_.push_back({record, timestamp});
  }
  /// Before the first one that was added: its own.
  [[nodiscard]] std::optional<std::uint32_t> at(std::uint64_t record) const {
    const auto next = std::ranges::upper_bound(times_, record, {}, &Time::record);
    return next == times_.begin() ? std::nullopt : std::optional(std::prev(next)->timestamp);
  }

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(times_);
  }

 private:
  struct Time {
    std::uint64_t record = 0;
    std::uint32_t timestamp = 0;

    template <class Archive>
    void archive(Archive& with) {
      with(record, timestamp);
    }
  };
  std::vector<Time> times_;
};

/// Whether the RTP times of this layer go on by so little of the time in which its packets came that they are none.
[[nodiscard]] bool times_stand(const LayerScan& layer, MediaKind kind);

/// Makes the times of one layer, from its packets in file order.
class TimeMaker {
 public:
  TimeMaker(const PayloadTypes& types, MediaKind kind) : types_(types), kind_(kind) {}
  /// The layer's next record.
  void push(const RtpPacket& packet, std::int64_t receive_ms);
  [[nodiscard]] MadeTimes take() { return std::move(made_); }

 private:
  void go_on(const RtpPacket& packet, const MediaPayload& media, int step, std::int64_t receive_ms);

  const PayloadTypes& types_;
  MediaKind kind_;
  std::uint64_t records_ = 0;
  bool begun_ = false;
  // Of the newest packet:
  std::uint32_t ssrc_ = 0, time_ = 0;
  std::uint16_t number_ = 0;
  bool marker_ = false;
  std::int64_t receive_ms_ = 0;  // of its picture's first
  std::uint32_t clock_rate_ = 90'000, ticks_ = 0;
  static constexpr std::size_t kRecent = 512;
  std::array<std::uint32_t, kRecent> recent_{};  // times by number
  MadeTimes made_;
};

}  // namespace rtpx
