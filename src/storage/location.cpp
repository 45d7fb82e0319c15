#include "storage/location.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/ascii.hpp"
#include "base/file_name.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx {

namespace {

namespace fs = std::filesystem;

/// "s3" of "s3://bucket/key"; empty when it is a path.
std::string_view scheme_of(std::string_view location) {
  const std::size_t end = location.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  const std::string_view scheme = location.substr(0, end);
  const bool valid = std::ranges::all_of(
      scheme, [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.'; });
  return valid && std::isalpha(static_cast<unsigned char>(scheme[0])) != 0 ? scheme : std::string_view();
}

/// The path of a file:// URL (RFC 8089), still percent-encoded.
std::string_view path_of_url(std::string_view url) {
  url.remove_prefix(std::string_view("file://").size());
  const std::size_t slash = url.find('/');
  if (slash != std::string_view::npos && slash > 0 && lower(url.substr(0, slash)) == "localhost")
    url.remove_prefix(slash);
  return url;
}

bool leads_out(const fs::path& path) {
  return path.is_absolute() || std::ranges::find(path, "..") != path.end();
}

/// A descriptor of a folder, for looking at what is in it.
class Folder {
 public:
  explicit Folder(int descriptor) : descriptor_(descriptor) {}
  ~Folder() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  void enter(const fs::path& name) {
    const int next = ::openat(descriptor_, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    ::close(std::exchange(descriptor_, next));
  }

 private:
  int descriptor_;
};

/// Tries what one location may mean; remembers why it was nothing.
class Resolver {
 public:
  Resolver(const fs::path& folder, Outside outside) : folder_(folder), allowed_(outside == Outside::allowed) {}

  std::optional<fs::path> resolve(const fs::path& path) {
    if (!path.has_filename() || path.filename() == "." || path.filename() == ".." ||
        path.native().find('\0') != std::string::npos)
      return std::nullopt;
    if (auto found = below(path.filename())) return found;
    if (leads_out(path)) {
      outside_ = true;
    } else if (path.has_parent_path()) {
      if (auto found = below(path.lexically_normal())) return found;
    }
    if (!allowed_) return std::nullopt;
    if (auto found = anywhere(folder_ / path.filename())) return found;  // behind a link
    return anywhere(folder_ / path);
  }

  /// Why nothing was found, to stand behind what was looked for.
  [[nodiscard]] std::string why(std::string_view location) const {
    const std::string folder = folder_.empty() ? "." : folder_.string();
    if (is_link_)
      return std::string(location) + " of the manifest in " + folder +
             " leads through a symbolic link, which is followed with --allow-outside only";
    std::string text = "There is no file " + fs::path(location).filename().string() + " in " + folder;
    if (outside_)
      text += "; its manifest names " + std::string(location) +
              ", but nothing outside of the folder is read: copy the file into it, or use --allow-outside";
    return text;
  }

 private:
  std::optional<fs::path> below(const fs::path& path) {
    const Below there = look_below(folder_, path);
    if (there == Below::file) return folder_ / path;
    is_link_ = is_link_ || there == Below::link;
    return std::nullopt;
  }

  static std::optional<fs::path> anywhere(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) ? std::optional(path) : std::nullopt;
  }

  const fs::path& folder_;
  const bool allowed_;
  bool is_link_ = false, outside_ = false;
};

}  // namespace

Below look_below(const fs::path& folder, const fs::path& path) {
  if (path.empty() || leads_out(path)) return Below::other;
  Folder at(::open(folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (auto part = path.begin(); at.descriptor() >= 0; ++part) {
    struct stat info {};
    if (::fstatat(at.descriptor(), part->c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Below::nothing;
    if (S_ISLNK(info.st_mode)) return Below::link;
    if (std::next(part) == path.end()) return S_ISREG(info.st_mode) ? Below::file : Below::other;
    if (!S_ISDIR(info.st_mode)) return Below::nothing;
    at.enter(*part);
  }
  return Below::nothing;
}

Result<fs::path> resolve_location(std::string_view location, const fs::path& manifest_folder) {
  return resolve_location(location, manifest_folder, Outside::refused);
}

Result<fs::path> resolve_location(std::string_view location, const fs::path& manifest_folder, Outside outside) {
  if (location.empty() || location.find('\0') != std::string_view::npos)
    return fail(Errc::not_found,
                "A location in the manifest of " + manifest_folder.string() + " names no file");
  const std::string scheme = lower(scheme_of(location));
  if (!scheme.empty() && scheme != "file")
    return fail(Errc::unsupported,
                std::string(location) + " is not a local file: it has to be downloaded first");
  const std::string_view path = scheme == "file" ? path_of_url(location) : location;
  Resolver resolver(manifest_folder, outside);
  if (scheme == "file")
    if (auto found = resolver.resolve(decode_file_name(path))) return *found;  // percent-decoding, RFC 3986
  if (auto found = resolver.resolve(path)) return *found;
  return fail(Errc::not_found, resolver.why(location));
}

}  // namespace rtpx
