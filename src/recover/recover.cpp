#include "rtpx/recover.hpp"

#include <algorithm>

#include "base/decoded_file.hpp"
#include "recover/recovery_plan.hpp"
#include "recover/recovery_report.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {

namespace {

constexpr std::uint64_t kLargestText = 256U << 20;  // that is compared with what it should be
constexpr int kMostKept = 1000;                       // copies of one file

namespace fs = std::filesystem;

/// Opens a sealed recording, and seals what is written for those for whom it was sealed.
std::shared_ptr<FileSystem> files_of(const fs::path& recording, const Identities& identities) {
  return std::make_shared<sealed::SealedFiles>(
      real_file_system(), recipients_of(recording).value_or(std::vector<Recipient>()), identities);
}

/// `path` with another ending, the first of them without a number.
fs::path beside(const fs::path& path, const std::string& ending, int number) {
  return path.string() + ending + (number == 1 ? "" : "." + std::to_string(number));
}

Unexpected<Error> too_many(const fs::path& path) {
  return fail(Errc::already_exists, "There are too many copies of " + path.string() + " already");
}

/// Writes what differs from what is there, files before the manifest that names them.
class Recovery {
 public:
  Recovery(RecoveryPlan plan, const RecoverOptions& options, FileSystem& files)
      : plan_(std::move(plan)), options_(options), target_(plan_.report.folder), files_(files) {}

  Result<RecoverReport> write() {
    if (const auto done = prepare_target(); !done) return std::unexpected(done.error());
    auto lock = RecordingLock::take(real_file_system(), target_, "rtpx recover");
    if (!lock && lock.error().code == Errc::already_exists) return std::unexpected(lock.error());
    auto written = write_locked();
    if (written) (void)files_.remove(target_ / kReserveFileName);
    if (lock) lock->release();
    return written;
  }

 private:
  Result<RecoverReport> write_locked() {
    if (const auto done = write_files(); !done) return std::unexpected(done.error());
    if (const auto done = write_the_rest(); !done) return std::unexpected(done.error());
    return std::move(plan_.report);
  }

  [[nodiscard]] bool copying() const { return !options_.output.empty(); }

  Result<void> prepare_target() {
    if (!copying()) return {};
    const auto info = files_.stat(target_);
    if (!info) return std::unexpected(info.error());
    if (!*info) {
      if (const auto done = files_.create_directories(target_); !done) return done;
      return files_.sync_directory(fs::absolute(target_).lexically_normal().parent_path());
    }
    const auto entries = files_.list(target_);
    if (!entries) return std::unexpected(entries.error());
    if (!entries->empty()) return fail(Errc::already_exists, target_.string() + " is not empty");
    return {};
  }

  Result<void> write_files() {
    for (Rescue& rescue : plan_.rescues) {
      RecoveredFile& report = rescue.found.report;
      // A manifest may name files anywhere; only those of the recording are changed.
      const bool outside = rescue.source.path.parent_path() != plan_.layout.folder;
      if (!copying() && outside && report.changed) {
        plan_.report.notes.push_back(
            report.file.string() + " lies outside the recording and was left as it is: use an output folder");
        report.changed = false;
      } else if (!copying() && is_torn_only(report)) {
        if (const auto done = cut_tail(rescue.source.path, report.cuts.front()); !done) return done;
      } else if (report.changed || copying()) {
        const fs::path to = target_ / rescue.source.path.filename();
        const fs::path temporary = target_ / ("." + to.filename().string() + ".recovering");
        if (const auto done = copy_without(files_, rescue.source.path, report.cuts, temporary, options_.stop); !done)
          return done;
        if (const auto done = put_in_place(temporary, to); !done) return done;
        report.file = to;
      }
      plan_.report.files.push_back(report);
    }
    return {};
  }

  /// An unfinished record at the end is all that is wrong, of a file whose bytes stand as they are.
  [[nodiscard]] bool is_torn_only(const RecoveredFile& report) const {
    if (report.cuts.size() != 1) return false;
    const RecoveredFile::Cut& cut = report.cuts.front();
    const auto file = files_.open(report.file, OpenMode::read);
    return cut.tail && cut.length <= kLargestText && cut.offset + cut.length == report.bytes_before && file && as_stored(**file);
  }

  /// Keeps its bytes as NAME.torn, and ends the file before them. Hours of recording are not copied for a record.
  Result<void> cut_tail(const fs::path& path, const RecoveredFile::Cut& cut) {
    const auto file = files_.open(path, OpenMode::read_write);
    if (!file) return std::unexpected(file.error());
    std::string torn(cut.length, '\0');
    const auto got = (*file)->pread(std::as_writable_bytes(std::span(torn)), cut.offset);
    if (!got) return std::unexpected(got.error());
    torn.resize(*got);
    if (const auto done = keep_torn(path, torn); !done) return done;
    if (const auto done = (*file)->truncate(cut.offset); !done) return done;
    if (const auto done = (*file)->sync(); !done) return done;
    return (*file)->close();
  }

  Result<void> keep_torn(const fs::path& path, const std::string& torn) {
    for (int number = 1; number < kMostKept; ++number) {
      const fs::path kept = beside(path, ".torn", number);
      const auto there = read_whole_file(files_, kept, kLargestText);
      const bool is_free = !there && there.error().code == Errc::not_found;
      if (!is_free && (!there || *there != torn)) continue;  // a recovery that was stopped may have left the same
      if (is_free)
        if (const auto done = write_file_atomically(files_, kept, as_bytes(torn)); !done) return done;
      plan_.report.kept.push_back(kept);
      return {};
    }
    return too_many(path);
  }

