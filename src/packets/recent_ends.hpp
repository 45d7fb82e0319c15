#pragma once

#include <memory>

#include "base/recent_files.hpp"
#include "packets/recording.hpp"

namespace rtpx {

/// Of a recording that is under way: what was read of the ends of its files, for the next looks at it and for whoever reads
/// what they have found. It ends with the recording.
class RecentEnds {
 public:
  static constexpr std::size_t kMostBytes = 5U << 19;

  void share_with(Recording& recording) const {
    for (TrackFiles& track : recording.tracks)
      if (track.source) track.source = std::make_shared<RecentFiles>(track.source, bytes_);
  }

 private:
  std::shared_ptr<RecentBytes> bytes_ = std::make_shared<RecentBytes>(kMostBytes);
};

}  // namespace rtpx
