#include "rtpx/recover.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "recover/manifest_salvage.hpp"
#include "recover/record_rescue.hpp"
#include "recover/recovery_report.hpp"
#include "recover/track_guess.hpp"
#include "storage/recording_layout.hpp"
#include "util/file_name.hpp"
#include "util/utc_time.hpp"

namespace rtpx {

namespace {

namespace fs = std::filesystem;

FileSystem& files() {
  return real_file_system();
}

UtcTime modified(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return utc_now();
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::file_clock::to_sys(time));
}

/// What was read of one file, with where it goes.
struct Rescue {
  LayoutFile source;
  RescuedFile found;
  bool ended = false;
};

/// One run of recover(). Reads everything first; then writes what differs, files before the manifest that
/// names them.
class Recovery {
 public:
  explicit Recovery(const RecoverOptions& options) : options_(options) {}

  Result<RecoverReport> run(const fs::path& recording) {
    if (const auto done = read(recording); !done) return std::unexpected(done.error());
    if (const auto done = prepare_target(); !done) return std::unexpected(done.error());
    if (const auto done = write_files(); !done) return std::unexpected(done.error());
    if (const auto done = write_the_rest(); !done) return std::unexpected(done.error());
    return std::move(out_);
  }

  /// Everything that changes nothing: after it, the manifest is as it will be written.
  Result<void> read(const fs::path& recording) {
    auto layout = read_layout(recording);
    if (!layout) return std::unexpected(layout.error());
    layout_ = std::move(*layout);
    out_.notes = layout_.problems;
    out_.notes.insert(out_.notes.end(), layout_.notes.begin(), layout_.notes.end());
    target_ = options_.output.empty() ? layout_.folder : options_.output;
    out_.folder = target_;
    const auto info = files().stat(layout_.folder / kRecordingFileName);
    ours_ = !layout_.indexes.empty() || (info && *info);

    if (const auto done = salvage(); !done) return done;
    if (const auto done = examine_files(); !done) return done;
    rebuild_tracks();
    for (const Rescue& rescue : rescues_) locate(rescue);
    end_tracks();
    return {};
  }

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }

 private:
  [[nodiscard]] bool copying() const { return !options_.output.empty(); }

  // --- reading ---

  /// The manifest as far as it can be read.
  Result<void> salvage() {
    if (layout_.manifest) {
      manifest_ = *layout_.manifest;
      return {};
    }
    if (!layout_.manifest_present) return {};
    const auto text = read_whole_file(files(), layout_.folder / "manifest.json");
    if (!text) return std::unexpected(text.error());
    manifest_ = salvage_manifest(*text);
    for (const auto& [id, track] : manifest_)
      out_.notes.push_back("Track \"" + id + "\" could still be read in the broken manifest");
    settle_ids();
    return {};
  }

  /// A salvaged entry may have a damaged id or location. Where its file belongs to another id (by the index,
  /// or by its name) that has no entry, that is its id; else its location is wrong.
  void settle_ids() {
    for (const LayoutFile& file : layout_.files) {
      if (file.content == IndexContent::rtcp) continue;
      for (auto at = manifest_.begin(); at != manifest_.end(); ++at) {
        const std::string& id = at->first;
        if (id == file.track_id || fs::path(at->second.location).filename() != file.path.filename()) continue;
        const bool has_own_file =
            std::ranges::find(layout_.files, id, &LayoutFile::track_id) != layout_.files.end();
        if (has_own_file || manifest_.contains(file.track_id)) {
          at->second.location = usual_name(id);
          continue;
        }
        auto entry = manifest_.extract(at);
        entry.key() = file.track_id;
        manifest_.insert(std::move(entry));
        break;
      }
    }
  }

  /// What the record file of a track is called when nothing stands against it.
  static std::string usual_name(const std::string& id) { return encode_file_name(id) + ".rtpx"; }

  Result<void> examine_files() {
    for (const LayoutFile& file : layout_.files) {
      if (!file.present || of_another_track(file)) continue;
      Rescue rescue{file, {}, layout_.ended(file)};
      TrackGuess& guess = guesses_[file.track_id];
      const bool wanted = !manifest_.contains(file.track_id);
      const bool rtcp = file.content == IndexContent::rtcp;
      const auto look = [&](const Record& record) {
        if (wanted) rtcp ? guess.rtcp(record) : guess.rtp(record);
      };
      auto found = examine(file, rescue.ended, look, options_.stop);
      if (!found) return std::unexpected(found.error());
      rescue.found = std::move(*found);
      note(rescue);
      rescues_.push_back(std::move(rescue));
    }
    // Files that the manifest does not name come in the order in which they were recorded.
    std::ranges::stable_sort(rescues_, [](const Rescue& a, const Rescue& b) {
      if (a.source.in_manifest || b.source.in_manifest) return a.source.in_manifest && !b.source.in_manifest;
      return a.found.first_time_ms < b.found.first_time_ms;
    });
    return {};
  }

