#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// The tracks of one sender in a recording, that may come back in another session: it goes on in those that it had,
/// where it sends in the same way as before; others are new ones.
class ReturningTracks {
 public:
  struct Plan {
    std::vector<MediaStreamTrack> all;    ///< of the session that begins, in its order, with the recording's ids
    std::vector<MediaStreamTrack> fresh;  ///< of these, those that the recording does not have yet
  };
  /// What a session's `offered` tracks become. Ids are made unique among those of this sender.
  [[nodiscard]] Plan plan(std::span<const MediaStreamTrack> offered) const;
  /// The fresh tracks of a plan, made for `offered`, are in the recording now.
  void keep(const Plan& plan, std::span<const MediaStreamTrack> offered);

 private:
  struct Known {
    std::string id;            // in the recording
    MediaStreamTrack offered;  // as the sender told it
  };
  [[nodiscard]] std::vector<const Known*> same_tracks(std::span<const MediaStreamTrack> offered) const;
  std::vector<Known> known_;
};

}  // namespace rtpx
