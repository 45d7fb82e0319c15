#include "server/work/reports.hpp"

#include "base/file_system.hpp"
#include "server/library/folder_state.hpp"
#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kDeadline{5};
constexpr std::uint64_t kMostBytes = 64U << 20;  // of a page
constexpr std::size_t kMostPages = 1'000;        // that are remembered

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
  const std::string state = folder_state(*folder);
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
  const ChildIdentity identity(options_.identities);
  std::vector<std::string> command{program(options_), "report", folder.string(), "-o", file.string()};
  identity.add_to(command);
  const auto exit = run_child({.command = std::move(command),
                               .stdout_file = "/dev/null",
                               .memory_bytes = options_.conversion_memory_bytes,
                               .folder = file.parent_path(),
                               .file_bytes = 4 * kMostBytes,
                               .deadline = kDeadline,
                               .secret = identity.secret()},
                              {});
  children_.release();
  if (!exit) return std::unexpected(exit.error());
  if (exit->code == 0 || exit->code == 1) return {};  // 1: there are losses to report
  return fail(Errc::io, "The report could not be made: " + explain(*exit, "report"));
}

}  // namespace rtpx::server
