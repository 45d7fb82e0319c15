#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/event.hpp"

namespace rtpx {

/// Counts packets that named a track or rid that is not known, by name, for events. The number of names is
/// bounded: they come from the network.
class UnknownTargets {
 public:
  void note(std::string_view track_id, std::string_view rid) noexcept;
  /// The events that are due: each name at once when it is new, then at most once a second.
  [[nodiscard]] std::vector<event::UnknownTarget> due(std::chrono::steady_clock::time_point now);

 private:
  static constexpr std::size_t kMostNames = 256, kLongestName = 256;
  struct Entry {
    std::string track_id, rid;
    std::uint64_t packets = 0;  // since the last event
    std::chrono::steady_clock::time_point reported{};
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace rtpx
