#include "recover/recovery_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/file_name.hpp"
#include "base/utc_time.hpp"
#include "recover/manifest_salvage.hpp"
#include "recover/track_guess.hpp"
#include "storage/record_files.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;

UtcTime modified(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return utc_now();
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::file_clock::to_sys(time));
}

class Planner {
 public:
  Planner(const RecoverOptions& options, std::shared_ptr<FileSystem> source)
      : options_(options), source_(std::move(source)) {}

  Result<RecoveryPlan> plan(const fs::path& recording) {
    auto layout = read_layout(recording, options_.allow_outside ? Outside::allowed : Outside::refused, source_);
    if (!layout) return std::unexpected(layout.error());
    plan_.layout = std::move(*layout);
    plan_.report.notes = plan_.layout.problems;
    plan_.report.notes.insert(plan_.report.notes.end(), plan_.layout.notes.begin(), plan_.layout.notes.end());
    plan_.report.folder = copying() ? options_.output : plan_.layout.folder;
    const auto info = real_file_system().stat(plan_.layout.folder / kRecordingFileName);
    plan_.ours = !plan_.layout.indexes.empty() || (info && *info);

    if (const auto done = salvage(); !done) return std::unexpected(done.error());
    if (const auto done = examine_files(); !done) return std::unexpected(done.error());
    rebuild_tracks();
    for (const Rescue& rescue : plan_.rescues) locate(rescue);
    end_tracks();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] bool copying() const { return !options_.output.empty(); }

  /// The manifest as far as it can be read.
  Result<void> salvage() {
    if (plan_.layout.manifest) {
      plan_.manifest = *plan_.layout.manifest;
      return {};
    }
    if (!plan_.layout.manifest_present) return {};
    const auto text = read_whole_file(*source_, plan_.layout.folder / "manifest.json");
    if (!text && (text.error().code == Errc::malformed || text.error().code == Errc::io))
      return {};  // too large to be one, or damaged: the layout has told
    if (!text) return std::unexpected(text.error());
    plan_.manifest = salvage_manifest(*text);
    for (const auto& [id, track] : plan_.manifest)
      plan_.report.notes.push_back("Track \"" + id + "\" could still be read in the broken manifest");
    settle_ids();
    return {};
  }

  /// A salvaged entry may have a damaged id or location. Where its file belongs to another id (by the index,
  /// or by its name) that has no entry, that is its id; else its location is wrong.
  void settle_ids() {
    for (const LayoutFile& file : plan_.layout.files) {
      if (file.content == IndexContent::rtcp) continue;
      for (auto at = plan_.manifest.begin(); at != plan_.manifest.end(); ++at) {
        const std::string& id = at->first;
        if (id == file.track_id || fs::path(at->second.location).filename() != file.path.filename()) continue;
        const bool has_own_file =
            std::ranges::find(plan_.layout.files, id, &LayoutFile::track_id) != plan_.layout.files.end();
        if (has_own_file || plan_.manifest.contains(file.track_id)) {
          at->second.location = usual_name(id);
          continue;
        }
        auto entry = plan_.manifest.extract(at);
        entry.key() = file.track_id;
        plan_.manifest.insert(std::move(entry));
        break;
      }
    }
  }

  /// What the record file of a track is called when nothing stands against it.
  static std::string usual_name(const std::string& id) { return encode_file_name(id) + ".rtpx"; }

  Result<void> examine_files() {
    for (const LayoutFile& file : plan_.layout.files) {
      if (!file.present || of_another_track(file)) continue;
      Rescue rescue{file, {}, plan_.layout.ended(file)};
      TrackGuess& guess = guesses_[file.track_id];
      const bool wanted = !plan_.manifest.contains(file.track_id);
      const bool rtcp = file.content == IndexContent::rtcp;
      const auto look = [&](const Record& record) {
        if (wanted) rtcp ? guess.rtcp(record) : guess.rtp(record);
      };
      auto found = examine(file, rescue.ended, look, options_.stop);
      if (!found) return std::unexpected(found.error());
      rescue.found = std::move(*found);
      note(rescue);
      plan_.rescues.push_back(std::move(rescue));
    }
    // Files that the manifest does not name come in the order in which they were recorded.
    std::ranges::stable_sort(plan_.rescues, [](const Rescue& a, const Rescue& b) {
      if (a.source.in_manifest || b.source.in_manifest) return a.source.in_manifest && !b.source.in_manifest;
      return a.found.first_time_ms < b.found.first_time_ms;
    });
    return {};
  }

