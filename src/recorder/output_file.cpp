#include "recorder/output_file.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "base/decoded_file.hpp"

namespace rtpx {
namespace {

constexpr std::uint32_t kUnusedPasses = 20;  // a file unused for so long gives its place away
constexpr std::size_t kFewestPlaces = 8, kMostPlaces = 16384;

std::size_t places_under_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  return std::clamp<std::size_t>(limit.rlim_cur / 2, kFewestPlaces, kMostPlaces);
}

}  // namespace

OpenFiles::OpenFiles(FileSystem& files, std::size_t places)
    : files_(files), places_(places != 0 ? places : places_under_limit()) {}

Result<std::unique_ptr<File>> OpenFiles::open(OutputFile& output) {
  const OpenMode mode = output.created.load() ? OpenMode::read_write : OpenMode::create_new;
  auto file = files_.open(output.path, mode);
  while (!file && file.error().code == Errc::too_many_files && !kept_.empty()) {
    places_ = std::max(kFewestPlaces, kept_.size() - 1);  // others need descriptors too
    close_oldest();
    file = files_.open(output.path, mode);
  }
  if (file) output.created.store(true);
  return file;
}

Result<File*> OpenFiles::get(OutputFile& output, std::uint32_t now) {
  if (passing_output_ == &output) return passing_.get();
  if (passing_output_ != nullptr) close(*passing_output_);
  if (const auto found = find_.find(&output); found != find_.end()) {
    found->second->last_use = now;
    kept_.splice(kept_.end(), kept_, found->second);
    return found->second->file.get();
  }
  auto file = open(output);
  if (!file) return std::unexpected(std::move(file.error()));
  std::shared_ptr<File> shared = std::move(*file);
  output.set_handle(shared);
  if (kept_.size() >= places_ && now - kept_.front().last_use > kUnusedPasses) close_oldest();
  if (kept_.size() < places_) {
    find_[&output] = kept_.insert(kept_.end(), {&output, shared, now});
    return shared.get();
  }
  passing_ = shared;
  passing_output_ = &output;
  return shared.get();
}

void OpenFiles::close_oldest() {
  kept_.front().output->set_handle(nullptr);
  find_.erase(kept_.front().output);
  kept_.pop_front();
}

Result<void> OpenFiles::complete(OutputFile& output) {
  if (const auto file = output.handle()) return rtpx::complete(*file);
  const auto file = files_.open(output.path, OpenMode::read_write);
  return file ? rtpx::complete(**file) : std::unexpected(file.error());
}

void OpenFiles::close(OutputFile& output) {
  output.set_handle(nullptr);
  if (passing_output_ == &output) {
    passing_.reset();
    passing_output_ = nullptr;
    return;
  }
  if (const auto found = find_.find(&output); found != find_.end()) {
    kept_.erase(found->second);
    find_.erase(found);
  }
}

}  // namespace rtpx
