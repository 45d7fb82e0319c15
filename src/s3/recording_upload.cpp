// A whole recording goes to S3, by a call that waits.
#include <algorithm>
#include <optional>
#include <set>

#include "base/file_system.hpp"
#include "rtpx/s3.hpp"
#include "rtpx/sealed.hpp"
#include "s3/gather.hpp"
#include "s3/names.hpp"
#include "s3/progress_meter.hpp"
#include "s3/recording_growth.hpp"
#include "s3/task_run.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using namespace s3;

constexpr const char* kManifestName = "manifest.json";

std::uint64_t bytes_of(const fs::path& folder, const std::vector<std::string>& files) {
  std::uint64_t sum = 0;
  for (const std::string& file : files) sum += regular_size(folder / file).value_or(0);
  return sum;
}

/// Of a sealed recording, whose locations cannot be rewritten.
bool uploads_manifest_as_file(const TaskState& task) {
  return std::ranges::find(task.files, kManifestName) != task.files.end();
}

bool is_refusal(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::denied || error.code == Errc::already_exists;
}

/// Files that an earlier run stored there and deleted here: what is asked for must still be there.
void add_deleted_files(TaskState& task, const fs::path& folder, const std::string& endpoint) {
  for (const ObjectState& state : load_object_states(folder)) {
    const Target target{endpoint, object_of(task.bucket, task.base_path, folder, state.file)};
    if (state.done && state.target == target && state.file != "manifest.json" &&
        std::ranges::find(task.files, state.file) == task.files.end())
      task.files.push_back(state.file);
  }
}

/// Aborts what a task has under way at the service, and forgets it.
void abandon(Client& client, const fs::path& folder, const TaskState& task, CallContext context) {
  for (const ObjectState& state : load_object_states(folder)) {
    const Target target{task.endpoint, object_of(task.bucket, task.base_path, folder, state.file)};
    if (state.target == target && !state.done)
      (void)ObjectUpload(client, folder, state.file, state.target.object).give_up(context);
  }
  (void)remove_task(folder, task);
}

Result<S3TransferReport> run(Client& client, const fs::path& folder, const TaskState& task,
                             const S3TransferOptions& options) {
  auto whole = read_manifest(folder);
  if (!whole && (whole.error().code == Errc::not_found || uploads_manifest_as_file(task)))
    whole = task.manifest;  // converted files have no other, and a sealed one cannot be read
  if (!whole) return std::unexpected(whole.error());
  ObjectUploads uploads(client);
  RetryBudget budget(options.retry_for, options.on_waiting);
  ProgressMeter meter(options, bytes_of(folder, task.files));
  const TaskOutcome outcome =
      run_task(client, uploads, folder, task, *whole, {budget, options.stop},
               [&](const std::string& file, std::uint64_t bytes) { meter.add(file, bytes); });
  if (outcome.error) return std::unexpected(*outcome.error);
  S3TransferReport report;
  report.bytes = meter.bytes();
  for (const ObjectState& state : outcome.stored) {
    report.objects.push_back(state.target.object.text());
    if (!state.verified) report.unverified.push_back(state.target.object.text());
  }
  if (task.upload_manifest)
    report.objects.push_back(object_of(task.bucket, task.base_path, folder, "manifest.json").text());
  return report;
}

void append(S3TransferReport& to, S3TransferReport from) {
  std::ranges::move(from.objects, std::back_inserter(to.objects));
  std::ranges::move(from.unverified, std::back_inserter(to.unverified));
  std::ranges::move(from.given_up, std::back_inserter(to.given_up));
  to.bytes += from.bytes;
}

/// The queue of a recording that is not there any more: what the service still holds of it is aborted.
Result<S3TransferReport> clear_queue(Client& client, const fs::path& folder, CallContext context) {
  S3TransferReport report;
  std::optional<Error> error;
  for (const ObjectState& state : load_object_states(folder)) {
    if (state.target.endpoint != client.config().endpoint) continue;
    if (!state.done) {
      report.given_up.push_back(state.target.object.text());
      auto given_up = ObjectUpload(client, folder, state.file, state.target.object).give_up(context);
      if (!given_up && !is_refusal(given_up.error())) {
        if (!error) error = given_up.error();
        continue;
      }
    }
    (void)remove_object_state(folder, state);
  }
  if (error) return std::unexpected(*error);
  for (const TaskState& task : load_tasks(folder))
    if (task.endpoint == client.config().endpoint) (void)remove_task(folder, task);
  if (load_object_states(folder).empty() && load_tasks(folder).empty()) {
    std::error_code ignored;
    fs::remove_all(queue_of(folder), ignored);
  }
  return report;
}

Error waits_elsewhere(const fs::path& folder, const TaskState& task, const std::string& here) {
  return {Errc::io, "The upload of " + folder.string() + " to s3://" + task.bucket + " waits for " +
                        task.endpoint + "; this is " + here + ". Name that with --endpoint."};
}

}  // namespace

Result<void> s3::abort_deleted(Client& client, const fs::path& base_folder, CallContext context) {
  for (const fs::path& recording : folders_with_queues(recording_folder(base_folder))) {
    if (fs::is_directory(recording)) continue;
    const auto lock = QueueLock::take(recording);
    if (!lock) continue;
    if (auto cleared = clear_queue(client, recording, context); !cleared) return std::unexpected(cleared.error());
  }
  return {};
}

