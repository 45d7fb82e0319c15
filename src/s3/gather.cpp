#include "s3/gather.hpp"

#include "base/file_system.hpp"
#include "s3/names.hpp"
#include "storage/location.hpp"

namespace rtpx::s3 {
namespace {

namespace fs = std::filesystem;

/// `name` in `folder` becomes the file `from`, in place of a link of that name.
Result<void> bring(const fs::path& from, const fs::path& folder, const std::string& name) {
  FileSystem& files = real_file_system();
  const fs::path temporary = folder / ("." + name + ".gathered");
  (void)files.remove(temporary);
  std::error_code failed;
  const fs::path target = fs::canonical(from, failed);
  if (failed) return fail(Errc::io, "Cannot find " + from.string() + ": " + failed.message());
  if (!files.link(target, temporary)) {  // another disk
    fs::copy_file(target, temporary, failed);
    if (failed) {
      (void)files.remove(temporary);
      return fail(Errc::io, "Cannot copy " + target.string() + " into " + folder.string() + ": " + failed.message());
    }
  }
  if (auto renamed = files.rename(temporary, folder / name); !renamed) return renamed;
  return files.sync_directory(folder);
}

}  // namespace

Result<void> gather_outside(const Manifest& manifest, const fs::path& folder) {
  for (const auto& [id, track] : manifest) {
    std::vector<std::string> locations = rtp_locations(track);
    const std::vector<std::string> rtcp = rtcp_locations(track);
    locations.insert(locations.end(), rtcp.begin(), rtcp.end());
    if (track.index_location) locations.push_back(*track.index_location);
    for (const std::string& location : locations) {
      const auto found = resolve_location(location, folder, Outside::allowed);
      if (!found) continue;  // the upload says what is missing
      const std::string name = found->filename();
      if (look_below(folder, name) == Below::file) continue;
      if (auto plain = check_plain_name(name); !plain) return plain;
      if (auto brought = bring(*found, folder, name); !brought) return brought;
    }
  }
  return {};
}

}  // namespace rtpx::s3
