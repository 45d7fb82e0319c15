#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rtpx::fleet {

/// What can be made of a recording by a worker; each is an rtpx command of the same name, thumbnails are
/// `rtpx frame`, a slice is a part of a film.
enum class JobKind : std::uint8_t { convert, compose, package, thumbnails, report, verify, slice };
inline constexpr JobKind kJobKinds[] = {JobKind::convert,    JobKind::compose, JobKind::package,
                                        JobKind::thumbnails, JobKind::report,  JobKind::verify,
                                        JobKind::slice};
[[nodiscard]] const char* to_string(JobKind kind) noexcept;
[[nodiscard]] std::optional<JobKind> job_kind(std::string_view name) noexcept;

/// Workers take what is `hi` first. Each class is a durable consumer of its own.
enum class JobClass : std::uint8_t { hi, norm, low };
inline constexpr JobClass kJobClasses[] = {JobClass::hi, JobClass::norm, JobClass::low};
[[nodiscard]] const char* to_string(JobClass priority) noexcept;
[[nodiscard]] std::optional<JobClass> job_class(std::string_view name) noexcept;

/// A recording by its names: of the node that recorded it, and of its folder.
struct RecordingName {
  std::string node, recording;
  auto operator<=>(const RecordingName&) const = default;
};

/// One job, as messages and state records have it. It holds no address: where recordings lie is a setting of
/// nodes and workers, so no message makes a worker read or write elsewhere.
struct Job {
  JobKind kind = JobKind::convert;
  JobClass priority = JobClass::norm;
  std::string node;       ///< that recorded it; see is_member_name()
  std::string recording;  ///< folder name: 1 to 255 bytes of UTF-8, a plain name
  /// Counts how often this was ordered: a later order replaces what an earlier one made.
  std::uint64_t generation = 1;
  /// Counts the messages of one order. A message of which nothing is left is published again as the next one.
  std::uint64_t publication = 1;

  int sprites = 100;                         ///< convert, compose: scrub pictures, 0 to 1000
  std::string layout = "grid", title;        ///< compose: one of the five built in; at most 200 bytes
  int width = 1280, height = 720;            ///< compose
  /// compose: of more than one, each is a job of its own (which has all that compose has), and this one joins them.
  int slices = 1;
  int slice = 0;                             ///< slice: 1 to `slices`; 0: the film's sound
  std::vector<std::uint32_t> times_ms = {};  ///< thumbnails: 1 to 100 moments
  /// compose: recordings that are in the film beside this one, up to kMostFilmParts, each once.
  std::vector<RecordingName> parts = {};
  /// convert: what the recording's key is, where it has one, and when it was recorded, since 1970 by the fleet's clock as
  /// far as that is known: of this all nodes know which recordings are parts of one.
  std::string key = {};
  std::int64_t from_ms = 0, until_ms = 0;

  bool operator==(const Job&) const = default;
};

inline constexpr int kMostSlices = 100;
inline constexpr std::size_t kMostFilmParts = 16, kMaxKey = 600;
[[nodiscard]] inline RecordingName name_of(const Job& job) { return {job.node, job.recording}; }
/// A slice of the film that `compose` is to make.
[[nodiscard]] Job slice_of(const Job& compose, int number);
/// Whether a slice is one of the film that `compose` is to make.
[[nodiscard]] bool is_slice_of(const Job& slice, const Job& compose);

/// Names of nodes and workers: 1 to 64 of A-Z a-z 0-9 - _.
[[nodiscard]] bool is_member_name(std::string_view name) noexcept;
/// What a film may be ordered with: even sides of 160x90 to 3840x2160, and the names of layouts that composer.hpp has.
[[nodiscard]] bool is_film_size(std::uint64_t width, std::uint64_t height) noexcept;
[[nodiscard]] bool is_film_layout(std::string_view name) noexcept;

/// Any bytes as one token of a subject or key: all but A-Z a-z 0-9 - _ as "=XX".
[[nodiscard]] std::string encode_token(std::string_view text);

/// The kind; of slices with the number, "slice-3".
[[nodiscard]] std::string kind_token(const Job& job);
/// "job.<node>.<recording>.<kind>": of its state record. The same for every order of the job.
[[nodiscard]] std::string key_of(const Job& job);
/// "jobs.<class>.<node>.<recording>.<kind>": of its messages.
[[nodiscard]] std::string subject_of(const Job& job);
/// Nats-Msg-Id, the same for every try to publish one message.
[[nodiscard]] std::string message_id_of(const Job& job);

/// Of the largest job message that is read.
inline constexpr std::size_t kMaxJobBytes = 16U << 10;
/// Total. nullopt: not a job of this version, or one that names what it must not.
[[nodiscard]] std::optional<Job> parse_job(std::string_view json);
[[nodiscard]] std::string serialize_job(const Job& job);

}  // namespace rtpx::fleet
