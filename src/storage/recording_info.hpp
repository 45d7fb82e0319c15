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

/// Most entries of each list, and bytes of each text: more is cut off when it is read, and refused by what
/// writes it.
inline constexpr std::size_t kMostFacts = 10'000, kMostFactBytes = 4'096;

}  // namespace rtpx
