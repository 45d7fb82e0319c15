#include "server/work/live_films.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"
#include "server/work/work_folder.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;
using WatchClock = std::chrono::steady_clock;

namespace {

constexpr const char* kLiveFilmPrefix = ".film-";
constexpr std::uint64_t kMostFileBytes = 256U << 20;     // of a segment; a playlist of a day has 2 MiB
constexpr std::uint64_t kMostPlaylistBytes = 16U << 20;
constexpr std::string_view kEventList = "#EXT-X-PLAYLIST-TYPE:EVENT\n", kEndOfList = "#EXT-X-ENDLIST\n";

/// What the child writes for players, and nothing else that lies there.
bool is_for_players(const std::string& name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  const std::string extension = fs::path(name).extension();
  return name.size() < 40 && !name.starts_with('.') && std::ranges::all_of(name, plain) &&
         (extension == ".m3u8" || extension == ".mp4" || extension == ".m4s");
}

}  // namespace

struct LiveFilms::Film {
  Film(std::string recording, WorkFolder own) : id(std::move(recording)), folder(std::move(own)) {}

  const std::string id;
  const WorkFolder folder;
  // Of these the LiveFilms' mutex is held.
  State state{"starting", 0, 0, 0, ""};
  WatchClock::time_point used = WatchClock::now();  // somebody asked for a file of it, or it ended
  bool over = false;                      // its child
  std::string ended_because;              // by the server; empty: it was not, or somebody asked for that
  std::jthread thread;                    // last: it uses all of the above
};

LiveFilms::LiveFilms(const ServeOptions& options, const Library& library, OnChanged on_changed, Limits limits,
                     FileSystem& disk)
    : options_(options), library_(library), on_changed_(std::move(on_changed)), limits_(limits), disk_(disk) {
  WorkFolder::remove_left(options.base_dir, kLiveFilmPrefix);
  keeper_ = std::jthread([this](std::stop_token stop) { keep(stop); });
}

LiveFilms::~LiveFilms() {
  keeper_ = {};
  std::vector<std::shared_ptr<Film>> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(leaving_);
    for (auto& [id, film] : films_) all.push_back(std::move(film));
    films_.clear();
  }
  for (const auto& film : all) film->thread.request_stop();
}

Result<void> LiveFilms::begin(const std::string& id, const Films::Wish& wish) {
  const auto recording = library_.folder(id);
  if (!recording) return std::unexpected(recording.error());
  if (options_.seal_output && is_sealed(*recording))
    return fail(Errc::unsupported, "What is made of a sealed recording is sealed here, which a film under way cannot be.");
  if (disk_is_nearly_full()) return fail(Errc::no_space, "The disk is nearly full.");
  const std::lock_guard lock(mutex_);
  auto& known = films_[id];
  if (known && !known->over) return fail(Errc::already_exists, "There is a film that follows the recording. End that first.");
  const auto refused = [&](Error why) -> Result<void> {
    if (!known) films_.erase(id);
    return std::unexpected(std::move(why));
  };
  if (count_under_way() >= options_.max_live_films)
    return refused({Errc::denied, "As many recordings are followed by films as this server allows (" +
                                      std::to_string(options_.max_live_films) + ")."});
  auto own = WorkFolder::make(options_.base_dir, kLiveFilmPrefix);
  if (!own) return refused(own.error());
  if (known) leaving_.push_back(std::move(known));
  known = std::make_shared<Film>(id, std::move(*own));
  known->thread = std::jthread([this, film = known.get(), wish](std::stop_token stop) { make(*film, wish, stop); });
  return {};
}

std::size_t LiveFilms::count_under_way() const {
  const auto goes_on = [](const std::shared_ptr<Film>& film) { return film && !film->over; };
  return static_cast<std::size_t>(std::ranges::count_if(leaving_, goes_on) +
                                  std::ranges::count_if(films_, [&](const auto& film) { return goes_on(film.second); }));
}

std::size_t LiveFilms::under_way() const {
  const std::lock_guard lock(mutex_);
  return count_under_way();
}

Result<void> LiveFilms::end(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto at = films_.find(id);
  if (at == films_.end() || at->second->over) return fail(Errc::not_found, "No film follows the recording.");
  at->second->thread.request_stop();
  return {};
}

void LiveFilms::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto at = films_.find(id);
  if (at == films_.end()) return;
  at->second->thread.request_stop();
  leaving_.push_back(std::move(at->second));
  films_.erase(at);
  look_now_ = true;
  wake_.notify_one();
}

std::optional<LiveFilms::State> LiveFilms::state(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = films_.find(id);
  return at == films_.end() ? std::nullopt : std::optional(at->second->state);
}

