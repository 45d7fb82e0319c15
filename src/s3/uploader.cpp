#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/thread.hpp"
#include "rtpx/s3.hpp"
#include "s3/names.hpp"
#include "s3/task_run.hpp"

namespace rtpx {
namespace s3 {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kGrowthPatience{5};
constexpr std::chrono::seconds kGrowthPause{10};  // before growing files are tried again after a failure

UploadTaskRef next_ref() {
  static std::atomic<std::uint64_t> last = 0;
  return {++last};
}

/// Tasks run one after another on one thread; growing files are served by another, so that an end never waits
/// for them longer than a part.
class S3Uploader final : public Uploader {
 public:
  explicit S3Uploader(S3UploadConfig config)
      : config_(std::move(config)),
        client_(config_.overrides),
        uploads_(client_),
        tasks_thread_(start_thread("rtpx-s3-tasks", [this] { run_tasks(stop_.get_token()); })),
        growth_thread_(start_thread("rtpx-s3-growth", [this] { run_growth(stop_.get_token()); })) {}

  ~S3Uploader() override {
    stop_.request_stop();
    tasks_thread_.join();
    growth_thread_.join();
    for (Job& job : jobs_)
      answer(job,
             {job.task.manifest,
              {},
              Error{Errc::cancelled, "The uploader was stopped; the upload goes on at the next start."}});
  }

  UploadTaskRef upload(Task task, Done done) override {
    Job job;
    job.ref = next_ref();
    job.folder = recording_folder(task.folder);
    job.done = std::move(done);
    job.whole = std::move(task.whole);
    job.task.endpoint = client_.config().endpoint;
    job.task.bucket = config_.bucket_name;
    job.task.base_path = config_.base_path;
    job.task.upload_manifest = config_.upload_manifest;
    job.task.delete_after_upload = config_.delete_after_upload;
    for (const fs::path& file : task.files) job.task.files.push_back(file.string());
    if (std::ranges::find(job.task.files, "manifest.json") != job.task.files.end())
      job.task.upload_manifest = false;  // a sealed one, which goes as it is
    job.task.manifest = std::move(task.manifest);
    const UploadTaskRef ref = job.ref;
    for (const std::string& file : job.task.files)
      if (auto ok = check_plain_name(file); !ok) job.failed_before = ok.error();
    if (!job.failed_before)
      if (auto saved = save_task(job.folder, job.task); !saved) job.failed_before = saved.error();
    if (auto held = hold(job.folder); !held) job.failed_before = held.error();
    push(std::move(job));
    return ref;
  }

  void file_growing(const fs::path& file, std::uint64_t bytes) override {
    const fs::path folder = recording_folder(file.parent_path());
    if (!check_plain_name(file.filename().string()) || !hold(folder)) return;  // its end will tell
    const std::lock_guard lock(mutex_);
    growth_[folder / file.filename()] = bytes;
    changed_.notify_all();
  }

  void prove(fs::path folder, std::vector<fs::path> files, Proven answer) override {
    const std::lock_guard lock(mutex_);
    questions_.push_back({recording_folder(folder), std::move(files), std::move(answer)});
    changed_.notify_all();
  }

  void resume(const fs::path& base_folder, Done done) override {
    for (const fs::path& folder : folders_with_queues(recording_folder(base_folder))) {
      if (holds(folder)) continue;  // ours, and under way
      for (TaskState& task : unfinished_tasks(folder)) {
        if (task.bucket != config_.bucket_name || task.endpoint != client_.config().endpoint)
          continue;                // another uploader's
        if (!hold(folder)) break;  // another uploader is at it
        Job job;
        job.ref = next_ref();
        job.folder = folder;
        job.done = done;
        job.task = std::move(task);
        if (auto whole = read_manifest(folder)) job.whole = std::move(*whole);
        push(std::move(job));
      }
    }
  }

 private:
  struct Job {
    UploadTaskRef ref;
    fs::path folder;
    TaskState task;
    Manifest whole;
    Done done;
    std::optional<Error> failed_before;
  };

  struct Question {
    fs::path folder;
    std::vector<fs::path> files;
    Proven answer;
  };

