#include "mux/published_file.hpp"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>

namespace rtpx {
namespace {

constexpr std::uint64_t kWritebackStep = 8U << 20;  // keeps the final sync short

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  // The final name may be as long as a name can be (255 bytes): keep only what fits of it.
  const std::string tail = "." + std::to_string(::getpid()) + "-" + std::to_string(++counter) + ".part";
  return path.parent_path() / ("." + path.filename().string().substr(0, 200) + tail);
}

}  // namespace

Result<std::unique_ptr<PublishedFile>> PublishedFile::create(const std::filesystem::path& path, FileSystem& files) {
  for (int attempt = 0;; ++attempt) {
    std::filesystem::path temporary = temporary_beside(path);
    auto file = files.open(temporary, OpenMode::create_new);
    if (file) return std::unique_ptr<PublishedFile>(new PublishedFile(files, path, temporary, std::move(*file)));
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
      buffer_(kBufferSize) {}

PublishedFile::~PublishedFile() {
  file_.reset();
  if (!published_) (void)files_->remove(temporary_);
}

std::unexpected<Error> PublishedFile::failure(Error error) {
  if (!failed_) failed_ = std::move(error);
  return std::unexpected(*failed_);
}

Result<void> PublishedFile::write_out(Bytes bytes) {
  if (failed_) return std::unexpected(*failed_);
  while (!bytes.empty()) {
    const auto count = file_->writev({&bytes, 1});
    if (!count) return failure(count.error());
    written_ += *count;
    bytes = bytes.subspan(*count);
  }
  if (written_ - started_writeback_ >= kWritebackStep) {
    (void)file_->sync_range(started_writeback_, written_ - started_writeback_, File::RangeSync::start);
    started_writeback_ = written_;
  }
  return {};
}

Result<void> PublishedFile::flush() {
  const Bytes pending(buffer_.data(), fill_);
  fill_ = 0;
  return write_out(pending);
}

Result<void> PublishedFile::append(Bytes bytes) {
  if (bytes.size() > room()) {
    if (auto flushed = flush(); !flushed) return flushed;
    if (bytes.size() >= buffer_.size()) return write_out(bytes);
  }
  if (!bytes.empty()) std::memcpy(buffer_.data() + fill_, bytes.data(), bytes.size());
  fill_ += bytes.size();
  return {};
}

Result<void> PublishedFile::patch(std::uint64_t offset, Bytes bytes) {
  if (failed_) return std::unexpected(*failed_);
  if (offset > position() || bytes.size() > position() - offset)
    return failure({Errc::internal, "patching " + path_.string() + " beyond its end"});
  if (offset < written_ && offset + bytes.size() > written_) {  // lies across the buffer's start
    if (auto flushed = flush(); !flushed) return flushed;
  }
  if (offset >= written_) {
    if (!bytes.empty()) std::memcpy(buffer_.data() + (offset - written_), bytes.data(), bytes.size());
    return {};
  }
  if (auto written = file_->pwrite(bytes, offset); !written) return failure(written.error());
  return {};
}

Result<std::size_t> PublishedFile::read_back(std::uint64_t offset, std::span<std::byte> into) {
  if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
  return file_->pread(into, offset);
}

Result<void> PublishedFile::publish() {
  if (auto flushed = flush(); !flushed) return flushed;
  if (auto synced = file_->sync(); !synced) return failure(synced.error());
  if (auto closed = file_->close(); !closed) return failure(closed.error());
  if (auto renamed = files_->rename(temporary_, path_); !renamed) return failure(renamed.error());
  published_ = true;
  return files_->sync_directory(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace rtpx
