#include <algorithm>
#include <mutex>
#include <optional>

#include "base/file_system.hpp"
#include "rtpx/s3.hpp"
#include "s3/download.hpp"
#include "s3/names.hpp"
#include "s3/task_run.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using namespace s3;

/// Adds up what moves and tells the caller, one call at a time.
class ProgressMeter {
 public:
  ProgressMeter(const S3TransferOptions& options, std::uint64_t total) : options_(options) {
    progress_.total_bytes = total;
  }
  void add(const std::string& object, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    progress_.bytes += bytes;
    progress_.object = object;
    if (options_.progress) options_.progress(progress_);
  }
  [[nodiscard]] std::uint64_t bytes() const { return progress_.bytes; }

 private:
  const S3TransferOptions& options_;
  std::mutex mutex_;
  S3Progress progress_;
};

std::uint64_t bytes_of(const fs::path& folder, const std::vector<std::string>& files) {
  std::uint64_t sum = 0;
  std::error_code ignored;
  for (const std::string& file : files) {
    const auto size = fs::file_size(folder / file, ignored);
    if (!ignored) sum += size;
  }
  return sum;
}

Result<S3TransferReport> run(Client& client, const fs::path& folder, const TaskState& task,
                             const S3TransferOptions& options) {
  auto whole = read_manifest(folder);
  if (!whole && whole.error().code == Errc::not_found)
    whole = task.manifest;  // converted files have no other
  if (!whole) return std::unexpected(whole.error());
  ObjectUploads uploads(client);
  RetryBudget budget(options.retry_for);
  ProgressMeter meter(options, bytes_of(folder, task.files));
  const TaskOutcome outcome =
      run_task(client, uploads, folder, task, *whole, {budget, options.stop},
               [&](const std::string& file, std::uint64_t bytes) { meter.add(file, bytes); });
  if (outcome.error) return std::unexpected(*outcome.error);
  S3TransferReport report;
  report.bytes = meter.bytes();
  for (const ObjectState& state : outcome.stored) {
    report.objects.push_back(state.object.text());
    if (!state.verified) report.unverified.push_back(state.object.text());
  }
  if (task.upload_manifest)
    report.objects.push_back(object_of(task.bucket, task.base_path, folder, "manifest.json").text());
  return report;
}

void append(S3TransferReport& to, S3TransferReport from) {
  std::ranges::move(from.objects, std::back_inserter(to.objects));
  std::ranges::move(from.unverified, std::back_inserter(to.unverified));
  to.bytes += from.bytes;
}

}  // namespace

Result<S3TransferReport> upload_recording(const fs::path& given, const S3Url& prefix,
                                          const S3TransferOptions& options) {
  const fs::path folder = fs::absolute(given).lexically_normal();
  const auto manifest = read_manifest(folder);
  if (!manifest) return std::unexpected(manifest.error());
  const auto lock = QueueLock::take(folder);
  if (!lock) return fail(Errc::io, lock.error().message);
  TaskState task;
  task.bucket = prefix.bucket;
  task.base_path = prefix.key;
  task.files = files_of_recording(folder);
  task.manifest = *manifest;
  task.delete_after_upload = options.delete_after_upload;
  for (const TaskState& left : load_tasks(folder))  // an earlier try of the same: one task, one object each
    if (left.bucket == task.bucket && left.base_path == task.base_path) task.name = left.name;
  const bool is_new = task.name.empty();
  if (auto saved = save_task(folder, task); !saved) return std::unexpected(saved.error());
  Client client(options.config);
  auto done = run(client, folder, task, options);
  // What was refused is not queued: the next call may name another bucket.
  if (!done && is_new && (done.error().code == Errc::not_found || done.error().code == Errc::denied))
    (void)remove_task(folder, task);
  return done;
}

Result<S3TransferReport> resume_uploads(const fs::path& given, const S3TransferOptions& options) {
  const fs::path folder = fs::absolute(given).lexically_normal();
  if (!fs::is_directory(folder)) return fail(Errc::not_found, "There is no folder " + folder.string() + ".");
  Client client(options.config);
  S3TransferReport report;
  std::optional<Error> error;
  for (const fs::path& recording : folders_with_uploads(folder)) {
    const auto lock = QueueLock::take(recording);
    if (!lock && lock.error().code == Errc::already_exists) continue;  // not left, but under way
    if (!lock) return std::unexpected(lock.error());
    for (const TaskState& task : unfinished_tasks(recording)) {
      auto done = run(client, recording, task, options);
      if (done)
        append(report, std::move(*done));
      else if (!error)
        error = done.error();
      if (error && options.stop.stop_requested()) return std::unexpected(*error);
    }
  }
  if (error) return std::unexpected(*error);
  return report;
}

Result<S3TransferReport> download_recording(const S3Url& prefix, const fs::path& folder,
                                            const S3TransferOptions& options) {
  Client client(options.config);
  RetryBudget budget(options.retry_for);
  const CallContext context{budget, options.stop};
  S3Url below = prefix;
  constexpr std::string_view kManifest = "manifest.json";
  if (below.key.ends_with("/" + std::string(kManifest)) || below.key == kManifest)
    below.key.resize(below.key.size() - kManifest.size());
  if (!below.key.empty() && !below.key.ends_with('/')) below.key += '/';
  const auto objects = client.list(below, context);
  if (!objects) return std::unexpected(objects.error());
  std::uint64_t total = 0, there = 0;
  for (const S3Object& object : *objects) {
    total += object.bytes;
    there += std::min(object.bytes, bytes_there(folder / object.key.substr(below.key.size())));
  }
  if (objects->empty()) return fail(Errc::not_found, "There is nothing below " + below.text() + ".");
  const auto free =
      real_file_system().free_bytes(folder.has_parent_path() ? fs::absolute(folder).parent_path() : ".");
  const std::uint64_t room = options.max_bytes != 0 ? options.max_bytes : free ? *free + there : UINT64_MAX;
  if (total > room)
    return fail(Errc::no_space, below.text() + " has " + std::to_string(total) + " bytes, and " +
                                    std::to_string(room) + " may be used in " + folder.string() + ".");
  ProgressMeter meter(options, total);
  S3TransferReport report;
  for (const S3Object& object : *objects) {
    const std::string name = object.key.substr(below.key.size());
    if (name.empty() || name.ends_with('/')) continue;
    if (auto safe = check_key(name); !safe) return std::unexpected(safe.error());
    const S3Url url{below.bucket, object.key};
    auto got = download_object(client, url, folder / name, 0, context,
                               [&](std::uint64_t bytes) { meter.add(name, bytes); });
    if (!got) return std::unexpected(got.error());
    report.objects.push_back(url.text());
    if (!*got) report.unverified.push_back(url.text());
  }
  report.bytes = meter.bytes();
  return report;
}

Result<std::vector<S3Object>> list_objects(const S3Url& prefix, const S3TransferOptions& options) {
  Client client(options.config);
  RetryBudget budget(options.retry_for);
  return client.list(prefix, {budget, options.stop});
}

}  // namespace rtpx