Result<S3TransferReport> upload_recording(const fs::path& given, const S3Url& prefix,
                                          const S3TransferOptions& options) {
  const fs::path folder = recording_folder(given);
  auto manifest = read_manifest(folder);
  const bool sealed = !manifest && manifest.error().code == Errc::unsupported && is_sealed(folder);
  if (sealed) manifest = Manifest();  // it goes as it is, like every other file
  if (!manifest) return std::unexpected(manifest.error());
  if (options.allow_outside)
    if (auto gathered = gather_outside(*manifest, folder); !gathered) return std::unexpected(gathered.error());
  if (auto ok = check_locations(*manifest, folder); !ok) return std::unexpected(ok.error());
  auto files = files_of_recording(folder);
  if (!files) return std::unexpected(files.error());
  for (const std::string& file : *files)
    if (auto ok = check_plain_name(file); !ok) return std::unexpected(ok.error());
  const auto lock = QueueLock::take(folder);
  if (!lock) return fail(Errc::io, lock.error().message);
  Client client(options.config);
  TaskState task;
  task.endpoint = client.config().endpoint;
  task.bucket = prefix.bucket;
  task.base_path = prefix.key;
  task.files = std::move(*files);
  if (sealed) {
    task.files.emplace_back(kManifestName);
    task.upload_manifest = false;
  }
  task.manifest = *manifest;
  task.delete_after_upload = options.delete_after_upload;
  add_deleted_files(task, folder, task.endpoint);
  for (const TaskState& left : load_tasks(folder))  // an earlier try of the same: one task, one object each
    if (left.endpoint == task.endpoint && left.bucket == task.bucket && left.base_path == task.base_path)
      task.name = left.name;
  const bool is_new = task.name.empty();
  if (auto saved = save_task(folder, task); !saved) return std::unexpected(saved.error());
  auto done = run(client, folder, task, options);
  // What was refused is not queued: the next call may name another bucket.
  if (!done && is_new && is_refusal(done.error())) {
    RetryBudget budget(options.retry_for, options.on_waiting);
    abandon(client, folder, task, {budget, options.stop});
  }
  return done;
}

Result<S3TransferReport> resume_uploads(const fs::path& given, const S3TransferOptions& options) {
  const fs::path folder = recording_folder(given);
  const std::vector<fs::path> recordings = folders_with_queues(folder);
  if (recordings.empty() && !fs::is_directory(folder))
    return fail(Errc::not_found, "There is no folder " + folder.string() + ".");
  Client client(options.config);
  S3TransferReport report;
  std::optional<Error> error;
  const auto take = [&](Result<S3TransferReport> done) {
    if (done)
      append(report, std::move(*done));
    else if (!error)
      error = done.error();
  };
  for (const fs::path& recording : recordings) {
    const auto lock = QueueLock::take(recording);
    if (!lock && lock.error().code == Errc::already_exists) continue;  // not left, but under way
    if (!lock) return std::unexpected(lock.error());
    if (!fs::is_directory(recording)) {
      RetryBudget budget(options.retry_for, options.on_waiting);
      take(clear_queue(client, recording, {budget, options.stop}));
      continue;
    }
    for (const TaskState& task : unfinished_tasks(recording)) {
      if (task.endpoint == client.config().endpoint)
        take(run(client, recording, task, options));
      else if (!error)
        error = waits_elsewhere(recording, task, client.config().endpoint);
      if (error && options.stop.stop_requested()) return std::unexpected(*error);
    }
  }
  if (error) return std::unexpected(*error);
  return report;
}

Result<S3CheckReport> check_stored(const fs::path& given, const S3Url& prefix,
                                   const S3TransferOptions& options) {
  const fs::path folder = recording_folder(given);
  auto files = files_of_recording(folder);
  if (!files) return std::unexpected(files.error());
  std::erase(*files, "recording.json");  // it goes on changing: it says, among others, that it was stored
  Client client(options.config);
  RetryBudget budget(options.retry_for, options.on_waiting);
  const CallContext context{budget, options.stop};
  S3CheckReport report;
  const auto sort_in = [&](const S3Url& object, const Result<Likeness>& like) -> Result<void> {
    if (!like && like.error().code != Errc::not_found) return std::unexpected(like.error());
    if (!like)
      report.missing.push_back(object.text());
    else if (*like == Likeness::different)
      report.different.push_back(object.text());
    else
      (*like == Likeness::same ? report.proven : report.unverified).push_back(object.text());
    return {};
  };
  for (const std::string& file : *files) {
    const S3Url object = object_of(prefix.bucket, prefix.key, folder, file);
    if (auto done = sort_in(object, compare_with_stored(client, folder / file, object, context)); !done)
      return std::unexpected(done.error());
  }
  // Its locations are others there; a recording without one was not stored to its end.
  const S3Url manifest = object_of(prefix.bucket, prefix.key, folder, "manifest.json");
  if (const auto there = client.head(manifest, context); !there) {
    if (there.error().code != Errc::not_found) return std::unexpected(there.error());
    report.missing.push_back(manifest.text());
  }
  return report;
}

}  // namespace rtpx
