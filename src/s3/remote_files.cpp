#include "s3/remote_files.hpp"

namespace rtpx::s3 {

namespace fs = std::filesystem;

Unexpected<Error> read_only(const fs::path& url) {
  return fail(Errc::unsupported,
              url.string() + " is an object of a service: it is written whole, or not at all");
}

Result<std::unique_ptr<File>> RemoteFiles::open(const fs::path& path, OpenMode mode) {
  if (!is_s3_url(path)) return real_file_system().open(path, mode);
  if (mode != OpenMode::read) return read_only(path);
  return open_object(path);
}

Result<void> RemoteFiles::rename(const fs::path& from, const fs::path& to) {
  return is_s3_url(from) || is_s3_url(to) ? read_only(from) : real_file_system().rename(from, to);
}

Result<void> RemoteFiles::remove(const fs::path& path) {
  return is_s3_url(path) ? read_only(path) : real_file_system().remove(path);
}

Result<void> RemoteFiles::sync_directory(const fs::path& path) {
  return is_s3_url(path) ? Result<void>() : real_file_system().sync_directory(path);
}

Result<std::vector<DirectoryEntry>> RemoteFiles::list(const fs::path& path) {
  return is_s3_url(path) ? list_objects(path) : real_file_system().list(path);
}

Result<std::optional<FileInfo>> RemoteFiles::stat(const fs::path& path) {
  return is_s3_url(path) ? stat_object(path) : real_file_system().stat(path);
}

Result<void> RemoteFiles::create_directory(const fs::path& path) {
  return is_s3_url(path) ? read_only(path) : real_file_system().create_directory(path);
}

Result<void> RemoteFiles::create_directories(const fs::path& path) {
  return is_s3_url(path) ? read_only(path) : real_file_system().create_directories(path);
}

Result<void> RemoteFiles::link(const fs::path& from, const fs::path& to) {
  return is_s3_url(from) || is_s3_url(to) ? read_only(from) : real_file_system().link(from, to);
}

Result<std::uint64_t> RemoteFiles::free_bytes(const fs::path& path) {
  return is_s3_url(path) ? read_only(path) : real_file_system().free_bytes(path);
}

Result<std::size_t> RemoteObject::writev(std::span<const Bytes>) {
  return read_only(url_);
}

Result<void> RemoteObject::pwrite(Bytes, std::uint64_t) {
  return read_only(url_);
}

Result<void> RemoteObject::truncate(std::uint64_t) {
  return read_only(url_);
}

}  // namespace rtpx::s3
