#include "server/work/cuts.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/random_text.hpp"
#include "server/library/folder_state.hpp"
#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"
#include "server/work/conversion_limits.hpp"
#include "server/work/work_folder.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kCutFolderPrefix = ".cut-";
constexpr std::size_t kMostCuts = 64;
constexpr std::uint64_t kMostCutBytes = 4ULL << 30;  // kept for later
constexpr std::uint64_t kMostResultBytes = 1U << 20;
constexpr std::chrono::minutes kLongestCut{30};
constexpr int kExitUsage = 2, kExitUnusable = 3;  // docs/command.md

/// The name of the first file that `rtpx convert --json` tells of; empty: none.
std::string first_file(const std::string& text) {
  const json result = json::parse(text, nullptr, false);
  if (!result.is_object()) return {};
  for (const auto& [id, value] : result.items())
    if (value.is_object() && value.contains("location") && value["location"].is_string())
      return fs::path(value["location"].get<std::string>()).filename();
  return {};
}

}  // namespace

Cuts::Cuts(const ServeOptions& options, const Library& library) : options_(options), library_(library) {
  WorkFolder::remove_left(options.base_dir, kCutFolderPrefix);
}

Result<std::shared_ptr<http::Descriptor>> Cuts::clip(const std::string& recording, const Clip& clip) {
  Order order{{"convert", "", "-o", ".", "--json", "--no-reports", "--layers", "best", "--format",
               clip.webm ? "webm" : "mp4", "--min-free", std::to_string(options_.min_free_bytes)},
              "cut",
              ""};
  if (!clip.from.empty()) order.command.push_back("--from=" + clip.from);
  if (!clip.to.empty()) order.command.push_back("--to=" + clip.to);
  if (!clip.stream.empty()) order.command.push_back("--stream=" + clip.stream);
  if (!clip.from.empty() && clip.exact) order.command.push_back(clip.webm ? "--exact=encode" : "--exact=edit");
  const std::string key = recording + "\nclip\n" + (clip.webm ? "webm" : "mp4") + (clip.exact ? "=" : "~") + '\n' +
                          clip.from + '\n' + clip.to + '\n' + clip.stream;
  return make(recording, key, std::move(order));
}

Result<std::shared_ptr<http::Descriptor>> Cuts::picture(const std::string& recording, const Picture& picture) {
  Order order{{"frame", "", "-o", "frame.jpg", "--at=" + picture.at}, "picture", "frame.jpg"};
  if (!picture.track.empty()) order.command.push_back("--track=" + picture.track);
  if (!picture.size.empty()) order.command.push_back("--size=" + picture.size);
  return make(recording, recording + "\nframe\n" + picture.at + '\n' + picture.track + '\n' + picture.size,
              std::move(order));
}

std::shared_ptr<Cuts::Made> Cuts::entry_of(const std::string& key) {
  const std::lock_guard lock(mutex_);
  drop_old();
  auto& entry = made_[key];
  if (!entry) entry = std::make_shared<Made>();
  entry->used = Clock::now();
  return entry;
}

Result<std::shared_ptr<http::Descriptor>> Cuts::make(const std::string& recording, const std::string& key, Order order) {
  const auto place = place_of(recording);
  if (!place) return std::unexpected(place.error());
  const std::shared_ptr<Made> entry = entry_of(key);
  const std::lock_guard making(entry->making);
  if (entry->file && entry->state == place->state) return entry->file;
  order.command[1] = place->path;
  auto file = run(*place, order);
  if (!file) return file;
  struct stat info {};
  const std::lock_guard lock(mutex_);  // drop_old() of others looks at it
  entry->file = *file;
  entry->state = place->state;
  entry->bytes = ::fstat((*file)->get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  return file;
}

Result<Cuts::Place> Cuts::place_of(const std::string& recording) const {
  if (elsewhere_ && recording.find('/') != recording.npos) return elsewhere_(recording, stop_.get_token());
  const auto folder = library_.folder(recording);
  if (!folder) return std::unexpected(folder.error());
  return Place{.path = fs::absolute(*folder).string(),
               .state = folder_state(*folder),
               .objects = nullptr,
               .file_bytes = conversion_limits(real_file_system(), *folder).file_bytes};
}

Result<std::shared_ptr<http::Descriptor>> Cuts::run(const Place& place, Order& order) const {
  if (stop_.stop_requested()) return fail(Errc::cancelled, "The server is shutting down.");
  const auto own = WorkFolder::make(options_.base_dir, kCutFolderPrefix);
  if (!own) return std::unexpected(own.error());
  const ChildIdentity identity(options_.identities);
  identity.add_to(order.command);
  order.command.insert(order.command.begin(), program(options_));
  const fs::path result = own->path() / "result.json";
  const auto exit = run_child({.command = order.command,
                               .stdout_file = result,
                               .memory_bytes = options_.conversion_memory_bytes,
                               .folder = own->path(),
                               .file_bytes = place.file_bytes,
                               .deadline = kLongestCut,
                               .secret = identity.secret(),
                               .index_key = options_.packet_index,
                               .objects = place.objects ? place.objects->descriptor() : -1},
                              stop_.get_token());
  if (!exit) return std::unexpected(exit.error());
  if (exit->cancelled) return fail(Errc::cancelled, "The server is shutting down.");
  if (exit->code == kExitUsage) return fail(Errc::invalid_argument, explain(*exit, order.what));
  if (exit->code == kExitUnusable) return fail(Errc::nothing_to_convert, explain(*exit, order.what));
  if (exit->code != 0 && exit->code != 1) return fail(Errc::io, explain(*exit, order.what));
  std::string name = order.name;
  if (name.empty()) {
    const auto text = read_whole_file(real_file_system(), result, kMostResultBytes);
    if (!text) return std::unexpected(text.error());
    name = first_file(*text);
  }
  if (name.empty()) return fail(Errc::nothing_to_convert, "Nothing of the recording lies there.");
  auto file = own->open(name);
  if (file == nullptr) return fail(Errc::io, "The " + order.what + " was made and cannot be opened.");
  return file;
}

// What is being made, or sent, lives on until that is over.
void Cuts::drop_old() {
  const auto now = Clock::now();
  const auto idle = [](const auto& entry) { return entry.second.use_count() == 1; };
  std::erase_if(made_, [&](const auto& entry) {
    return idle(entry) && (now - entry.second->used > kKept || !entry.second->file);
  });
  const auto bytes = [&] {
    std::uint64_t sum = 0;
    for (const auto& entry : made_)
      if (idle(entry)) sum += entry.second->bytes;
    return sum;
  };
  while (made_.size() >= kMostCuts || bytes() > kMostCutBytes) {
    auto oldest = made_.end();
    for (auto at = made_.begin(); at != made_.end(); ++at)
      if (idle(*at) && (oldest == made_.end() || at->second->used < oldest->second->used)) oldest = at;
    if (oldest == made_.end()) return;
    made_.erase(oldest);
  }
}

void Cuts::stop() {
  stop_.request_stop();
  const std::lock_guard lock(mutex_);
  std::erase_if(made_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace rtpx::server
