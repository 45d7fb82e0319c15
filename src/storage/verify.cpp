#include "rtpx/verify.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "sealed/sealed_files.hpp"
#include "storage/record_files.hpp"
#include "storage/record_reader.hpp"
#include "storage/recording_layout.hpp"
#include "storage/verify_file.hpp"
#include "storage/verify_sealed.hpp"

namespace rtpx {

namespace {

/// Says in a sentence what a person should know of a file's unproven tail. `track`: of the manifest, null where it is not there.
std::string tail_note(const VerifiedFile& file, const VerifiedRange& range, const ManifestTrack* track) {
  const bool mended = track != nullptr && track->ended_at;
  return "The last " + std::to_string(range.length) + " bytes of " + file.file.string() + " (track \"" + file.track_id +
         (mended ? "\", which was ended after a crash) are not covered by checksums"
                 : "\", which was not ended) are not covered by checksums yet");
}

/// Where no checksum says where a track's files end, its packets are counted: `problems` gets those that the manifest counts beyond
/// them. Errors: io, cancelled.
Result<void> count_packets(const std::string& id, const ManifestTrack& track, const RecordingLayout& layout,
                           const std::stop_token& stop, std::vector<std::string>& problems) {
  std::uint64_t found = 0;
  for (const LayoutFile& file : layout.files) {
    if (file.track_id != id || file.content != IndexContent::rtp || !file.present) continue;
    auto reader = RecordReader::open({file.path}, RecordReader::Content::rtp, {}, file.source);
    if (!reader) return std::unexpected(reader.error());
    for (;; ++found) {
      if (found % 4096 == 0 && stop.stop_requested()) return fail(Errc::cancelled, "Verifying was cancelled");
      const auto record = (*reader)->next();
      if (!record) return std::unexpected(record.error());
      if (!*record) break;
    }
  }
  if (const std::uint64_t missing = missing_packets(track, found); missing > 0)
    problems.push_back("Track \"" + id + "\": " + std::to_string(missing) + " packets of " + std::to_string(*track.packets) +
                       " that were recorded are not in its files");
  return {};
}

/// What the blocks of a sealed file tell besides.
void add_findings(FileSystem& source, const std::filesystem::path& path, VerifyReport& report) {
  const auto file = source.open(path, OpenMode::read);
  if (!file) return;
  for (const sealed::Finding& finding : sealed::SealedFiles::findings_of(**file))
    (finding.what == sealed::Finding::What::torn ? report.notes : report.problems)
        .push_back(path.string() + ": " + text_of(finding));
}

void add_utc(VerifiedRange& range, const ManifestTrack* track) {
  if (track == nullptr || !track->clock || !range.receive_time_ms) return;
  // unsigned: no overflow, whatever a damaged time says
  range.utc =
      track->clock->utc + std::chrono::milliseconds(
                              static_cast<std::int64_t>(static_cast<std::uint64_t>(*range.receive_time_ms) -
                                                        static_cast<std::uint64_t>(track->clock->receive_time_ms)) %
                              (1LL << 50));
}

/// The ranges of a file as they are told: the first ones are kept, the others counted.
struct RangeList {
  std::vector<VerifiedRange> first;
  std::uint64_t further = 0;
  std::optional<VerifiedRange> tail;

  void add(VerifiedRange&& range) {
    if (range.tail) tail = range;
    if (first.size() < VerifiedFile::kMostRanges)
      first.push_back(std::move(range));
    else
      ++further;
  }
};

}  // namespace

const char* to_string(Proof proof) noexcept {
  switch (proof) {
    case Proof::proven:
      return "proven";
    case Proof::unproven:
      return "unproven";
    case Proof::damaged:
      return "damaged";
  }
  return "unknown";
}

int VerifyReport::exit_code() const noexcept {
  if (!problems.empty()) return 1;
  return std::ranges::any_of(files, &VerifiedFile::flawed) ? 1 : 0;
}

Result<VerifyReport> verify(const std::filesystem::path& recording, const VerifyOptions& options) try {
  const auto source = sealed::reading_files(options.identities);
  auto layout = read_layout(recording, options.allow_outside ? Outside::allowed : Outside::refused, source);
  if (!layout && layout.error().code == Errc::unsupported && options.identities.empty() && is_sealed(recording))
    return verify_sealed(recording, options);
  if (!layout) return std::unexpected(layout.error());
  VerifyReport report;
  report.notes = layout->notes;
  report.problems = layout->problems;

  std::set<std::string> open_ended;  // tracks of which no checksum says where they end
  std::uint64_t total = 0, done = 0;
  for (const LayoutFile& file : layout->files)
    if (const auto info = real_file_system().stat(file.path); info && *info) total += (*info)->size;
  const auto progress = [&](std::uint64_t bytes) {
    done += bytes;
    if (options.progress) options.progress(done, total);
    return !options.stop.stop_requested();
  };
  for (const LayoutFile& file : layout->files) {
    if (!file.present) continue;
    RangeList ranges;
    auto verified = verify_file(file, layout->ended(file), progress,
                                [&](VerifiedRange&& range) { ranges.add(std::move(range)); });
    if (!verified) return std::unexpected(verified.error());
    for (VerifiedRange& range : ranges.first) add_utc(range, layout->track(file.track_id));
    verified->ranges = std::move(ranges.first);
    verified->further_ranges = ranges.further;
    const ManifestTrack* const track = layout->track(file.track_id);
    if (ranges.tail) report.notes.push_back(tail_note(*verified, *ranges.tail, track));
    if (track != nullptr && counts_packets(*track) && !verified->rtcp && (file.indexed == nullptr || !file.indexed->end)) open_ended.insert(file.track_id);
    report.files.push_back(std::move(*verified));
    add_findings(*source, file.path, report);
  }
  for (const std::string& id : open_ended)
    if (auto counted = count_packets(id, *layout->track(id), *layout, options.stop, report.problems); !counted)
      return std::unexpected(std::move(counted).error());
  for (const auto& [folder, index] : layout->indexes) add_findings(*source, folder / kIndexFileName, report);
  add_findings(*source, layout->folder / "manifest.json", report);
  return report;
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("verify: ") + error.what());
}

}  // namespace rtpx
