#include <algorithm>
#include <cctype>
#include <system_error>
#include <vector>

#include "base/ascii.hpp"
#include "base/file_name.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx {

namespace {

/// "s3" of "s3://bucket/key"; empty when it is a path.
std::string_view scheme_of(std::string_view location) {
  const std::size_t end = location.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  const std::string_view scheme = location.substr(0, end);
  const bool valid = std::ranges::all_of(
      scheme, [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.'; });
  return valid && std::isalpha(static_cast<unsigned char>(scheme[0])) != 0 ? scheme : std::string_view();
}

/// Neither a folder nor a device or pipe, which a hostile manifest could name to hang its reader.
bool is_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && !error;
}

/// The paths that a location may mean, the likeliest first.
std::vector<std::filesystem::path> candidates(std::string_view location, bool url,
                                              const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  const auto add = [&](const std::string& text) {
    const std::filesystem::path path(text);
    paths.push_back(folder / path);  // an absolute path replaces the folder
    paths.push_back(folder / path.filename());
  };
  if (url) add(decode_file_name(location));  // percent-decoding, RFC 3986
  add(std::string(location));
  return paths;
}

}  // namespace

Result<std::filesystem::path> resolve_location(std::string_view location,
                                               const std::filesystem::path& manifest_folder) {
  if (location.empty() || location.find('\0') != std::string_view::npos)
    return fail(Errc::not_found,
                "A location in the manifest of " + manifest_folder.string() + " names no file");
  const std::string scheme = lower(scheme_of(location));
  std::string_view path = location;
  if (scheme == "file") {
    path.remove_prefix(std::string_view("file://").size());
    const std::size_t slash = path.find('/');
    const std::string host = lower(path.substr(0, slash));
    if (slash != std::string_view::npos && slash > 0 && host == "localhost") path.remove_prefix(slash);
  } else if (!scheme.empty()) {
    return fail(Errc::unsupported,
                std::string(location) + " is not a local file: it has to be downloaded first");
  }
  for (const std::filesystem::path& candidate : candidates(path, scheme == "file", manifest_folder))
    if (candidate.has_filename() && is_file(candidate)) return candidate;
  return fail(Errc::not_found, "There is no file " + std::string(location) + ", nor one of its name in " +
                                   (manifest_folder.empty() ? std::string(".") : manifest_folder.string()));
}

}  // namespace rtpx
