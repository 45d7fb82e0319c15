#include "server/work/films.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostWaiting = 100;
constexpr std::size_t kMostStates = 10'000;  // of films that are done; the file says so too
constexpr std::chrono::minutes kSpareFilmTime{10};
constexpr std::chrono::hours kLongestFilm{24};              // a film is not longer
constexpr int kTimesItsLength = 20;                     // that a film may take
constexpr std::uint64_t kMostBytesASecond = 2'000'000;  // of a film
constexpr std::uint64_t kSpareFilmOutput = 1ULL << 30;
constexpr const char* kUnfinished = ".film";  // in output/: what is not yet as it shall be, as not yet sealed

constexpr const char* kBesideFilm[] = {Films::kChaptersName, Films::kThumbnailName, Films::kSheetName, Films::kSpritesName};

/// A folder of a film that is being made, gone with the object; so is what a server that was killed left of one.
class UnfinishedFilm {
 public:
  explicit UnfinishedFilm(const fs::path& output) : folder_(output / kUnfinished) {
    std::error_code failed;
    fs::remove_all(folder_, failed);
    fs::create_directory(folder_, failed);
  }
  ~UnfinishedFilm() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  UnfinishedFilm(const UnfinishedFilm&) = delete;
  UnfinishedFilm& operator=(const UnfinishedFilm&) = delete;

  [[nodiscard]] const fs::path& folder() const { return folder_; }

 private:
  const fs::path folder_;
};

}  // namespace

Films::Films(const ServeOptions& options, const Library& library, OnChanged on_changed)
    : options_(options), library_(library), on_changed_(std::move(on_changed)) {
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

Films::~Films() {
  thread_.request_stop();
  const std::lock_guard lock(mutex_);
  stop_running_.request_stop();
}

Result<void> Films::add(const std::string& id, const Wish& wish) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ == id) return fail(Errc::already_exists, "The film is being made. Cancel that first.");
    std::erase_if(jobs_, [&](const Job& job) { return job.id == id; });
    if (jobs_.size() == kMostWaiting) return fail(Errc::no_space, "Too many films wait.");
    if (states_.size() >= kMostStates)
      std::erase_if(states_,
                    [&](const auto& one) { return one.first != running_ && one.second.state != "waiting"; });
    jobs_.push_back({id, wish});
    states_[id] = {"waiting", 0, std::nullopt, ""};
  }
  changed_.notify_one();
  return {};
}

Result<void> Films::cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (running_ == id) {
    stop_running_.request_stop();
    return {};
  }
  if (std::erase_if(jobs_, [&](const Job& job) { return job.id == id; }) == 0)
    return fail(Errc::not_found, "No film of the recording is being made.");
  states_[id] = {"cancelled", 0, std::nullopt, ""};
  return {};
}

std::optional<Films::State> Films::state(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = states_.find(id);
  if (at == states_.end()) return std::nullopt;
  return at->second;
}

bool Films::running(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return running_ == id;
}

void Films::run(std::stop_token stop) {
  for (;;) {
    Job job;
    std::stop_token cancelled;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !jobs_.empty(); }) || stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      running_ = job.id;
      stop_running_ = {};
      cancelled = stop_running_.get_token();
      states_[job.id] = {"running", 0, std::nullopt, ""};
    }
    on_changed_(job.id);
    State state = make(job, cancelled);
    {
      const std::lock_guard lock(mutex_);
      running_.clear();
      states_[job.id] = std::move(state);
    }
    on_changed_(job.id);
  }
}

/// The film and what lies beside it, for those for whom the recording is sealed.
Result<void> Films::seal_film(const fs::path& recording, const fs::path& made) {
  const auto recipients = recipients_of(recording);
  if (!recipients) return std::unexpected(recipients.error());
  const auto seal = [&](const char* name) {
    return fs::is_regular_file(made / name) ? seal_file(made / name, *recipients) : Result<void>();
  };
  for (const char* name : kBesideFilm)
    if (auto sealed = seal(name); !sealed) return sealed;
  return seal(kFileName);
}

Films::State Films::make(const Job& job, std::stop_token stop) {
  const auto failed = [](std::string why) { return State{"failed", 0, std::nullopt, std::move(why)}; };
  const auto entry = library_.entry(job.id);
  const auto folder = library_.folder(job.id);
  if (!entry || !folder) return failed("The recording is gone.");
  const auto output = output_folder(*folder);
  if (!output) return failed(output.error().message);
  auto length =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::milliseconds(entry->duration_ms));
  if (entry->info.ended_at)
    length = std::max(length,
                      std::chrono::floor<std::chrono::seconds>(*entry->info.ended_at - entry->info.created));
  length = std::clamp<std::chrono::seconds>(length, std::chrono::seconds(0), kLongestFilm);
  const UnfinishedFilm unfinished(*output);
  const fs::path& made = unfinished.folder();
  std::vector<std::string> command{program(options_),
                                   "compose",
                                   fs::absolute(*folder).string(),
                                   "-o",
                                   (made / kFileName).string(),
                                   "--layout",
                                   job.wish.layout,
                                   "--size",
                                   std::to_string(job.wish.width) + "x" + std::to_string(job.wish.height),
                                   "--vtt",
                                   (made / kChaptersName).string(),
                                   "--thumbnail",
                                   "--sprites",
                                   std::to_string(options_.sprites),
                                   "--json",
                                   "--progress-fd",
                                   "3"};
  if (!job.wish.title.empty()) command.push_back("--title=" + job.wish.title);
  const ChildIdentity identity(options_.identities);
  identity.add_to(command);
  const auto exit =
      run_child({.command = std::move(command),
                 .stdout_file = made / "film.json",
                 .memory_bytes = options_.conversion_memory_bytes,
                 .on_progress = [&](const std::string& line) { on_progress(job.id, line); },
                 .folder = made,
                 .file_bytes = kMostBytesASecond * static_cast<std::uint64_t>(length.count()) + kSpareFilmOutput,
                 .deadline = kSpareFilmTime + kTimesItsLength * length,
                 .secret = identity.secret()},
                stop);
  if (!exit) return failed(exit.error().message);
  if (exit->cancelled) return {"cancelled", 0, std::nullopt, ""};
  if (exit->code != 0 && exit->code != 1) return failed(explain(*exit, "film"));
  if (options_.seal_output && is_sealed(*folder))
    if (auto sealed = seal_film(*folder, made); !sealed) return failed(sealed.error().message);
  const auto place = [&](const char* name) {
    std::error_code error;
    if (fs::exists(made / name, error))
      fs::rename(made / name, *output / name, error);
    else
      fs::remove(*output / name, error);  // of the film before
    return error;
  };
  std::error_code error;
  for (const char* name : kBesideFilm)
    if (!error) error = place(name);
  if (!error) error = place(kFileName);
  if (error) return failed("The film could not be put in its place: " + error.message());
  return {"done", 1, std::nullopt, ""};
}

void Films::on_progress(const std::string& id, const std::string& line) {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object()) return;
  const std::lock_guard lock(mutex_);
  State& state = states_[id];
  if (const auto fraction = value.find("fraction"); fraction != value.end() && fraction->is_number())
    state.fraction = fraction->get<double>();
  state.seconds_left.reset();
  if (const auto left = value.find("seconds_left"); left != value.end() && left->is_number())
    state.seconds_left = left->get<double>();
}

}  // namespace rtpx::server
