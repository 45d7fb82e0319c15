#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "s3/digest.hpp"
#include "s3/http.hpp"

namespace rtpx::s3 {

/// An open file, closed at the end. Movable.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

/// Opens a regular file to read; no symbolic link is followed to it, and no pipe or device is waited for.
/// Errors: not_found; io, saying what is there instead.
[[nodiscard]] Result<Descriptor> open_regular(const std::filesystem::path& path);

/// The size of a regular file, under the same rules.
[[nodiscard]] Result<std::uint64_t> regular_size(const std::filesystem::path& path);

/// Reads the range once, for all digests that `digests` wants. Errors: as above; io, also when it has become
/// shorter.
[[nodiscard]] Result<void> digest_range(const FileRange& range, Digests& digests);

/// MD5s of the file's first `bytes` in parts of `part_bytes` (0: of all at once).
[[nodiscard]] Result<std::vector<Md5>> md5s_of(const std::filesystem::path& path, std::uint64_t bytes,
                                               std::uint64_t part_bytes);

/// What a service tells of an object.
struct ObjectInfo {
  std::uint64_t bytes = 0;
  std::string etag;                             ///< without quotes
  bool encrypted = false;                       ///< by a key of KMS or of a client: the ETag may be no MD5
  std::map<std::string, std::string> metadata;  ///< x-amz-meta-*, names without the prefix
};

/// Names of metadata: the size of our parts, from which the ETag can be computed again, and the base64 of the
/// whole content's MD5, by which rclone verifies.
inline constexpr const char* kPartBytesMetadata = "rtpx-part-bytes";
inline constexpr const char* kMd5Metadata = "md5chksum";

enum class Likeness : std::uint8_t {
  same,       ///< size and checksum agree
  same_size,  ///< the service tells no checksum of the content
  different,
};

/// Compares a file with an object by size and ETag.
[[nodiscard]] Result<Likeness> compare_with_etag(const std::filesystem::path& path, const ObjectInfo& object);
/// The same, and by the MD5 that the uploader left in the metadata where the ETag is none: for what came
/// from the service, not as a proof of what it holds.
[[nodiscard]] Result<Likeness> compare_with_metadata(const std::filesystem::path& path,
                                                     const ObjectInfo& object);

}  // namespace rtpx::s3