  Result<void> put_in_place(const fs::path& temporary, const fs::path& to) {
    if (const auto done = keep(to); !done) return done;
    if (const auto done = files_.rename(temporary, to); !done) return done;
    return files_.sync_directory(target_);
  }

  /// Gives the file a second name, NAME.damaged; one that is there from before stays.
  Result<void> keep(const fs::path& path) {
    const auto info = files_.stat(path);
    if (!info) return std::unexpected(info.error());
    if (!*info) return {};
    for (int number = 1; number < kMostKept; ++number) {
      const fs::path kept = beside(path, ".damaged", number);
      auto done = files_.link(path, kept);
      if (!done && done.error().code == Errc::already_exists) continue;
      if (!done) done = files_.rename(path, kept);  // a file system without links
      if (!done) return done;
      plan_.report.kept.push_back(kept);
      return {};
    }
    return too_many(path);
  }

  /// Manifest, index, recording.json where they differ from what is there, and the report when anything did.
  Result<void> write_the_rest() {
    const bool files_changed = std::ranges::any_of(plan_.report.files, &RecoveredFile::changed);
    bool any = files_changed || copying();
    if (index_differs(files_changed))
      if (const auto done = write_if_different(kIndexFileName, index_text(), any); !done) return done;
    if (const auto done = write_if_different("manifest.json", serialize_manifest(plan_.manifest), any); !done)
      return done;
    if (const auto info = recording_info())
      if (const auto done = write_if_different(kRecordingFileName, serialize_recording_info(*info), any);
          !done)
        return done;
    if (!any) return {};
    plan_.report.report = target_ / kRecoveryReportName;
    return write_file_atomically(files_, plan_.report.report, as_bytes(serialize_recovery(plan_.report)));
  }

  Result<void> write_if_different(const char* name, const std::string& text, bool& any) {
    const fs::path path = target_ / name;
    const auto now = read_whole_file(files_, path, std::max<std::uint64_t>(text.size(), kLargestText) + 1);
    if (!now && now.error().code != Errc::not_found && now.error().code != Errc::malformed &&
        now.error().code != Errc::io)
      return std::unexpected(now.error());
    if (now && (*now == text || *now == text + "\n" || same_manifest(name, *now))) return {};
    any = true;
    if (const auto done = keep(path); !done) return done;
    return write_file_atomically(files_, path, as_bytes(text));
  }

  /// A manifest that says the same in another form (white space, key order) is left as it was written.
  [[nodiscard]] bool same_manifest(std::string_view name, const std::string& text) const {
    if (name != "manifest.json") return false;
    const auto manifest = parse_manifest(text);
    return manifest && serialize_manifest(*manifest) == serialize_manifest(plan_.manifest);
  }

  [[nodiscard]] bool index_differs(bool files_changed) const {
    const auto index = plan_.layout.indexes.find(plan_.layout.folder);
    if (plan_.layout.indexes.empty()) return false;
    return files_changed || copying() || index == plan_.layout.indexes.end() ||
           index->second.damaged_bytes > 0;
  }

  /// A new index: the blocks that were proven, where their bytes are now.
  [[nodiscard]] std::string index_text() const {
    IndexEncoder encoder;
    encoder.begin();
    std::uint32_t number = 0;
    for (const Rescue& rescue : plan_.rescues) {
      const bool here = copying() || rescue.source.path.parent_path() == plan_.layout.folder;
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
    if (!plan_.layout.info && !plan_.ours) return std::nullopt;
    RecordingInfo info = plan_.layout.info.value_or(RecordingInfo());
    if (info.created == UtcTime{}) {
      for (const auto& [id, track] : plan_.manifest)
        if (info.created == UtcTime{} || track.start_time < info.created) info.created = track.start_time;
    }
    if (!info.ended_at) {
      UtcTime end = info.created;
      for (const auto& [id, track] : plan_.manifest) end = std::max(end, track.ended_at.value_or(end));
      info.ended_at = end;
      info.end_reason = "recovered";
    }
    return info;
  }

  RecoveryPlan plan_;
  const RecoverOptions& options_;
  const fs::path target_;
  FileSystem& files_;
};

}  // namespace

Result<RecoverReport> recover(const fs::path& recording, const RecoverOptions& options) try {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(recording, ignored) ? recording : recording.parent_path();
  if (const auto owner = recording_owner(folder))
    return fail(Errc::already_exists,
                folder.string() + " belongs to " + *owner +
                    ": there is nothing to recover before that ends (convert and verify take "
                    "what is written until now)");
  const auto files = files_of(recording, options.identities);
  auto plan = plan_recovery(recording, options, files);
  if (!plan) return std::unexpected(plan.error());
  return Recovery(std::move(*plan), options, *files).write();
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("recover: ") + error.what());
}

Result<Manifest> rebuild_manifest(const fs::path& recording, std::stop_token stop, const Identities& identities) try {
  const RecoverOptions options{.stop = std::move(stop)};
  auto plan = plan_recovery(recording, options, sealed::reading_files(identities));
  if (!plan) return std::unexpected(plan.error());
  return std::move(plan->manifest);
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("recover: ") + error.what());
}

}  // namespace rtpx
