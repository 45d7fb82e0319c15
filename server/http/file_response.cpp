#include "server/http/file_response.hpp"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace rtpx::http {
namespace {

/// A strong validator: it changes with the file and with whatever is written to it.
std::string tag_of(const struct stat& info) {
  char text[80];
  std::snprintf(text, sizeof text, "\"%llx-%llx-%llx%09lx\"", static_cast<unsigned long long>(info.st_ino),
                static_cast<unsigned long long>(info.st_size),
                static_cast<unsigned long long>(info.st_mtim.tv_sec), info.st_mtim.tv_nsec);
  return text;
}

/// RFC 9110 13.1.2, with weak comparison.
bool names_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == tag) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

RangeCheck parse_range(std::string_view header, std::uint64_t size, ByteRange& range) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return RangeCheck::none;
  const std::string_view spec = header.substr(kUnit.size());
  const auto dash = spec.find('-');
  if (dash == spec.npos || spec.find(',') != spec.npos) return RangeCheck::none;
  const auto first = number_of(spec.substr(0, dash)), last = number_of(spec.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return RangeCheck::none;
    if (*last == 0 || size == 0) return RangeCheck::unsatisfiable;
    const std::uint64_t length = std::min(*last, size);
    range = {size - length, length};
    return RangeCheck::one;
  }
  if (!first || (!last && dash + 1 != spec.size()) || (last && *last < *first)) return RangeCheck::none;
  if (*first >= size) return RangeCheck::unsatisfiable;
  range = {*first, std::min(last.value_or(size - 1), size - 1) - *first + 1};
  return RangeCheck::one;
}

namespace {

/// What a request with conditions and ranges gets of `size` bytes.
struct Part {
  std::optional<Response> instead;  ///< 304, 416
  ByteRange range;
};

Part part_of(const Request& request, const std::string& tag, const std::string& modified, std::uint64_t size,
             Response& out) {
  Part part{std::nullopt, {0, size}};
  if (const auto known = request.header("If-None-Match"); !known.empty() && names_tag(known, tag)) {
    out.status = 304;
    part.instead = out;
    return part;
  }
  const auto condition = request.header("If-Range");
  const bool ranged = request.method == "GET" &&
                      (condition.empty() || condition == tag || (!modified.empty() && condition == modified));
  switch (ranged ? parse_range(request.header("Range"), size, part.range) : RangeCheck::none) {
    case RangeCheck::unsatisfiable:
      part.instead = problem(416, "The file has " + std::to_string(size) + " bytes.")
                         .with("Content-Range", "bytes */" + std::to_string(size));
      break;
    case RangeCheck::one:
      out.status = 206;
      out.with("Content-Range", "bytes " + std::to_string(part.range.first) + "-" +
                                    std::to_string(part.range.first + part.range.length - 1) + "/" +
                                    std::to_string(size));
      break;
    case RangeCheck::none:
      break;
  }
  return part;
}

}  // namespace

Response file_response(const Request& request, const std::filesystem::path& path, std::string content_type) {
  return file_response(
      request,
      std::make_shared<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)),
      std::move(content_type));
}

Response file_response(const Request& request, std::shared_ptr<Descriptor> file, std::string content_type) {
  struct stat info {};
  if (file->get() < 0 || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode))
    return problem(404, "There is no such file.");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const std::string tag = tag_of(info), modified = http_date(info.st_mtim.tv_sec);
  Response out;
  out.with("ETag", tag).with("Last-Modified", modified).with("Accept-Ranges", "bytes");
  const Part part = part_of(request, tag, modified, size, out);
  if (part.instead) return *part.instead;
  out.with("Content-Type", std::move(content_type));
  out.body = FileBody{std::move(file), part.range.first, part.range.length};
  return out;
}

Response bytes_response(const Request& request, std::string_view bytes, std::string content_type) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string tag = "\"";
  for (std::size_t i = 0; i < 10; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    tag += two;
  }
  tag += '"';
  Response out;
  out.with("ETag", tag).with("Accept-Ranges", "bytes");
  const Part part = part_of(request, tag, "", bytes.size(), out);
  if (part.instead) return *part.instead;
  out.with("Content-Type", std::move(content_type));
  out.body = std::string(bytes.substr(part.range.first, part.range.length));
  return out;
}

}  // namespace rtpx::http