  /// A damaged location may name the file of another track; the index knows better.
  bool of_another_track(const LayoutFile& file) {
    if (!file.in_manifest || file.indexed == nullptr || file.indexed->track_id.empty() ||
        file.indexed->track_id == file.track_id || !manifest_.contains(file.indexed->track_id))
      return false;
    out_.notes.push_back("The location of track \"" + file.track_id + "\" named " + file.path.string() +
                         ", which is of track \"" + file.indexed->track_id + "\"");
    if (file.content == IndexContent::rtp)
      manifest_.at(file.track_id).location = usual_name(file.track_id);
    else
      manifest_.at(file.track_id).rtcp_location.reset();
    return true;
  }

  void note(const Rescue& rescue) {
    const RecoveredFile& report = rescue.found.report;
    for (const RecoveredFile::Cut& cut : report.cuts)
      out_.notes.push_back(
          report.file.string() + ": " + std::to_string(cut.length) + " bytes at offset " +
          std::to_string(cut.offset) +
          (cut.tail ? " are a torn tail and were cut off" : " are damaged and were cut out"));
    if (report.suspect_records > 0)
      out_.notes.push_back(report.file.string() + ": " + std::to_string(report.suspect_records) +
                           " records were kept though their checksum disagrees");
  }

  // --- the manifest ---

  /// Makes entries for tracks whose record file is there but whose entry is not.
  void rebuild_tracks() {
    for (const Rescue& rescue : rescues_) {
      const std::string& id = rescue.source.track_id;
      if (manifest_.contains(id) || rescue.source.content == IndexContent::rtcp) continue;
      ManifestTrack track;
      guesses_.at(id).fill(track);
      track.location = rescue.source.path.filename().string();
      track.start_time =
          layout_.info && layout_.info->created != UtcTime{} ? layout_.info->created : start_of(rescue);
      if (rescue.source.has_index) track.index_location = kIndexFileName;
      manifest_.emplace(id, std::move(track));
      rebuilt_.insert(id);
      out_.rebuilt_tracks.push_back(id);
    }
    for (const std::string& id : rebuilt_) name_stream(id);
    for (const std::string& id : rebuilt_) {
      const ManifestTrack& track = manifest_.at(id);
      out_.notes.push_back("The manifest's entry of track \"" + id + "\" was made from its packets: " +
                           (track.codec ? track.codec->mime_type : std::string("codec not recognised")));
    }
  }

  /// Without any better knowledge: when the file was last written, less what it lasts.
  static UtcTime start_of(const Rescue& rescue) {
    const auto& [report, blocks, first, last] = rescue.found;
    const std::int64_t ms =
        first && last ? std::clamp<std::int64_t>(*last - *first, 0, 30LL * 86'400'000) : 0;
    return modified(rescue.source.path) - std::chrono::milliseconds(ms);
  }

  /// Tracks of one sender belong together: by CNAME, or when there are but one of audio and one of video.
  void name_stream(const std::string& id) {
    const std::string& cname = guesses_.at(id).cname();
    const auto count = [&](MediaKind kind) {
      return std::ranges::count_if(
          rebuilt_, [&](const std::string& other) { return manifest_.at(other).kind == kind; });
    };
    const bool pair =
        rebuilt_.size() == manifest_.size() && count(MediaKind::audio) <= 1 && count(MediaKind::video) <= 1;
    manifest_.at(id).streams = {!cname.empty() ? cname : pair ? std::string("recovered") : id};
  }

  /// Makes the entry of a file's track name the file where it is, or will be.
  void locate(const Rescue& rescue) {
    const auto at = manifest_.find(rescue.source.track_id);
    if (at == manifest_.end()) return;  // RTCP without a track
    ManifestTrack& track = at->second;
    const std::string name = rescue.source.path.filename().string();
    if (copying() && track.index_location) track.index_location = kIndexFileName;
    if (rescue.source.content == IndexContent::rtcp) {
      if (copying() || !rescue.source.in_manifest) track.rtcp_location = name;
      return;
    }
    std::vector<std::string*> named = {&track.location};
    for (std::string& location : track.more_locations) named.push_back(&location);
    for (std::string* location : named) {
      if (fs::path(*location).filename() != name) continue;
      if (copying()) *location = name;  // there all files lie beside the manifest
      return;
    }
    if (file_present(track.location)) {
      track.more_locations.push_back(name);
      out_.notes.push_back("Track \"" + at->first + "\" goes on in " + name);
    } else {
      track.location = name;
    }
  }

