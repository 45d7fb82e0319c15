#pragma once

#include <filesystem>
#include <functional>

#include "s3/client.hpp"

namespace rtpx::s3 {

/// Fetches an object into `.<name>.part` beside `file` in parallel ranges, compares its checksum where the
/// ETag tells one, and renames it. What an earlier call fetched of the same version is kept; a file whose
/// checksum is the object's already is left alone. Answers whether the checksum was compared. `max_bytes` 0:
/// what the disk has free.
[[nodiscard]] Result<bool> download_object(Client& client, const S3Url& object,
                                           const std::filesystem::path& file, std::uint64_t max_bytes,
                                           CallContext context,
                                           const std::function<void(std::uint64_t)>& on_bytes);

/// Bytes of `file` that are on this disk already, whole or in its `.part`.
[[nodiscard]] std::uint64_t bytes_there(const std::filesystem::path& file);

}  // namespace rtpx::s3
