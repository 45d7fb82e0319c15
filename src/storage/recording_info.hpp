#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"

namespace rtpx {

/// One of those who take part in a recording, as recording.json names them. The manifest's tracks name their
/// participant by `id`.
struct ParticipantInfo {
  std::string id;
  std::string name;  ///< for people to read; may be empty, need not be unique
  UtcTime joined{};  ///< when it came first
  bool operator==(const ParticipantInfo&) const = default;
};

/// A moment that somebody has marked: a chapter begins there.
struct Mark {
  std::int64_t at_ms = 0;  ///< on the record files' clock (ClockAnchor::receive_time_ms)
  std::string text;
  bool operator==(const Mark&) const = default;
};

/// What concerns a recording's people and course; written into recording.json.
struct RecordingFacts {
  std::vector<std::string> labels;            ///< words to find it by, in the user's order
  std::map<std::string, std::string> metadata;  ///< whatever else the user keeps with it
  std::vector<ParticipantInfo> participants;  ///< in the order in which they came
  std::vector<Mark> marks;                    ///< by time
  std::vector<Pause> pauses;                  ///< of the whole recording, by time
  bool operator==(const RecordingFacts&) const = default;

  /// The participant of that id; null: there is none.
  [[nodiscard]] const ParticipantInfo* participant(const std::string& id) const;
};

/// How far the wall-clock times of a recording are from those of its fleet: what to add to them, and by how much that may
/// be wrong.
struct ClockOffset {
  std::int64_t offset_us = 0, error_us = 0;
  bool operator==(const ClockOffset&) const = default;
};
inline constexpr std::int64_t kMostClockOffsetUs = 3'200'000'000'000'000;  ///< a century; what is more is not believed
inline constexpr std::int64_t kMostClockErrorUs = 3'600'000'000;           ///< an hour, likewise

/// The same as it was known when the recording began, and when it ended; nullopt: it was not.
struct RecordingClock {
  std::optional<ClockOffset> begin, end;
  bool operator==(const RecordingClock&) const = default;

  /// For all of it: the middle of the two, half of whose difference may be wrong besides.
  [[nodiscard]] std::optional<ClockOffset> whole() const;
};

/// Most entries of each list, and bytes of each text: more is cut off when it is read, and refused by what
/// writes it.
inline constexpr std::size_t kMostFacts = 10'000, kMostFactBytes = 4'096;

}  // namespace rtpx
