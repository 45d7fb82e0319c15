#include "mux/published_file.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "base/temporary_name.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kWritebackStep = 8U << 20;  // keeps the final sync short
constexpr std::size_t kMoveAtOnce = 1U << 20;
constexpr std::uint64_t kPreallocateFrom = 4U << 20, kPreallocateStep = 64U << 20;

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / part_name(path.filename().string(), ++counter);
}

}  // namespace

Result<std::unique_ptr<PublishedFile>> PublishedFile::create(const std::filesystem::path& path,
                                                             FileSystem& files) {
  for (int attempt = 0;; ++attempt) {
    std::filesystem::path temporary = temporary_beside(path);
    auto file = files.open(temporary, OpenMode::create_new);
    if (file)
      return std::unique_ptr<PublishedFile>(new PublishedFile(files, path, temporary, std::move(*file)));
    // A process of our number may have died here and left its file.
    if (file.error().code != Errc::already_exists || attempt == 100) return std::unexpected(file.error());
  }
}

PublishedFile::PublishedFile(FileSystem& files, std::filesystem::path path, std::filesystem::path temporary,
                             std::unique_ptr<File> file)
    : files_(&files),
      path_(std::move(path)),
      temporary_(std::move(temporary)),
      file_(std::move(file)),
      buffer_(kBuffer) {}

PublishedFile::~PublishedFile() {
  file_.reset();
  if (!published_) (void)files_->remove(temporary_);
}

Unexpected<Error> PublishedFile::failure(Error error) {
  if (!failed_) failed_ = std::move(error);
  return Unexpected<Error>(*failed_);
}

std::span<std::byte> PublishedFile::place(std::uint64_t position, std::size_t bytes) {
  const std::size_t at = position % kBuffer;
  return std::span(buffer_).subspan(at, std::min(bytes, kBlock - at % kBlock));
}

// Where there is no room for a whole step, the file system finds what is left block by block.
void PublishedFile::preallocate(std::uint64_t end) {
  if (!preallocates_ || end <= std::max(preallocated_, kPreallocateFrom)) return;
  preallocated_ = end + kPreallocateStep;
  preallocates_ = file_->preallocate(preallocated_);
  if (!preallocates_) (void)file_->truncate(written_);
}

Result<void> PublishedFile::write_until(std::uint64_t end) {
  if (failed_) return std::unexpected(*failed_);
  preallocate(end);
  while (written_ < end) {
    const Bytes bytes = place(written_, end - written_);
    const auto count = file_->writev({&bytes, 1});
    if (!count) return failure(count.error());
    written_ += *count;
  }
  if (written_ - started_writeback_ >= kWritebackStep) {
    (void)file_->sync_range(started_writeback_, written_ - started_writeback_, File::RangeSync::start);
    started_writeback_ = written_;
  }
  return {};
}

Result<void> PublishedFile::write_blocks() {
  return write_until(position_ / kBlock * kBlock);
}

Result<void> PublishedFile::flush() {
  return write_until(position_);
}

Result<void> PublishedFile::append(Bytes bytes) {
  while (!bytes.empty()) {
    if (room() == 0)
      if (auto written = write_until((written_ / kBlock + 1) * kBlock); !written) return written;
    const auto to = place(position_, std::min(bytes.size(), room()));
    std::memcpy(to.data(), bytes.data(), to.size());
    position_ += to.size();
    bytes = bytes.subspan(to.size());
  }
  return {};
}

Result<void> PublishedFile::patch(std::uint64_t offset, Bytes bytes) {
  if (failed_) return std::unexpected(*failed_);
  if (offset > position() || bytes.size() > position() - offset)
    return failure({Errc::internal, "patching " + path_.string() + " beyond its end"});
  if (offset < written_) {
    const Bytes on_disk = bytes.first(std::min<std::uint64_t>(bytes.size(), written_ - offset));
    if (auto written = file_->pwrite(on_disk, offset); !written) return failure(written.error());
    offset += on_disk.size();
    bytes = bytes.subspan(on_disk.size());
  }
  while (!bytes.empty()) {
    const auto to = place(offset, bytes.size());
    std::memcpy(to.data(), bytes.data(), to.size());
    offset += to.size();
    bytes = bytes.subspan(to.size());
  }
  return {};
}

Result<void> PublishedFile::insert(std::uint64_t offset, Bytes bytes) {
  if (auto flushed = flush(); !flushed) return flushed;
  if (offset > position_) return failure({Errc::internal, "inserting behind the end of " + path_.string()});
  std::vector<std::byte> block(std::min<std::uint64_t>(kMoveAtOnce, position_ - offset));
  for (std::uint64_t end = position_; end > offset;) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(block.size(), end - offset);
    const std::span<std::byte> moved(block.data(), end - begin);
    for (std::size_t read = 0; read < moved.size();) {
      const auto count = file_->pread(moved.subspan(read), begin + read);
      if (!count) return failure(count.error());
      if (*count == 0) return failure({Errc::io, path_.string() + " was cut while it was written"});
      read += *count;
    }
    if (auto written = file_->pwrite(moved, begin + bytes.size()); !written) return failure(written.error());
    end = begin;
  }
  if (auto written = file_->pwrite(bytes, offset); !written) return failure(written.error());
  position_ += bytes.size();
  written_ = position_;
  return {};
}

Result<void> PublishedFile::publish() {
  if (auto flushed = flush(); !flushed) return flushed;
  if (preallocated_ > written_)
    if (auto cut = file_->truncate(written_); !cut) return failure(cut.error());
  if (auto synced = file_->sync(); !synced) return failure(synced.error());
  if (auto closed = file_->close(); !closed) return failure(closed.error());
  if (auto renamed = files_->rename(temporary_, path_); !renamed) return failure(renamed.error());
  published_ = true;
  return files_->sync_directory(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace rtpx
