#include "storage/recording_layout.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/file_name.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/location.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {

namespace {

namespace fs = std::filesystem;

FileSystem& files() {
  return real_file_system();
}

bool is_there(const fs::path& path) {
  const auto info = files().stat(path);
  return info && *info && !(*info)->is_directory;
}

/// The file is damaged, or the disk cannot read it: a finding, not a failure.
bool spoiled(const Error& error) {
  return error.code == Errc::malformed || error.code == Errc::io;
}

bool is_file(const fs::path& folder, const fs::path& name) {
  return look_below(folder, name) == Below::file;
}

/// Puts a layout together step by step.
class Reader {
 public:
  Reader(Outside outside, std::shared_ptr<FileSystem> source) : outside_(outside), source_(std::move(source)) {}

  Result<RecordingLayout> read(const fs::path& recording) {
    const auto info = files().stat(recording);
    if (!info) return std::unexpected(info.error());
    const bool folder = *info && (*info)->is_directory;
    if (!*info) return fail(Errc::not_found, "There is no recording " + recording.string());
    out_.folder = folder ? recording : recording.parent_path();
    manifest_file_ = folder ? recording / "manifest.json" : recording;
    if (const auto owner = recording_owner(out_.folder)) {
      live_ = true;
      out_.notes.push_back(out_.folder.string() + " belongs to " + *owner +
                           ": what is written until now is looked at, and the newest of it is not covered by "
                           "checksums yet");
    }
    if (const auto done = read_info(); !done) return std::unexpected(done.error());
    if (const auto done = read_tracks(); !done) return std::unexpected(done.error());
    if (const auto done = read_indexes(); !done) return std::unexpected(done.error());
    if (const auto done = add_the_rest(); !done) return std::unexpected(done.error());
    if (out_.files.empty() && !out_.manifest_present)
      return fail(Errc::not_found, out_.folder.string() + " holds neither a manifest nor record files");
    connect();
    return std::move(out_);
  }

 private:
  Result<void> read_info() {
    auto info = read_recording_info(*source_, out_.folder);
    if (info) {
      out_.info = std::move(*info);
    } else if (spoiled(info.error())) {
      out_.problems.push_back(info.error().message);
    } else if (info.error().code != Errc::not_found) {
      return std::unexpected(info.error());
    }
    return {};
  }

  Result<void> read_tracks() {
    out_.manifest_present = is_there(manifest_file_);
    auto manifest = read_manifest(*source_, manifest_file_);
    if (!manifest) {
      if (!spoiled(manifest.error()) && manifest.error().code != Errc::not_found)
        return std::unexpected(manifest.error());
      if (manifest_file_.filename() != "manifest.json")
        return std::unexpected(manifest.error());  // any other file
      out_.problems.push_back(manifest.error().message);
      return {};
    }
    out_.manifest = std::move(*manifest);
    for (const auto& [id, track] : *out_.manifest) {
      add(id, track.location, IndexContent::rtp);
      for (const std::string& location : track.more_locations) add(id, location, IndexContent::rtp);
      if (!out_.files.empty()) out_.files.back().last_of_track = true;
      const std::vector<std::string> rtcp = rtcp_locations(track);
      for (const std::string& location : rtcp) add(id, location, IndexContent::rtcp);
      if (!rtcp.empty()) out_.files.back().last_of_track = true;
    }
    return {};
  }

  void add(const std::string& id, const std::string& location, IndexContent content) {
    LayoutFile file;
    file.track_id = id;
    file.content = content;
    file.in_manifest = true;
    const fs::path beside = out_.folder / fs::path(location).filename();
    if (const auto path = resolve_location(location, out_.folder, outside_)) {
      file.path = *path;
      file.present = true;
    } else {
      file.path = beside;
      file.present = path.error().code == Errc::unsupported && is_file(out_.folder, beside.filename());
      if (!file.present)
        missing_.emplace_back(out_.files.size(), "Track \"" + id + "\": " + path.error().message);
    }
    std::error_code ignored;  // one spelling for what lies in the folder, however the location spells it
    if (file.present && std::filesystem::equivalent(file.path.parent_path(), out_.folder, ignored))
      file.path = beside;
    seen_.insert(file.path.lexically_normal());
    out_.files.push_back(std::move(file));
  }

  Result<void> read_indexes() {
    std::set<fs::path> folders = {out_.folder};
    for (const LayoutFile& file : out_.files) folders.insert(file.path.parent_path());
    for (const fs::path& folder : folders) {
      const fs::path path = folder / kIndexFileName;
      if (!is_file(folder, kIndexFileName)) continue;
      auto index = read_index(*source_, path);
      if (!index) {
        if (!spoiled(index.error()) && index.error().code != Errc::unsupported)
          return std::unexpected(index.error());
        index.error().message = path.string() + ": " + index.error().message;
        if (!spoiled(index.error())) return std::unexpected(index.error());
        out_.problems.push_back(index.error().message);
        out_.indexes[folder];  // there was one: an empty one proves nothing
        continue;
      }
      if (index->damaged_bytes > 0) {
        const std::string text = std::to_string(index->damaged_bytes) + " bytes of " + path.string();
        if (index->torn)
          out_.notes.push_back(text + " are damaged; its end is torn");
        else
          out_.problems.push_back(text + " are damaged");
      }
      out_.indexes[folder] = std::move(*index);
    }
    for (const auto& [id, track] : out_.manifest.value_or(Manifest()))
      if (track.index_location && out_.indexes.empty()) {
        out_.problems.push_back("There is no index, though the manifest names " + *track.index_location);
        break;
      }
    if (out_.indexes.empty())
      out_.notes.push_back("The recording has no checksums: nothing of it can be proven");
    return {};
  }

