#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fleet/job.hpp"

namespace rtpx::fleet {

enum class JobState : std::uint8_t { waiting, running, done, failed, cancelled };
[[nodiscard]] const char* to_string(JobState state) noexcept;
/// Nothing is done about it until it is ordered again.
[[nodiscard]] inline bool is_settled(JobState state) noexcept {
  return state == JobState::done || state == JobState::failed || state == JobState::cancelled;
}

/// What was made, in `<store>/results/<node>/<recording>/<kind>/<name>/`. The name is the token of the claim
/// that made it, so no two claims ever write the same object.
struct JobResult {
  std::string name;
  int exit_code = 0;  ///< of the command: 0, or 1 with losses that it reports
  std::uint64_t files = 0, bytes = 0;
  bool operator==(const JobResult&) const = default;
};

/// The truth about one job: a value of the bucket RTPX_STATE, only ever replaced at a known revision.
struct JobRecord {
  Job job;
  JobState state = JobState::waiting;
  unsigned attempts = 0;  ///< claims of this order that ended in a failure or in silence, and the present one
  std::string worker;     ///< who has it, or had it last
  std::string token;      ///< of the claim that wrote this; empty: a node did
  double fraction = 0;    ///< of a job that is running
  std::string error;      ///< of the last attempt that failed, or why it was given back
  JobResult result;       ///< of a job that is done
  std::int64_t changed_ms = 0;  ///< when, since 1970, by the writer's clock: for people
  bool operator==(const JobRecord&) const = default;
};

/// A record as the store has it.
struct Stored {
  JobRecord record;
  std::uint64_t revision = 0;
  /// For how long it has not changed. Only decides when to take over from the silent, never who is right.
  std::chrono::milliseconds age{0};
};

/// How replacing one ended.
enum class Wrote : std::uint8_t {
  yes,
  refused,  ///< it is not at that revision
  unknown,  ///< no answer: it may have been done, or be done later
};

inline constexpr std::size_t kMaxRecordBytes = 32U << 10;
/// Total. nullopt: not a record of this version.
[[nodiscard]] std::optional<JobRecord> parse_record(std::string_view json);
[[nodiscard]] std::string serialize_record(const JobRecord& record);

/// Tokens of claims: 1 to 40 of A-Z a-z 0-9.
[[nodiscard]] bool is_claim_token(std::string_view token) noexcept;

}  // namespace rtpx::fleet
