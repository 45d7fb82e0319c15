#include "packets/recording.hpp"

#include <system_error>
#include <utility>

#include "base/remote_file.hpp"
#include "rtpx/recover.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

std::string last_component(std::string_view url) {
  const std::size_t slash = url.find_last_of('/');
  return std::string(slash == std::string_view::npos ? url : url.substr(slash + 1));
}

Result<std::filesystem::path> fetch(const std::string& url, const std::filesystem::path& download_path,
                                    Downloader* downloader) {
  if (downloader == nullptr)
    return fail(Errc::unsupported, url + " is remote, and no download is configured");
  std::error_code failed;
  std::filesystem::create_directories(download_path, failed);
  if (failed)
    return fail(Errc::io, "cannot make the folder " + download_path.string() + ": " + failed.message());
  const std::string name = last_component(url);
  if (name.empty() || name == "." || name == "..")
    return fail(Errc::malformed, url + " does not name a file");
  const std::filesystem::path file = download_path / name;
  if (auto done = downloader->download(url, file); !done) return std::unexpected(done.error());
  return file;
}

/// Of a recording's own URL, or of its manifest's; without a slash at the end.
std::string remote_folder_of(std::string url) {
  if (url.ends_with(".json")) url.resize(url.find_last_of('/'));
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// Resolves the locations of one track.
class Finder {
 public:
  /// `remote_folder`: the URL that the manifest comes from; empty: it is a local one. `objects`: through
  /// which remote files are read where they lie; null: they are fetched.
  Finder(const std::filesystem::path& folder, std::string remote_folder,
         const std::filesystem::path& download_path, Downloader* downloader, Outside outside,
         std::shared_ptr<FileSystem> objects)
      : folder_(folder),
        remote_folder_(std::move(remote_folder)),
        download_path_(download_path),
        downloader_(downloader),
        outside_(outside),
        objects_(std::move(objects)) {}

  Result<std::filesystem::path> find(const std::string& location) const {
    const std::string name = last_component(location);
    if (is_s3_url(location)) {
      // What was downloaded as a whole, or stored and kept, lies beside its manifest.
      if (remote_folder_.empty() && !name.empty() && look_below(folder_, name) == Below::file)
        return folder_ / name;
      // Of a recording that was copied to another place, too.
      if (!remote_folder_.empty() && objects_)
        if (auto beside = bring(remote_folder_ + "/" + name)) return beside;
      return bring(location);
    }
    if (remote_folder_.empty()) return resolve_location(location, folder_, outside_);
    // A manifest from elsewhere names files beside it, and none of this machine.
    return bring(remote_folder_ + "/" + name);
  }

  TrackFiles files_of(const std::string& id, const ManifestTrack& track) const {
    TrackFiles files{id, track, {}, {}, {}, {}, {}};
    const std::vector<std::string> rtp = rtp_locations(track), rtcp = rtcp_locations(track);
    for (const std::string& location : rtp) {
      if (auto file = find(location))
        files.rtp.push_back(*file);
      else if (files.missing.empty())
        files.missing = file.error().message;
    }
    for (const std::string& location : rtcp)
      if (auto file = find(location)) files.rtcp.push_back(*file);
    return files;
  }

 private:
  Result<std::filesystem::path> bring(const std::string& url) const {
    if (!objects_) return fetch(url, download_path_, downloader_);
    const auto there = objects_->stat(url);
    if (!there) return std::unexpected(there.error());
    if (!*there) return fail(Errc::not_found, "There is no " + url);
    return std::filesystem::path(url);
  }

  const std::filesystem::path& folder_;
  std::string remote_folder_;
  const std::filesystem::path& download_path_;
  Downloader* downloader_;
  Outside outside_;
  std::shared_ptr<FileSystem> objects_;
};

Result<Recording> find_with(const Finder& finder, const Manifest& manifest, const std::filesystem::path& folder,
                            std::shared_ptr<FileSystem> source) {
  Recording recording;
  recording.name = folder.string();
  recording.folder = folder;
  recording.source = std::move(source);
  auto info = read_recording_info(*recording.source, folder);
  if (!info && info.error().code == Errc::unsupported) return std::unexpected(std::move(info).error());  // of a newer rtpx
  if (info) {
    recording.title = std::move(info->name);
    recording.facts = std::move(info->facts);
    recording.clock = info->clock.whole();
  }
  for (const auto& [id, track] : manifest) {
    recording.tracks.push_back(finder.files_of(id, track));
    recording.tracks.back().source = recording.source;
    const auto* who = track.participant ? recording.facts.participant(*track.participant) : nullptr;
    if (who != nullptr) recording.tracks.back().participant_name = who->name;
  }
  return recording;
}

}  // namespace

Result<Recording> find_files(const Manifest& manifest, const std::filesystem::path& folder,
                             const std::filesystem::path& download_path, Downloader* downloader, Outside outside,
                             const Identities& identities) {
  return find_with(Finder(folder, {}, download_path, downloader, outside, nullptr), manifest, folder,
                   sealed::reading_files(identities));
}

Result<Recording> find_recording(const std::string& recording, const std::filesystem::path& download_path,
                                 Downloader* downloader, Outside outside, const Identities& identities,
                                 Reading reading) {
  std::shared_ptr<FileSystem> objects;
  if (downloader != nullptr && (reading == Reading::parts || downloader->only_in_place()))
    objects = downloader->objects();
  const auto source = sealed::reading_files(identities, objects);
  std::filesystem::path place = recording;
  std::string remote_folder;
  if (is_s3_url(recording)) {
    remote_folder = remote_folder_of(recording);
    const std::string url = recording.ends_with(".json") ? recording : remote_folder + "/manifest.json";
    auto manifest_file = objects ? Result<std::filesystem::path>(url) : fetch(url, download_path, downloader);
    if (!manifest_file) return std::unexpected(manifest_file.error());
    place = *manifest_file;
  }
  auto manifest = read_manifest(*source, place);
  if (!manifest && remote_folder.empty() &&
      (manifest.error().code == Errc::malformed || manifest.error().code == Errc::not_found))
    if (auto rebuilt = rebuild_manifest(place, {}, identities); rebuilt && !rebuilt->empty())
      manifest = std::move(*rebuilt);
  if (!manifest) return std::unexpected(manifest.error());
  std::error_code ignored;
  const bool is_folder = !is_s3_url(place) && std::filesystem::is_directory(place, ignored);
  const std::filesystem::path folder = is_folder ? place : place.parent_path();
  // Its people, marks and clock; it may have none, where that of another was fetched before.
  if (!remote_folder.empty() && !objects && !fetch(remote_folder + "/" + kRecordingFileName, download_path, downloader))
    std::filesystem::remove(folder / kRecordingFileName, ignored);
  auto found = find_with(Finder(folder, remote_folder, download_path, downloader, outside, objects), *manifest,
                         folder, source);
  if (found) found->name = recording;
  return found;
}

}  // namespace rtpx