std::shared_ptr<LiveFilms::Film> LiveFilms::asked_for(const std::string& id, const std::string& name) {
  if (!is_for_players(name)) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto at = films_.find(id);
  if (at == films_.end()) return nullptr;
  at->second->used = WatchClock::now();
  return at->second;
}

std::optional<std::string> LiveFilms::playlist(const std::string& id, const std::string& name) {
  const auto film = asked_for(id, name);
  if (!film) return std::nullopt;
  const bool over = [&] {
    const std::lock_guard lock(mutex_);
    return film->over;
  }();
  auto text = read_whole_file(real_file_system(), film->folder.path() / name, kMostPlaylistBytes);
  if (!text) return std::nullopt;
  // A child that was killed could not say so itself.
  if (over && text->find(kEventList) != text->npos && !text->ends_with(kEndOfList)) *text += kEndOfList;
  return *std::move(text);
}

std::shared_ptr<http::Descriptor> LiveFilms::segment(const std::string& id, const std::string& name) {
  const auto film = asked_for(id, name);
  return film ? film->folder.open(name) : nullptr;
}

bool LiveFilms::disk_is_nearly_full() const {
  const auto free = disk_.free_bytes(options_.base_dir);
  return !free || *free < options_.min_free_bytes;
}

void LiveFilms::make(Film& film, const Films::Wish& wish, const std::stop_token& stop) {
  on_changed_(film.id);
  Result<ChildExit> exit;
  if (const auto recording = library_.folder(film.id); !recording) {
    exit = std::unexpected(recording.error());
  } else {
    std::vector<std::string> command{program(options_), "compose", fs::absolute(*recording).string(), "--follow",
                                     "-o", film.folder.path().string(), "--layout", wish.layout, "--size",
                                     std::to_string(wish.width) + "x" + std::to_string(wish.height), "--json",
                                     "--progress-fd", "3"};
    if (!wish.title.empty()) command.push_back("--title=" + wish.title);
    const ChildIdentity identity(options_.identities);
    identity.add_to(command);
    exit = run_child({.command = std::move(command),
                      .stdout_file = film.folder.path() / "result.json",
                      .memory_bytes = options_.conversion_memory_bytes,
                      .on_progress = [&](const std::string& line) { hear(film, line); },
                      .folder = film.folder.path(),
                      .file_bytes = kMostFileBytes,
                      .deadline = limits_.longest,
                      .secret = identity.secret()},
                     stop);
  }
  const bool ended = exit && (exit->cancelled || exit->too_long || exit->code == 0 || exit->code == 1);
  {
    const std::lock_guard lock(mutex_);
    film.state.state = ended ? "ended" : "failed";
    film.state.error = ended ? film.ended_because : exit ? explain(*exit, "film") : exit.error().message;
    film.used = WatchClock::now();
    film.over = true;
    look_now_ = true;
  }
  wake_.notify_one();
  on_changed_(film.id);
}

void LiveFilms::hear(Film& film, const std::string& line) {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object()) return;
  const auto number = [&](const char* key) {
    const auto at = value.find(key);
    return at != value.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
  };
  bool begins = false;
  {
    const std::lock_guard lock(mutex_);
    State& state = film.state;
    state.written_ms = number("written_ms");
    state.waiting_ms = number("waiting_ms");
    state.fps = static_cast<int>(number("fps"));
    begins = state.written_ms > 0 && state.state == "starting";
    if (begins) state.state = "running";
  }
  if (begins) on_changed_(film.id);
}

void LiveFilms::keep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    look_after();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, limits_.look, [this] { return std::exchange(look_now_, false); });
  }
}

// What goes is destroyed without the lock: its thread may need it for its last words.
void LiveFilms::look_after() {
  const bool full = disk_is_nearly_full();
  const auto now = WatchClock::now();
  std::vector<std::shared_ptr<Film>> gone, dropped;
  {
    const std::lock_guard lock(mutex_);
    const auto end_because = [](Film& film, const char* why) {
      film.ended_because = why;
      film.thread.request_stop();
    };
    for (auto at = films_.begin(); at != films_.end();) {
      Film& film = *at->second;
      if (!film.over && full) end_because(film, "The disk is nearly full.");
      if (!film.over && !full && now - film.used > limits_.unwatched) end_because(film, "Nobody watched it any more.");
      if (library_.folder(film.id) && (!film.over || now - film.used <= limits_.kept)) {
        ++at;
        continue;
      }
      film.thread.request_stop();
      leaving_.push_back(std::move(at->second));
      dropped.push_back(leaving_.back());
      at = films_.erase(at);
    }
    for (auto& film : leaving_)
      if (film->over) gone.push_back(std::move(film));
    std::erase(leaving_, nullptr);
  }
  for (const auto& film : dropped) on_changed_(film->id);
}

}  // namespace rtpx::server
