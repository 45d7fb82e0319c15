#include "base/budgeted_files.hpp"

#include <algorithm>
#include <utility>

namespace rtpx {
namespace {

constexpr std::uint64_t kLookAtDiskEvery = 16U << 20;

/// Pays for what makes it grow.
class BudgetedFile final : public File {
 public:
  BudgetedFile(std::unique_ptr<File> file, std::uint64_t size, WriteBudget& budget)
      : file_(std::move(file)), size_(size), budget_(budget) {}

  Result<std::size_t> writev(std::span<const Bytes> parts) override {
    std::uint64_t bytes = 0;
    for (const Bytes part : parts) bytes += part.size();
    if (auto taken = budget_.take(bytes); !taken) return std::unexpected(taken.error());
    const auto written = file_->writev(parts);
    budget_.give_back(bytes - written.value_or(0));
    size_ += written.value_or(0);
    return written;
  }
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override {
    const std::uint64_t end = std::max(offset + bytes.size(), size_);
    if (auto taken = budget_.take(end - size_); !taken) return taken;
    size_ = end;
    return file_->pwrite(bytes, offset);
  }
  Result<void> truncate(std::uint64_t size) override {
    if (size > size_)
      if (auto taken = budget_.take(size - size_); !taken) return taken;
    auto done = file_->truncate(size);
    if (!done) return done;
    if (size < size_) budget_.give_back(size_ - size);
    size_ = size;
    return done;
  }
  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    return file_->pread(to, offset);
  }
  Result<void> sync() override { return file_->sync(); }
  Result<void> sync_range(std::uint64_t offset, std::uint64_t length, RangeSync how) override {
    return file_->sync_range(offset, length, how);
  }
  Result<void> reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
  bool preallocate(std::uint64_t bytes) override { return file_->preallocate(bytes); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<void> close() override { return file_->close(); }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t size_;
  WriteBudget& budget_;
};

}  // namespace

WriteBudget::WriteBudget(FileSystem& files, std::filesystem::path folder, std::uint64_t most,
                         std::uint64_t min_free)
    : files_(files),
      folder_(std::move(folder)),
      most_(most == 0 ? UINT64_MAX : most),
      min_free_(min_free) {}

Result<void> WriteBudget::take(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > most_ - taken_)
    return fail(Errc::no_space, "What is written in " + folder_.string() + " would be larger than " +
                                    std::to_string(most_) + " bytes: allow more with --max-output");
  if (bytes >= until_look_)
    if (auto room = look_at_disk(); !room) return room;
  until_look_ -= std::min(until_look_, bytes);
  taken_ += bytes;
  return {};
}

Result<void> WriteBudget::look_at_disk() {
  if (min_free_ == 0) {
    until_look_ = UINT64_MAX;
    return {};
  }
  const auto free = files_.free_bytes(folder_);
  if (!free) return std::unexpected(free.error());
  if (*free < min_free_)
    return fail(Errc::no_space, "Only " + std::to_string(*free) + " bytes are free in " + folder_.string() +
                                    ": fewer than are to stay free (--min-free " +
                                    std::to_string(min_free_) + ")");
  until_look_ = std::min(kLookAtDiskEvery, std::max<std::uint64_t>(*free - min_free_, 1));
  return {};
}

void WriteBudget::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  taken_ -= std::min(taken_, bytes);
}

std::uint64_t WriteBudget::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

Result<std::unique_ptr<File>> BudgetedFiles::open(const std::filesystem::path& path, OpenMode mode) {
  auto file = files_.open(path, mode);
  if (!file || mode == OpenMode::read) return file;
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  return std::make_unique<BudgetedFile>(std::move(*file), *size, budget_);
}

Result<void> BudgetedFiles::remove(const std::filesystem::path& path) {
  const auto info = files_.stat(path);
  auto removed = files_.remove(path);
  if (removed && info && *info) budget_.give_back((*info)->size);
  return removed;
}

}  // namespace rtpx