  [[nodiscard]] bool file_present(const std::string& location) const {
    return std::ranges::any_of(rescues_, [&](const Rescue& rescue) {
      return !location.empty() && rescue.source.path.filename() == fs::path(location).filename();
    });
  }

  /// Ends what a crash left open. A recording of upstream's never says when a track ended: it stays so,
  /// unless there was something to mend.
  void end_tracks() {
    for (auto& [id, track] : manifest_) {
      if (track.ended_at && !changed(id)) continue;
      if (!track.ended_at && !ours_ && !rebuilt_.contains(id) && !changed(id)) continue;
      count(id, track);
      if (track.ended_at) continue;
      track.ended_at = end_of(id, track);
      track.end_reason = "recovered";
      out_.ended_tracks.push_back(id);
    }
  }

  [[nodiscard]] bool changed(const std::string& id) const {
    return std::ranges::any_of(
        rescues_, [&](const Rescue& r) { return r.source.track_id == id && r.found.report.changed; });
  }

  void count(const std::string& id, ManifestTrack& track) const {
    std::uint64_t packets = 0, bytes = 0;
    for (const Rescue& rescue : rescues_) {
      if (rescue.source.track_id != id || rescue.source.content == IndexContent::rtcp) continue;
      packets += rescue.found.report.records;
      bytes += rescue.found.report.bytes;
    }
    track.packets = packets;
    track.bytes = bytes;
  }

  [[nodiscard]] UtcTime end_of(const std::string& id, const ManifestTrack& track) const {
    UtcTime end = track.start_time;
    for (const Rescue& rescue : rescues_) {
      if (rescue.source.track_id != id) continue;
      const auto& last = rescue.found.last_time_ms;
      const std::int64_t most = 366LL * 86'400'000;
      const std::int64_t since =
          !last || !track.clock
              ? -1
              : static_cast<std::int64_t>(static_cast<std::uint64_t>(*last) -
                                          static_cast<std::uint64_t>(track.clock->receive_time_ms));
      const bool sane = since >= 0 && since < most;
      end = std::max(
          end, sane ? track.clock->utc + std::chrono::milliseconds(since) : modified(rescue.source.path));
    }
    return end;
  }

  // --- writing ---

  Result<void> prepare_target() {
    if (!copying()) return {};
    const auto info = files().stat(target_);
    if (!info) return std::unexpected(info.error());
    if (!*info) {
      if (const auto done = files().create_directories(target_); !done) return done;
      return files().sync_directory(fs::absolute(target_).lexically_normal().parent_path());
    }
    const auto entries = files().list(target_);
    if (!entries) return std::unexpected(entries.error());
    if (!entries->empty()) return fail(Errc::already_exists, target_.string() + " is not empty");
    return {};
  }

  Result<void> write_files() {
    for (Rescue& rescue : rescues_) {
      RecoveredFile& report = rescue.found.report;
      // A manifest may name files anywhere; only those of the recording are changed.
      const bool outside = rescue.source.path.parent_path() != layout_.folder;
      if (!copying() && outside && report.changed) {
        out_.notes.push_back(report.file.string() +
                             " lies outside the recording and was left as it is: use an output folder");
        report.changed = false;
      } else if (report.changed || copying()) {
        const fs::path to = target_ / rescue.source.path.filename();
        const fs::path temporary = target_ / ("." + to.filename().string() + ".recovering");
        if (const auto done = copy_without(rescue.source.path, report.cuts, temporary, options_.stop); !done)
          return done;
        if (const auto done = put_in_place(temporary, to); !done) return done;
        report.file = to;
      }
      out_.files.push_back(report);
    }
    return {};
  }

  Result<void> put_in_place(const fs::path& temporary, const fs::path& to) {
    if (const auto done = keep(to); !done) return done;
    if (const auto done = files().rename(temporary, to); !done) return done;
    return files().sync_directory(target_);
  }

  /// Gives the file a second name, NAME.damaged; one that is there from before stays.
  Result<void> keep(const fs::path& path) {
    const auto info = files().stat(path);
    if (!info) return std::unexpected(info.error());
    if (!*info) return {};
    for (int number = 1; number < 1000; ++number) {
      const std::string ending = number == 1 ? ".damaged" : ".damaged." + std::to_string(number);
      const fs::path kept = path.parent_path() / (path.filename().string() + ending);
      auto done = files().link(path, kept);
      if (!done && done.error().code == Errc::already_exists) continue;
      if (!done) done = files().rename(path, kept);  // a file system without links
      if (!done) return done;
      out_.kept.push_back(kept);
      return {};
    }
    return fail(Errc::already_exists, "There are too many copies of " + path.string() + " already");
  }

