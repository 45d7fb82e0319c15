#include "s3/content.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/file_system.hpp"

namespace rtpx::s3 {
namespace {

constexpr std::size_t kReadAtOnce = 256U << 10;

Result<struct ::stat> regular_stat(const std::filesystem::path& path, int descriptor) {
  struct ::stat info {};
  if (::fstat(descriptor, &info) != 0) return std::unexpected(os_error("stat", path, errno));
  if (!S_ISREG(info.st_mode))
    return fail(Errc::io, path.string() + " is no regular file: only these are transferred.");
  return info;
}

/// The size of our parts, by the object's metadata; 0 when it is not told.
std::uint64_t told_part_bytes(const ObjectInfo& object) {
  const auto told = object.metadata.find(kPartBytesMetadata);
  return told == object.metadata.end() ? 0 : std::strtoull(told->second.c_str(), nullptr, 10);
}

/// nullopt: the ETag cannot be computed from the content.
Result<std::optional<bool>> agrees_with_etag(const std::filesystem::path& path, const ObjectInfo& object) {
  if (!etag_is_md5(object.etag)) return std::nullopt;
  const bool multipart = object.etag.find('-') != std::string::npos;
  const std::uint64_t part_bytes = multipart ? told_part_bytes(object) : 0;
  if (multipart && (part_bytes == 0 || object.bytes / part_bytes > kMostParts)) return std::nullopt;
  const auto sums = md5s_of(path, object.bytes, part_bytes);
  if (!sums) return std::unexpected(sums.error());
  if ((multipart ? multipart_etag(*sums) : simple_etag(sums->front())) == object.etag) return true;
  return object.encrypted ? std::nullopt : std::optional(false);
}

Likeness likeness(std::optional<bool> agrees) {
  return !agrees ? Likeness::same_size : *agrees ? Likeness::same : Likeness::different;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<Descriptor> open_regular(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0 && (errno == ELOOP || errno == ENXIO))
    return fail(Errc::io, path.string() + " is no regular file: only these are transferred.");
  if (file.get() < 0) return std::unexpected(os_error("open", path, errno));
  if (const auto info = regular_stat(path, file.get()); !info) return std::unexpected(info.error());
  return file;
}

Result<std::uint64_t> regular_size(const std::filesystem::path& path) {
  const auto file = open_regular(path);
  if (!file) return std::unexpected(file.error());
  const auto info = regular_stat(path, file->get());
  if (!info) return std::unexpected(info.error());
  return static_cast<std::uint64_t>(info->st_size);
}

Result<void> digest_range(const FileRange& range, Digests& digests) {
  const auto file = open_regular(range.file);
  if (!file) return std::unexpected(file.error());
  std::vector<std::byte> buffer(std::min<std::uint64_t>(range.length, kReadAtOnce));
  for (std::uint64_t done = 0; done < range.length;) {
    const auto want = std::min<std::uint64_t>(buffer.size(), range.length - done);
    const ssize_t got = ::pread(file->get(), buffer.data(), want, static_cast<off_t>(range.offset + done));
    if (got < 0) return std::unexpected(os_error("read", range.file, errno));
    if (got == 0) return fail(Errc::io, range.file.string() + " is shorter than when its transfer began.");
    digests.add(Bytes(buffer.data(), static_cast<std::size_t>(got)));
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<std::vector<Md5>> md5s_of(const std::filesystem::path& path, std::uint64_t bytes,
                                 std::uint64_t part_bytes) {
  std::vector<Md5> sums;
  const std::uint64_t step = part_bytes == 0 ? std::max<std::uint64_t>(bytes, 1) : part_bytes;
  for (std::uint64_t from = 0; from < bytes || sums.empty(); from += step) {
    Digests digests(static_cast<unsigned>(Digests::Want::md5));
    if (auto read = digest_range({path, from, std::min(step, bytes - from)}, digests); !read)
      return std::unexpected(read.error());
    sums.push_back(digests.md5());
  }
  return sums;
}

Result<Likeness> compare_with_etag(const std::filesystem::path& path, const ObjectInfo& object) {
  const auto bytes = regular_size(path);
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes != object.bytes) return Likeness::different;
  const auto agrees = agrees_with_etag(path, object);
  if (!agrees) return std::unexpected(agrees.error());
  return likeness(*agrees);
}

Result<Likeness> compare_with_metadata(const std::filesystem::path& path, const ObjectInfo& object) {
  auto by_etag = compare_with_etag(path, object);
  const auto told = object.metadata.find(kMd5Metadata);
  if (!by_etag || *by_etag != Likeness::same_size || told == object.metadata.end()) return by_etag;
  const auto sums = md5s_of(path, object.bytes, 0);
  if (!sums) return std::unexpected(sums.error());
  return likeness(base64(sums->front()) == told->second);
}

}  // namespace rtpx::s3
