#include "rtpx/verify.hpp"

#include <algorithm>
#include <memory>

#include "storage/record_reader.hpp"
#include "storage/recording_layout.hpp"
#include "storage/verify_file.hpp"

namespace rtpx {

namespace {

/// Says in a sentence what a person should know of a file's unproven tail.
std::string tail_note(const VerifiedFile& file, const VerifiedRange& range) {
  return "The last " + std::to_string(range.length) + " bytes of " + file.file.string() + " (track \"" +
         file.track_id + "\", which was not ended) are not covered by checksums yet";
}

void add_utc(VerifiedFile& file, const ManifestTrack* track) {
  if (track == nullptr || !track->clock) return;
  for (VerifiedRange& range : file.ranges)
    if (range.receive_time_ms)  // unsigned: no overflow, whatever a damaged time says
      range.utc = track->clock->utc +
                  std::chrono::milliseconds(
                      static_cast<std::int64_t>(static_cast<std::uint64_t>(*range.receive_time_ms) -
                                                static_cast<std::uint64_t>(track->clock->receive_time_ms)) %
                      (1LL << 50));
}

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
  for (const VerifiedFile& file : files)
    for (const VerifiedRange& range : file.ranges)
      if (range.proof == Proof::damaged || (range.proof == Proof::unproven && !range.tail)) return 1;
  return 0;
}

Result<VerifyReport> verify(const std::filesystem::path& recording, const VerifyOptions& options) try {
  auto layout = read_layout(recording);
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
    auto verified = verify_file(file, layout->ended(file), progress);
    if (!verified) return std::unexpected(verified.error());
    add_utc(*verified, layout->track(file.track_id));
    for (const VerifiedRange& range : verified->ranges)
      if (range.tail) report.notes.push_back(tail_note(*verified, range));
    report.files.push_back(std::move(*verified));
  }
  return report;
} catch (const std::exception& error) {
  return fail(Errc::internal, std::string("verify: ") + error.what());
}

}  // namespace rtpx
