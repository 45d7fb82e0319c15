#pragma once

#include <filesystem>
#include <string>

#include "server/http/message.hpp"

namespace rtpx::http {

/// A file, or the one range of it that the request asks for (RFC 9110 13, 14): ETag, Last-Modified,
/// If-None-Match, If-Range, 206 and 416. Several ranges in one request are answered with the whole. No
/// symbolic link is followed to the file itself. 404 when there is no such ordinary file.
[[nodiscard]] Response file_response(const Request& request, const std::filesystem::path& path,
                                     std::string content_type);
/// The same of a file that is open already.
[[nodiscard]] Response file_response(const Request& request, std::shared_ptr<Descriptor> file,
                                     std::string content_type);

/// Bytes in memory, or the one range of them that the request asks for, likewise. The ETag is made of them.
[[nodiscard]] Response bytes_response(const Request& request, std::string_view bytes, std::string content_type);

/// `bytes=first-last` of a file of `size` bytes.
struct ByteRange {
  std::uint64_t first = 0, length = 0;
};
enum class RangeCheck : std::uint8_t { none, one, unsatisfiable };
/// `none`: it is no such header, or it asks for several; then all is sent.
[[nodiscard]] RangeCheck parse_range(std::string_view header, std::uint64_t size, ByteRange& range);

}  // namespace rtpx::http
