#include "packets/recording.hpp"

#include <system_error>
#include <utility>

#include "rtpx/recover.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

bool remote(std::string_view location) {
  return location.starts_with("s3://");
}

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

/// Resolves the locations of one track.
class Finder {
 public:
  /// `remote_folder`: the URL that the manifest was fetched from; empty: it is a local one.
  Finder(const std::filesystem::path& folder, std::string remote_folder,
         const std::filesystem::path& download_path, Downloader* downloader, Outside outside)
      : folder_(folder),
        remote_folder_(std::move(remote_folder)),
        download_path_(download_path),
        downloader_(downloader),
        outside_(outside) {}

  Result<std::filesystem::path> find(const std::string& location) const {
    if (remote(location)) {
      // What was downloaded as a whole, or stored and kept, lies beside its manifest.
      const std::string name = last_component(location);
      if (remote_folder_.empty() && !name.empty() && look_below(folder_, name) == Below::file) return folder_ / name;
      return fetch(location, download_path_, downloader_);
    }
    if (remote_folder_.empty()) return resolve_location(location, folder_, outside_);
    // A manifest from elsewhere names files beside it, and none of this machine.
    return fetch(remote_folder_ + "/" + last_component(location), download_path_, downloader_);
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
  const std::filesystem::path& folder_;
  std::string remote_folder_;
  const std::filesystem::path& download_path_;
  Downloader* downloader_;
  Outside outside_;
};

Recording find_with(const Finder& finder, const Manifest& manifest, const std::filesystem::path& folder,
                    std::shared_ptr<FileSystem> source) {
  Recording recording;
  recording.name = folder.string();
  recording.folder = folder;
  recording.source = std::move(source);
  if (auto info = read_recording_info(*recording.source, folder)) {
    recording.title = std::move(info->name);
    recording.facts = std::move(info->facts);
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

Recording find_files(const Manifest& manifest, const std::filesystem::path& folder,
                     const std::filesystem::path& download_path, Downloader* downloader, Outside outside,
                     const Identities& identities) {
  return find_with(Finder(folder, {}, download_path, downloader, outside), manifest, folder,
                   sealed::reading_files(identities));
}

Result<Recording> find_recording(const std::string& recording, const std::filesystem::path& download_path,
                                 Downloader* downloader, Outside outside, const Identities& identities) {
  const auto source = sealed::reading_files(identities);
  std::filesystem::path place = recording;
  std::string remote_folder;
  if (remote(recording)) {
    const bool names_it = recording.ends_with(".json");
    remote_folder = names_it ? recording.substr(0, recording.find_last_of('/')) : recording;
    auto manifest_file =
        fetch(names_it ? recording : recording + "/manifest.json", download_path, downloader);
    if (!manifest_file) return std::unexpected(manifest_file.error());
    place = *manifest_file;
  }
  auto manifest = read_manifest(*source, place);
  if (!manifest && remote_folder.empty() &&
      (manifest.error().code == Errc::malformed || manifest.error().code == Errc::not_found))
    if (auto rebuilt = rebuild_manifest(place, {}, identities); rebuilt && !rebuilt->empty()) manifest = std::move(*rebuilt);
  if (!manifest) return std::unexpected(manifest.error());
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(place, ignored);
  const std::filesystem::path folder = is_folder ? place : place.parent_path();
  if (!remote_folder.empty())  // its people and marks; it may have none
    (void)fetch(remote_folder + "/" + kRecordingFileName, download_path, downloader);
  Recording found = find_with(Finder(folder, remote_folder, download_path, downloader, outside), *manifest, folder, source);
  found.name = recording;
  return found;
}

}  // namespace rtpx
