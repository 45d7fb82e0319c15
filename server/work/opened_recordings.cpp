#include "server/work/opened_recordings.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/random_text.hpp"
#include "server/work/child.hpp"
#include "server/work/conversion_limits.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFolderPrefix = ".opened-";
constexpr std::size_t kMostTickets = 16;
constexpr std::chrono::minutes kLongestChild{30};
constexpr std::uint64_t kMostResult = 64U << 20;
constexpr int kNothingToConvert = 3, kWrongArguments = 2;  // exit statuses, docs/command.md

/// The viewer's identity for a sealed recording, in place of a call's keys.
bool holds_identity(std::string_view keys) {
  return keys.find("RTPXSECRET1") != std::string_view::npos;
}

}  // namespace

OpenedRecordings::OpenedRecordings(const ServeOptions& options, const Library& library)
    : options_(options), library_(library) {
  WorkFolder::remove_left(options.base_dir, kFolderPrefix);
}

Result<OpenedRecordings::Opened> OpenedRecordings::open(const std::string& recording,
                                                        const std::string& keys) {
  const auto folder = library_.folder(recording);
  if (!folder) return std::unexpected(folder.error());
  const auto own = WorkFolder::make(options_.base_dir, kFolderPrefix);
  if (!own) return std::unexpected(own.error());
  Ticket ticket{recording, {}, Clock::now()};
  children_.acquire();
  auto opened = convert(fs::absolute(*folder), *own, keys, ticket);
  children_.release();
  if (!opened) return opened;
  opened->ticket = random_text(24);
  const std::lock_guard lock(mutex_);
  drop_old();
  ticket.used = Clock::now();
  tickets_[opened->ticket] = std::move(ticket);
  return opened;
}

Result<OpenedRecordings::Opened> OpenedRecordings::convert(const fs::path& recording, const WorkFolder& own,
                                                           const std::string& keys, Ticket& ticket) const {
  const fs::path result_file = own.path() / "result.json";
  const char* const option = holds_identity(keys) ? "--identity" : "--e2ee-keys";
  const auto exit =
      run_child({.command = {program(options_), "convert", recording.string(), "-o", own.path().string(),
                             "--json", "--no-reports", "--pauses", options_.pauses, option, kSecretPath},
                 .stdout_file = result_file,
                 .memory_bytes = options_.conversion_memory_bytes,
                 .folder = own.path(),
                 .file_bytes = conversion_limits(real_file_system(), recording).file_bytes,
                 .deadline = kLongestChild,
                 .secret = keys},
                {});
  if (!exit) return std::unexpected(exit.error());
  if (exit->code == kNothingToConvert) return fail(Errc::nothing_to_convert, explain(*exit, "decryption"));
  if (exit->code == kWrongArguments) return fail(Errc::invalid_argument, explain(*exit, "decryption"));
  if (exit->code != 0 && exit->code != 1) return fail(Errc::io, explain(*exit, "decryption"));
  const auto text = read_whole_file(real_file_system(), result_file, kMostResult);
  if (!text) return std::unexpected(text.error());
  const json result = json::parse(*text, nullptr, false);
  Opened opened;
  opened.has_losses = exit->code == 1;
  for (const auto& [id, value] : result.items()) {
    if (!value.is_object() || !value.contains("location")) continue;
    const std::string name = fs::path(value.value("location", "")).filename();
    auto file = own.open(name);
    struct stat info {};
    if (file == nullptr || ::fstat(file->get(), &info) != 0) continue;
    opened.files.push_back(
        {id, name, value.value("duration_ms", std::int64_t{0}), static_cast<std::uint64_t>(info.st_size)});
    ticket.files[name] = std::move(file);
  }
  return opened;
}

std::shared_ptr<http::Descriptor> OpenedRecordings::file(const std::string& recording,
                                                         const std::string& ticket, const std::string& name) {
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto at = tickets_.find(ticket);
  if (at == tickets_.end() || at->second.recording != recording) return nullptr;
  const auto file = at->second.files.find(name);
  if (file == at->second.files.end()) return nullptr;
  at->second.used = Clock::now();
  return file->second;
}

bool OpenedRecordings::forget(const std::string& recording, const std::string& ticket) {
  const std::lock_guard lock(mutex_);
  const auto at = tickets_.find(ticket);
  if (at == tickets_.end() || at->second.recording != recording) return false;
  tickets_.erase(at);
  return true;
}

void OpenedRecordings::drop_old() {
  std::erase_if(tickets_,
                [now = Clock::now()](const auto& entry) { return now - entry.second.used > kKept; });
  while (tickets_.size() >= kMostTickets)
    tickets_.erase(
        std::ranges::min_element(tickets_, {}, [](const auto& entry) { return entry.second.used; }));
}

}  // namespace rtpx::server
