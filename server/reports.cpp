#include "reports.hpp"

#include <sys/stat.h>

#include "base/file_system.hpp"
#include "child.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kDeadline{5};
constexpr std::uint64_t kMostBytes = 64U << 20;  // of a page
constexpr std::size_t kMostPages = 1'000;        // that are remembered

/// What a report depends on: names, sizes and times of the recording's own files.
std::string state_of(const fs::path& folder) {
  std::string state;
  const auto entries = real_file_system().list(folder);
  if (!entries) return state;
  for (const DirectoryEntry& entry : *entries) {
    struct stat info {};
    if (entry.name.starts_with('.') || ::lstat((folder / entry.name).c_str(), &info) != 0 ||
        !S_ISREG(info.st_mode) || entry.name == kRecordingFileName)  // that one tells of conversions
      continue;
    state += entry.name + '/' + std::to_string(info.st_ino) + '/' + std::to_string(info.st_size) + '/' +
             std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + '\n';
  }
  return state;
}

}  // namespace

std::shared_ptr<Reports::Page> Reports::page_of(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (pages_.size() >= kMostPages && !pages_.contains(id))
    std::erase_if(pages_, [](const auto& entry) { return entry.second.use_count() == 1; });
  auto& page = pages_[id];
  if (!page) page = std::make_shared<Page>();
  return page;
}

Result<std::string> Reports::page(const std::string& id) {
  const auto folder = library_.folder(id);
  if (!folder) return std::unexpected(folder.error());
  const auto output = output_folder(*folder);
  if (!output) return std::unexpected(output.error());
  const fs::path file = *output / "report.html";
  const std::shared_ptr<Page> page = page_of(id);
  const std::lock_guard making(page->making);
  const std::string state = state_of(*folder);
  if (page->of != state || state.empty()) {
    page->of.clear();
    if (auto made = make(fs::absolute(*folder), file); !made) return std::unexpected(made.error());
  }
  auto html = read_whole_file(real_file_system(), file, kMostBytes);
  if (html) page->of = state;
  return html;
}

Result<void> Reports::make(const fs::path& folder, const fs::path& file) {
  children_.acquire();
  const auto exit = run_child({.command = {program(options_), "report", folder.string(), "-o", file.string()},
                               .stdout_file = "/dev/null",
                               .memory_bytes = options_.conversion_memory_bytes,
                               .folder = file.parent_path(),
                               .file_bytes = 4 * kMostBytes,
                               .deadline = kDeadline},
                              {});
  children_.release();
  if (!exit) return std::unexpected(exit.error());
  if (exit->code == 0) return {};
  return fail(Errc::io, "The report could not be made: " + explain(*exit, "report"));
}

}  // namespace rtpx::server
