#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file_system.hpp"
#include "fleet/record.hpp"
#include "rtpx/s3.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::s3 {
class Client;
class ObjectRelay;
}

namespace rtpx::fleet {

/// The last object of a result, `result.json`: by it the result is whole, and says what it is.
inline constexpr const char* kResultFile = "result.json";
struct ResultFile {
  std::string name;  ///< relative, with slashes between plain names
  std::uint64_t bytes = 0;
};
struct StoredResult {
  JobRecord record;  ///< as of a job that is done
  std::vector<ResultFile> files;
  std::string
      output;  ///< JSON that the command printed, with names in place of paths; empty: it printed none
};
/// Total. nullopt: not a result of this version, or one that names what it must not.
[[nodiscard]] std::optional<StoredResult> parse_result(std::string_view json);
[[nodiscard]] std::string serialize_result(const StoredResult& result);

/// Recordings and results of a fleet on S3:
///   <store>/recordings/<node>/<recording>/…           what nodes upload; workers only read it
///   <store>/recordings/<node>/node.key                see node_pass.hpp
///   <store>/results/<node>/<recording>/<kind>/<name>/…  what workers make; `name` is the token of a claim
/// Calls wait, and try again for five minutes where the service is away. Errors: network, denied, not_found,
/// no_space, io, cancelled. Thread-safe.
class Store {
 public:
  Store(const S3Config& config, S3Url base);
  ~Store();

  [[nodiscard]] S3Url recordings_of(const std::string& node) const;
  [[nodiscard]] S3Url results_of(const Job& job) const;

  /// Brings a recording's files into `folder`. Errors: no_space, also when it has more than `max_bytes`;
  /// not_found, where there is no manifest.json.
  [[nodiscard]] Result<void> fetch(const Job& job, const std::filesystem::path& folder,
                                   std::uint64_t max_bytes, std::stop_token stop) const;
  /// A recording's URL, without a slash at the end.
  [[nodiscard]] std::string url_of(const Job& job) const;
  /// Objects as files, as they are when they are first looked at.
  [[nodiscard]] std::shared_ptr<FileSystem> objects(std::stop_token stop) const;
  /// Reads a recording's objects for a process without network. Errors: too_many_files, io.
  [[nodiscard]] Result<std::unique_ptr<s3::ObjectRelay>> relay(const Job& job) const;
  /// Brings one file of a result into `folder`. Errors: no_space, also when it has more than `max_bytes`.
  [[nodiscard]] Result<void> fetch_result(const Job& job, const std::string& name, const std::string& file,
                                          const std::filesystem::path& folder, std::uint64_t max_bytes,
                                          std::stop_token stop) const;
  /// Stores all regular files of `folder` and of folders in it, then result.json; answers the record's
  /// result.
  [[nodiscard]] Result<JobResult> put(StoredResult result, const std::filesystem::path& folder,
                                      std::stop_token stop) const;
  /// Removes what lies under one name of a job's results, whole or not; result.json first.
  [[nodiscard]] Result<void> discard(const Job& job, const std::string& name, std::stop_token stop) const;

  /// Names of a job's results, and which of them are whole.
  struct Listing {
    std::set<std::string> names, whole;
  };
  [[nodiscard]] Result<Listing> list(const Job& job, std::stop_token stop) const;
  /// Every recording of a node that is stored to its end.
  [[nodiscard]] Result<std::set<std::string>> recordings(const std::string& node, std::stop_token stop) const;
  /// What the recording.json says that was stored with a recording.
  [[nodiscard]] Result<RecordingInfo> about(const RecordingName& recording, std::stop_token stop) const;
  /// Whether a recording is stored to its end. Waits seconds at most.
  [[nodiscard]] Result<bool> has(const RecordingName& recording, std::stop_token stop) const;
  /// What node_pass() is made with; tries until `stop`.
  [[nodiscard]] Result<void> put_node_key(const std::string& node, const std::string& key, std::stop_token stop) const;
  /// Waits seconds at most.
  [[nodiscard]] Result<std::string> node_key(const std::string& node, std::stop_token stop) const;
  [[nodiscard]] Result<StoredResult> result(const Job& job, const std::string& name,
                                            std::stop_token stop) const;
  /// The whole result of the latest order and attempt.
  [[nodiscard]] Result<std::optional<JobRecord>> latest(const Job& job, std::stop_token stop) const;

  /// Bytes of one file of a result, piece by piece.
  [[nodiscard]] Result<void> read(const Job& job, const std::string& name, const std::string& file,
                                  std::uint64_t from, std::uint64_t length,
                                  const std::function<bool(std::string_view)>& sink,
                                  std::stop_token stop) const;

 private:
  [[nodiscard]] Result<void> put_file(const std::filesystem::path& file, std::uint64_t bytes,
                                      const S3Url& object, std::stop_token stop) const;
  std::shared_ptr<s3::Client> client_;
  const S3Url base_;
};

}  // namespace rtpx::fleet