  /// Makes the folder's queue ours until nothing of it is left to do.
  Result<void> hold(const fs::path& folder) {
    const std::lock_guard lock(mutex_);
    if (held_.contains(folder)) return {};
    auto taken = QueueLock::take(folder);
    if (!taken) return std::unexpected(taken.error());
    held_.emplace(folder, std::move(*taken));
    return {};
  }
  bool holds(const fs::path& folder) {
    const std::lock_guard lock(mutex_);
    return held_.contains(folder);
  }
  void let_go_when_done(const fs::path& folder) {
    const std::lock_guard lock(mutex_);
    const auto in_folder = [&](const Job& job) { return job.folder == folder; };
    const auto grows_there = [&](const auto& growing) { return growing.first.parent_path() == folder; };
    if (std::ranges::none_of(jobs_, in_folder) && std::ranges::none_of(growth_, grows_there) &&
        !uploads_.any_in(folder))
      held_.erase(folder);
  }

  void push(Job job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    changed_.notify_all();
  }

  static void answer(Job& job, TaskOutcome outcome) {
    if (!job.done) return;
    if (outcome.error)
      job.done(job.ref, event::UploadFailed{job.ref, std::move(outcome.manifest), *outcome.error});
    else
      job.done(job.ref, event::UploadComplete{job.ref, std::move(outcome.manifest)});
  }

  void run_tasks(std::stop_token stop) {
    while (auto job = next_job(stop)) {
      TaskOutcome outcome{job->task.manifest, {}, job->failed_before};
      if (!job->failed_before) {
        RetryBudget budget(config_.retry_for);
        const Manifest& whole = job->whole.empty() ? job->task.manifest : job->whole;
        outcome = run_task(client_, uploads_, job->folder, job->task, whole, {budget, stop}, {});
      }
      let_go_when_done(job->folder);
      answer(*job, std::move(outcome));
    }
  }

  std::optional<Job> next_job(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return !jobs_.empty(); })) return std::nullopt;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }

  /// What cannot wait for the end of long uploads: growing files and questions.
  void run_growth(std::stop_token stop) {
    for (;;) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !growth_.empty() || !questions_.empty(); })) return;
      if (!questions_.empty()) {
        const Question question = std::move(questions_.front());
        questions_.pop_front();
        lock.unlock();
        question.answer(proven_of(question, stop));
        continue;
      }
      const auto [file, bytes] = *growth_.begin();
      growth_.erase(growth_.begin());
      lock.unlock();
      // A few tries now; what does not get through goes with the end of the track.
      RetryBudget budget(kGrowthPatience);
      const std::string name = file.filename();
      const auto object = object_of(config_.bucket_name, config_.base_path, file.parent_path(), name);
      if (uploads_.of(file.parent_path(), name, object)->grow(bytes, {budget, stop})) continue;
      lock.lock();
      changed_.wait_for(lock, stop, kGrowthPause, [&] { return !questions_.empty(); });
    }
  }

  std::vector<fs::path> proven_of(const Question& question, std::stop_token stop) {
    std::vector<fs::path> out;
    RetryBudget budget(kGrowthPatience);
    for (const fs::path& file : question.files) {
      const auto object = object_of(config_.bucket_name, config_.base_path, question.folder, file.string());
      const auto like = compare_with_stored(client_, question.folder / file, object, {budget, stop});
      if (like && *like == Likeness::same) out.push_back(file);
    }
    return out;
  }

  S3UploadConfig config_;
  Client client_;
  ObjectUploads uploads_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  std::deque<Question> questions_;
  std::map<fs::path, std::uint64_t> growth_;  // file to its bytes on disk
  std::map<fs::path, QueueLock> held_;
  std::stop_source stop_;
  std::thread tasks_thread_, growth_thread_;
};

}  // namespace
}  // namespace s3

Result<std::shared_ptr<Uploader>> make_s3_uploader(const S3UploadConfig& config) {
  if (auto ok = s3::check_bucket_name(config.bucket_name); !ok) return std::unexpected(ok.error());
  if (auto ok = s3::check_key(config.base_path); !ok) return std::unexpected(ok.error());
  return std::make_shared<s3::S3Uploader>(config);
}

}  // namespace rtpx
