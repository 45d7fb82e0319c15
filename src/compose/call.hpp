#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rtpx::film {

/// From the one time to the other, which is not part of it; nanoseconds on the film's clock.
struct Span {
  std::int64_t from_ns = 0, to_ns = 0;
  [[nodiscard]] bool holds(std::int64_t time_ns) const noexcept {
    return time_ns >= from_ns && time_ns < to_ns;
  }
  bool operator==(const Span&) const = default;
};

/// Sorted, apart from each other.
using Spans = std::vector<Span>;
[[nodiscard]] bool holds(const Spans& spans, std::int64_t time_ns) noexcept;

/// A picture track of somebody.
struct PictureFacts {
  std::string track;    ///< id
  bool screen = false;  ///< a screen share; else a camera
  Spans shown;          ///< when there are pictures of it
};

/// Who was in the call, and when.
struct Participant {
  std::string id, name;
  Span there;
  std::vector<PictureFacts> pictures;
  bool sound = false;  ///< has a track of it
  Spans muted;         ///< when no sound could be heard of somebody who is there
  Spans speaking;
};

/// Somebody is now the one who is listened to.
struct Turn {
  std::int64_t from_ns = 0;
  std::size_t who = 0;     ///< index of a participant
  int level_dbov = 0;      ///< in the first second, RFC 6464: 0 loudest, -127 silence
  bool louder = false;     ///< than somebody who went on speaking
  bool by_header = false;  ///< the level is the sender's (RFC 6464); else measured
  bool operator==(const Turn&) const = default;
};

/// All that a layout looks at.
struct Call {
  std::vector<Participant> participants;  ///< in the order in which they joined
  std::vector<Turn> turns;                ///< by time
  std::int64_t duration_ns = 0;
};

}  // namespace rtpx::film