  /// A damaged location may name the file of another track; the index knows better.
  bool of_another_track(const LayoutFile& file) {
    if (!file.in_manifest || file.indexed == nullptr || file.indexed->track_id.empty() ||
        file.indexed->track_id == file.track_id || !plan_.manifest.contains(file.indexed->track_id))
      return false;
    plan_.report.notes.push_back("The location of track \"" + file.track_id + "\" named " +
                                 file.path.string() + ", which is of track \"" + file.indexed->track_id +
                                 "\"");
    if (file.content == IndexContent::rtp)
      plan_.manifest.at(file.track_id).location = usual_name(file.track_id);
    else
      drop_rtcp(plan_.manifest.at(file.track_id), file.path.filename());
    return true;
  }

  static void drop_rtcp(ManifestTrack& track, const fs::path& name) {
    std::vector<std::string> left = rtcp_locations(track);
    std::erase_if(left, [&](const std::string& location) { return fs::path(location).filename() == name; });
    track.rtcp_location.reset();
    if (!left.empty()) track.rtcp_location = left.front();
    track.more_rtcp_locations.assign(left.begin() + (left.empty() ? 0 : 1), left.end());
  }

  void note(const Rescue& rescue) {
    const RecoveredFile& report = rescue.found.report;
    for (const RecoveredFile::Cut& cut : report.cuts)
      plan_.report.notes.push_back(
          report.file.string() + ": " + std::to_string(cut.length) + " bytes at offset " +
          std::to_string(cut.offset) +
          (cut.tail ? " are a torn tail and were cut off" : " are damaged and were cut out"));
    if (report.suspect_records > 0)
      plan_.report.notes.push_back(report.file.string() + ": " + std::to_string(report.suspect_records) +
                                   " records were kept though their checksum disagrees");
  }

  /// Makes entries for tracks whose record file is there but whose entry is not.
  void rebuild_tracks() {
    for (const Rescue& rescue : plan_.rescues) {
      const std::string& id = rescue.source.track_id;
      if (plan_.manifest.contains(id) || rescue.source.content == IndexContent::rtcp) continue;
      ManifestTrack track;
      guesses_.at(id).fill(track);
      track.location = rescue.source.path.filename().string();
      track.start_time = plan_.layout.info && plan_.layout.info->created != UtcTime{}
                             ? plan_.layout.info->created
                             : start_of(rescue);
      if (rescue.source.has_index) track.index_location = kIndexFileName;
      plan_.manifest.emplace(id, std::move(track));
      rebuilt_.insert(id);
      plan_.report.rebuilt_tracks.push_back(id);
    }
    for (const std::string& id : rebuilt_) {
      name_stream(id);
      name_participant(id);
    }
    for (const std::string& id : rebuilt_) {
      const ManifestTrack& track = plan_.manifest.at(id);
      plan_.report.notes.push_back(
          "The manifest's entry of track \"" + id + "\" was made from its packets: " +
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
          rebuilt_, [&](const std::string& other) { return plan_.manifest.at(other).kind == kind; });
    };
    const bool pair = rebuilt_.size() == plan_.manifest.size() && count(MediaKind::audio) <= 1 &&
                      count(MediaKind::video) <= 1;
    plan_.manifest.at(id).streams = {!cname.empty() ? cname : pair ? std::string("recovered") : id};
  }

  /// A participant's tracks and streams carry its id before a dot (Recorder::Participant): recording.json, or another
  /// track's entry, says whether there is one of that id.
  void name_participant(const std::string& id) {
    const std::string prefix = id.substr(0, std::min(id.find('.'), id.size()));
    if (prefix.empty() || prefix == id) return;
    ManifestTrack& track = plan_.manifest.at(id);
    const bool another = std::ranges::any_of(
        plan_.manifest, [&](const auto& other) { return other.second.participant == prefix; });
    if (another || (plan_.layout.info && plan_.layout.info->facts.participant(prefix) != nullptr)) {
      track.participant = prefix;
      for (std::string& stream : track.streams)
        if (!stream.starts_with(prefix + '.')) stream.insert(0, prefix + '.');
    } else if (!plan_.layout.info && plan_.ours) {
      plan_.report.notes.push_back("Whether track \"" + id + "\" is of a participant \"" + prefix +
                                   "\" cannot be told without " + kRecordingFileName);
    }
  }