  /// Record files that the manifest does not name.
  Result<void> add_the_rest() {
    const auto entries = files().list(out_.folder);
    if (!entries) return std::unexpected(entries.error());
    for (const DirectoryEntry& entry : *entries) {
      const fs::path path = out_.folder / entry.name;
      const bool rtcp = path.extension() == ".rtcpx";
      if (entry.is_directory || (!rtcp && path.extension() != ".rtpx") || !is_file(out_.folder, entry.name))
        continue;
      if (!seen_.insert(path.lexically_normal()).second) continue;
      LayoutFile file;
      file.track_id = track_of(path.stem().string());
      file.path = path;
      file.content = rtcp ? IndexContent::rtcp : IndexContent::rtp;
      file.present = true;
      file.last_of_track = true;
      if (out_.manifest)
        (rtcp || live_ ? out_.notes : out_.problems).push_back("The manifest does not name " + path.string());
      out_.files.push_back(std::move(file));
    }
    return {};
  }

  /// A recorder that goes on in a new file adds "~2" and so on to the name (queue_writer.cpp), which no encoded id holds.
  [[nodiscard]] static std::string track_of(std::string_view stem) {
    const std::size_t tilde = stem.rfind('~');
    const std::string_view number = tilde == std::string_view::npos ? "" : stem.substr(tilde + 1);
    const bool later = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
    return decode_file_name(later ? stem.substr(0, tilde) : stem);
  }

  void connect() {
    for (LayoutFile& file : out_.files) {
      const auto index = out_.indexes.find(file.path.parent_path());
      if (index == out_.indexes.end()) continue;
      file.has_index = true;
      for (const auto& [number, indexed] : index->second.files) {
        if (indexed.name != file.path.filename()) continue;
        file.indexed = &indexed;
        if (!file.in_manifest && !indexed.track_id.empty()) file.track_id = indexed.track_id;
      }
    }
    find_nameless();
    judge_missing();
    for (LayoutFile& file : out_.files) file.source = source_;
  }

  /// A track without packets has no file: its recorder makes one when the first packet comes, and its index
  /// says so.
  void judge_missing() {
    for (const auto& [number, message] : missing_) {
      const LayoutFile& file = out_.files[number];
      const ManifestTrack& track = out_.manifest->at(file.track_id);
      const bool never_was = file.has_index && file.indexed == nullptr && track.packets.value_or(0) == 0;
      if (never_was)
        out_.notes.push_back("Track \"" + file.track_id + "\" has no packets, and no file");
      else
        out_.problems.push_back(message);
    }
  }

  /// Where the entry with a file's name is damaged and only one file and one nameless list of blocks are left
  /// in a folder, they belong together.
  void find_nameless() {
    for (const auto& [folder, index] : out_.indexes) {
      std::vector<const IndexedFile*> nameless;
      for (const auto& [number, indexed] : index.files)
        if (indexed.name.empty()) nameless.push_back(&indexed);
      std::vector<LayoutFile*> unknown;
      for (LayoutFile& file : out_.files)
        if (file.indexed == nullptr && file.present && file.path.parent_path() == folder)
          unknown.push_back(&file);
      if (nameless.size() == 1 && unknown.size() == 1) unknown[0]->indexed = nameless[0];
    }
  }

  const Outside outside_;
  const std::shared_ptr<FileSystem> source_;
  RecordingLayout out_;
  fs::path manifest_file_;
  bool live_ = false;  // files may have come after the manifest was read
  std::set<fs::path> seen_;
  std::vector<std::pair<std::size_t, std::string>> missing_;  // number in out_.files, what to say
};

}  // namespace

const ManifestTrack* RecordingLayout::track(const std::string& id) const {
  if (!manifest) return nullptr;
  const auto at = manifest->find(id);
  return at == manifest->end() ? nullptr : &at->second;
}

bool RecordingLayout::ended(const LayoutFile& file) const {
  if (!file.last_of_track || (file.indexed != nullptr && file.indexed->end)) return true;
  const ManifestTrack* entry = track(file.track_id);
  return entry != nullptr && entry->ended_at && entry->end_reason != "recovered";
}

Result<RecordingLayout> read_layout(const fs::path& recording, Outside outside, std::shared_ptr<FileSystem> source) {
  if (!source) source = sealed::reading_files({});
  return Reader(outside, std::move(source)).read(recording);
}

}  // namespace rtpx
