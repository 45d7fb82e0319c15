#include "base/recent_files.hpp"

#include <algorithm>
#include <utility>

#include "base/decoded_file.hpp"

namespace rtpx {
namespace {

Unexpected<Error> read_only(const std::filesystem::path& path) {
  return fail(Errc::internal, path.string() + " is only read here");
}

/// Where the file's holes are is not asked: its bytes are not all read from there.
class RecentFile final : public DecodedFile {
 public:
  RecentFile(std::filesystem::path path, std::unique_ptr<File> file, std::uint64_t size,
             std::shared_ptr<RecentBytes> recent)
      : path_(std::move(path)), file_(std::move(file)), size_(size), recent_(std::move(recent)) {}

  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    // Who goes over all of it needs no copy of what the end will push out again.
    if (offset + to.size() + recent_->most() < size_) return file_->pread(to, offset);
    return recent_->read(path_, *file_, to, offset);
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  std::uint64_t unit_end(std::uint64_t offset) const override { return rtpx::unit_end(*file_, offset); }
  Result<void> close() override { return file_->close(); }

  Result<std::size_t> writev(std::span<const Bytes>) override { return read_only(path_); }
  Result<void> pwrite(Bytes, std::uint64_t) override { return read_only(path_); }
  Result<void> truncate(std::uint64_t) override { return read_only(path_); }
  Result<void> sync() override { return read_only(path_); }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return read_only(path_); }
  Result<void> reserve(std::uint64_t) override { return read_only(path_); }
  bool preallocate(std::uint64_t) override { return false; }

 private:
  const std::filesystem::path path_;
  const std::unique_ptr<File> file_;
  const std::uint64_t size_;  // when it was opened
  const std::shared_ptr<RecentBytes> recent_;
};

}  // namespace

Result<std::size_t> RecentBytes::read(const std::filesystem::path& path, const File& file, std::span<std::byte> to,
                                      std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  Run& run = runs_[path];
  if (offset < run.begin) return file.pread(to, offset);
  if (offset > run.end()) {
    bytes_ -= run.bytes.size();
    run = {offset, {}};
  }
  const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(run.end() - offset, to.size()));
  std::copy_n(run.bytes.begin() + static_cast<std::ptrdiff_t>(offset - run.begin), known, to.begin());
  if (known == to.size()) return known;
  const auto fresh = file.pread(to.subspan(known), offset + known);
  if (!fresh) return fresh;
  run.bytes.insert(run.bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(known),
                   to.begin() + static_cast<std::ptrdiff_t>(known + *fresh));
  bytes_ += *fresh;
  while (bytes_ > most_) cut_the_longest();
  return known + *fresh;
}

void RecentBytes::opened(const std::filesystem::path& path, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto known = runs_.find(path);
  if (known == runs_.end() || known->second.end() <= size) return;
  bytes_ -= known->second.bytes.size();
  runs_.erase(known);
}

void RecentBytes::cut_the_longest() {
  Run& longest = std::ranges::max_element(runs_, {}, [](const auto& run) { return run.second.bytes.size(); })->second;
  const std::size_t cut = (longest.bytes.size() + 7) / 8;
  longest.bytes.erase(longest.bytes.begin(), longest.bytes.begin() + static_cast<std::ptrdiff_t>(cut));
  longest.begin += cut;
  bytes_ -= cut;
}

Result<std::unique_ptr<File>> RecentFiles::open(const std::filesystem::path& path, OpenMode mode) {
  if (mode != OpenMode::read) return read_only(path);
  auto file = files_->open(path, mode);
  if (!file) return file;
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  recent_->opened(path, *size);
  return std::make_unique<RecentFile>(path, std::move(*file), *size, recent_);
}

Result<void> RecentFiles::refuse(const std::filesystem::path& path) {
  return read_only(path);
}

}  // namespace rtpx