  /// Manifest, index, recording.json where they differ from what is there, and the report when anything did.
  Result<void> write_the_rest() {
    const bool files_changed = std::ranges::any_of(out_.files, &RecoveredFile::changed);
    bool any = files_changed || copying();
    if (index_differs(files_changed))
      if (const auto done = write_if_different(kIndexFileName, index_text(), any); !done) return done;
    if (const auto done = write_if_different("manifest.json", serialize_manifest(manifest_), any); !done)
      return done;
    if (const auto info = recording_info())
      if (const auto done = write_if_different(kRecordingFileName, serialize_recording_info(*info), any);
          !done)
        return done;
    if (!any) return {};
    out_.report = target_ / kRecoveryReportName;
    return write_file_atomically(files(), out_.report, as_bytes(serialize_recovery(out_)));
  }

  Result<void> write_if_different(const char* name, const std::string& text, bool& any) {
    const fs::path path = target_ / name;
    const auto now = read_whole_file(files(), path, 4ULL << 30);
    if (!now && now.error().code != Errc::not_found) return std::unexpected(now.error());
    if (now && (*now == text || *now == text + "\n" || same_manifest(name, *now))) return {};
    any = true;
    if (const auto done = keep(path); !done) return done;
    return write_file_atomically(files(), path, as_bytes(text));
  }

  /// A manifest that says the same in another form (white space, key order) is left as it was written.
  [[nodiscard]] bool same_manifest(std::string_view name, const std::string& text) const {
    if (name != "manifest.json") return false;
    const auto manifest = parse_manifest(text);
    return manifest && serialize_manifest(*manifest) == serialize_manifest(manifest_);
  }

  [[nodiscard]] bool index_differs(bool files_changed) const {
    const auto index = layout_.indexes.find(layout_.folder);
    if (layout_.indexes.empty()) return false;
    return files_changed || copying() || index == layout_.indexes.end() || index->second.damaged_bytes > 0;
  }

  /// A new index: the blocks that were proven, where their bytes are now.
  [[nodiscard]] std::string index_text() const {
    IndexEncoder encoder;
    encoder.begin();
    std::uint32_t number = 0;
    for (const Rescue& rescue : rescues_) {
      const bool here = copying() || rescue.source.path.parent_path() == layout_.folder;
      if (!here) continue;
      encoder.file(number, rescue.source.content, rescue.source.path.filename().string(),
                   rescue.source.track_id);
      const IndexedFile* indexed = rescue.source.indexed;
      const bool as_it_was = !rescue.found.report.changed && indexed != nullptr;
      for (const IndexBlock& block : as_it_was ? indexed->blocks : rescue.found.blocks)
        encoder.block(number, block);
      if (as_it_was && indexed->end) encoder.end(number, indexed->end->bytes, indexed->end->records);
      ++number;
    }
    return std::string(as_text(encoder.bytes()));
  }

  [[nodiscard]] std::optional<RecordingInfo> recording_info() const {
    if (!layout_.info && !ours_) return std::nullopt;
    RecordingInfo info = layout_.info.value_or(RecordingInfo());
    if (info.created == UtcTime{}) {
      for (const auto& [id, track] : manifest_)
        if (info.created == UtcTime{} || track.start_time < info.created) info.created = track.start_time;
    }
    if (!info.ended_at) {
      UtcTime end = info.created;
      for (const auto& [id, track] : manifest_) end = std::max(end, track.ended_at.value_or(end));
      info.ended_at = end;
      info.end_reason = "recovered";
    }
    return info;
  }

  const RecoverOptions& options_;
  RecordingLayout layout_;
  fs::path target_;
  bool ours_ = false;  // rtpx's, not upstream's
  Manifest manifest_;
  std::set<std::string> rebuilt_;
  std::map<std::string, TrackGuess> guesses_;
  std::vector<Rescue> rescues_;
  RecoverReport out_;
};

}  // namespace

Result<RecoverReport> recover(const fs::path& recording, const RecoverOptions& options) try {
  return Recovery(options).run(recording);
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("recover: ") + error.what());
}

Result<Manifest> rebuild_manifest(const fs::path& recording, std::stop_token stop) try {
  const RecoverOptions options{.stop = std::move(stop)};
  Recovery recovery(options);
  if (const auto done = recovery.read(recording); !done) return std::unexpected(done.error());
  return recovery.manifest();
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("recover: ") + error.what());
}

}  // namespace rtpx
