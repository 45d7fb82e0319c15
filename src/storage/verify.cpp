#include "rtpx/verify.hpp"

#include <algorithm>
#include <memory>

#include "sealed/sealed_files.hpp"
#include "storage/record_reader.hpp"
#include "storage/recording_layout.hpp"
#include "storage/verify_file.hpp"
#include "storage/verify_sealed.hpp"

namespace rtpx {

namespace {

/// Says in a sentence what a person should know of a file's unproven tail.
std::string tail_note(const VerifiedFile& file, const VerifiedRange& range) {
  return "The last " + std::to_string(range.length) + " bytes of " + file.file.string() + " (track \"" +
         file.track_id + "\", which was not ended) are not covered by checksums yet";
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
    if (ranges.tail) report.notes.push_back(tail_note(*verified, *ranges.tail));
    report.files.push_back(std::move(*verified));
    add_findings(*source, file.path, report);
  }
  for (const auto& [folder, index] : layout->indexes) add_findings(*source, folder / kIndexFileName, report);
  add_findings(*source, layout->folder / "manifest.json", report);
  return report;
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("verify: ") + error.what());
}

}  // namespace rtpx