  /// Makes the entry of a file's track name the file where it is, or will be.
  void locate(const Rescue& rescue) {
    const auto at = plan_.manifest.find(rescue.source.track_id);
    if (at == plan_.manifest.end()) return;  // RTCP without a track
    ManifestTrack& track = at->second;
    const std::string name = rescue.source.path.filename().string();
    if (copying() && track.index_location) track.index_location = kIndexFileName;
    const bool rtcp = rescue.source.content == IndexContent::rtcp;
    std::vector<std::string>& more = rtcp ? track.more_rtcp_locations : track.more_locations;
    if (rtcp && !track.rtcp_location) track.rtcp_location = name;
    std::string& first = rtcp ? *track.rtcp_location : track.location;
    std::vector<std::string*> named = {&first};
    for (std::string& location : more) named.push_back(&location);
    for (std::string* location : named) {
      if (fs::path(*location).filename() != name) continue;
      if (copying()) *location = name;  // there all files lie beside the manifest
      return;
    }
    if (file_present(first)) {
      more.push_back(name);
      plan_.report.notes.push_back("Track \"" + at->first + (rtcp ? "\": its RTCP" : "\"") + " goes on in " +
                                   name);
    } else {
      first = name;
    }
  }

  [[nodiscard]] bool file_present(const std::string& location) const {
    return std::ranges::any_of(plan_.rescues, [&](const Rescue& rescue) {
      return !location.empty() && rescue.source.path.filename() == fs::path(location).filename();
    });
  }

  /// Ends what a crash left open. A recording of upstream's never says when a track ended: it stays so,
  /// unless there was something to mend.
  void end_tracks() {
    for (auto& [id, track] : plan_.manifest) {
      note_missing(id, track);
      if (track.ended_at && !changed(id)) continue;
      if (!track.ended_at && !plan_.ours && !rebuilt_.contains(id) && !changed(id)) continue;
      count(id, track);
      if (track.ended_at) continue;
      track.ended_at = end_of(id, track);
      track.end_reason = "recovered";
      plan_.report.ended_tracks.push_back(id);
    }
  }

  [[nodiscard]] bool changed(const std::string& id) const {
    return std::ranges::any_of(
        plan_.rescues, [&](const Rescue& r) { return r.source.track_id == id && r.found.report.changed; });
  }

  /// What was recorded and is neither in the files nor in what is cut out of them: they have become shorter.
  void note_missing(const std::string& id, const ManifestTrack& told) {
    ManifestTrack found;
    count(id, found);
    const std::uint64_t missing = missing_packets(told, *found.packets);
    if (missing == 0) return;
    plan_.report.missing_packets += missing;
    plan_.report.notes.push_back("Track \"" + id + "\": of " + std::to_string(*told.packets) +
                                 " packets that were recorded " + std::to_string(*found.packets) + " can be read");
  }

  void count(const std::string& id, ManifestTrack& track) const {
    std::uint64_t packets = 0, bytes = 0;
    for (const Rescue& rescue : plan_.rescues) {
      if (rescue.source.track_id != id || rescue.source.content == IndexContent::rtcp) continue;
      packets += rescue.found.report.records;
      bytes += rescue.found.report.bytes;
    }
    track.packets = packets;
    track.bytes = bytes;
  }

  [[nodiscard]] UtcTime end_of(const std::string& id, const ManifestTrack& track) const {
    UtcTime end = track.start_time;
    for (const Rescue& rescue : plan_.rescues) {
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

  const RecoverOptions& options_;
  const std::shared_ptr<FileSystem> source_;
  RecoveryPlan plan_;
  std::set<std::string> rebuilt_;
  std::map<std::string, TrackGuess> guesses_;
};

}  // namespace

Result<RecoveryPlan> plan_recovery(const fs::path& recording, const RecoverOptions& options,
                                   std::shared_ptr<FileSystem> source) {
  return Planner(options, std::move(source)).plan(recording);
}

}  // namespace rtpx
