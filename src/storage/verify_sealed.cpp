#include "storage/verify_sealed.hpp"

#include <algorithm>

#include "base/file_name.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/record_files.hpp"
#include "storage/recording_file.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using sealed::BlockMap;
using sealed::Finding;

/// The track that a record file is of, by its name.
std::string track_of_name(const fs::path& file) {
  std::string stem = file.stem().string();
  const std::size_t tilde = stem.rfind('~');
  if (tilde != std::string::npos && stem.find_first_not_of("0123456789", tilde + 1) == std::string::npos)
    stem.resize(tilde);
  return decode_file_name(stem);
}

class SealedVerifier {
 public:
  SealedVerifier(const VerifyOptions& options, bool running, bool ended)
      : options_(options), running_(running), ended_(ended) {
    report_.sealed = true;
  }

  void expect(std::uint64_t bytes) { total_ += bytes; }

  Result<void> add(const fs::path& path) {
    auto file = real_file_system().open(path, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    const auto header = sealed::read_file_header(**file, path);
    if (header && !*header) return add_plain(path, *size);
    if (!header) {
      report_.problems.push_back(header.error().message);
      return {};
    }
    const auto map = BlockMap::read(**file, path, **header, *size);
    if (!map) return std::unexpected(map.error());
    const auto findings = check_blocks(**file, *map, [&](std::uint64_t bytes) {
      done_ += bytes;
      if (options_.progress) options_.progress(std::min(done_, total_), total_);
      return !options_.stop.stop_requested();
    });
    if (!findings) return std::unexpected(findings.error());
    if (is_record_file(path)) tell_ranges(path, *size, *findings);
    tell_findings(path, *findings);
    if (!map->complete() && !running_)
      (ended_ ? report_.problems : report_.notes)
          .push_back(path.string() + (ended_ ? " has no end block, although its recording ended: its end was cut off"
                                             : " has no end block: its recorder did not end it, or its end was cut off"));
    return {};
  }

  /// Of a recording that nobody writes.
  void miss(const fs::path& path) {
    if (!running_) report_.problems.push_back(path.string() + " is missing");
  }

  VerifyReport take() { return std::move(report_); }

 private:
  /// An empty record file, or one that is not sealed among others that are.
  Result<void> add_plain(const fs::path& path, std::uint64_t size) {
    if (is_record_file(path) && size > 0) report_.problems.push_back(path.string() + " is not sealed, as others are");
    return {};
  }

  void tell_findings(const fs::path& path, const std::vector<Finding>& findings) {
    for (const Finding& finding : findings)
      (finding.what == Finding::What::torn ? report_.notes : report_.problems)
          .push_back(path.string() + ": " + text_of(finding));
  }

  /// Damaged and torn stretches of the file on disk, and what lies between them.
  void tell_ranges(const fs::path& path, std::uint64_t size, const std::vector<Finding>& findings) {
    VerifiedFile file{track_of_name(path), path, path.extension() == ".rtcpx", size, 0, 0, 0, {}};
    std::uint64_t at = 0;
    const auto add = [&](Proof proof, std::uint64_t to, std::string reason, bool tail) {
      if (to <= at) return;
      std::uint64_t& sum = proof == Proof::proven     ? file.proven_bytes
                           : proof == Proof::unproven ? file.unproven_bytes
                                                      : file.damaged_bytes;
      sum += to - at;
      file.ranges.push_back({proof, at, to - at, std::nullopt, std::nullopt, tail, std::move(reason)});
      at = to;
    };
    for (const Finding& finding : findings) {
      if (finding.what == Finding::What::moved) continue;  // whole, if elsewhere
      const std::uint64_t from = std::max(at, finding.at);
      add(Proof::proven, from, "", false);
      const bool torn = finding.what == Finding::What::torn;
      add(torn ? Proof::unproven : Proof::damaged, std::min(size, finding.at + finding.length), text_of(finding), torn);
      if (finding.length == 0)
        file.ranges.push_back({Proof::damaged, finding.at, 0, std::nullopt, std::nullopt, false, text_of(finding)});
    }
    add(Proof::proven, size, "", false);
    report_.files.push_back(std::move(file));
  }

  const VerifyOptions& options_;
  const bool running_, ended_;
  VerifyReport report_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

Result<VerifyReport> verify_sealed(const fs::path& recording, const VerifyOptions& options) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(recording, ignored) ? recording : recording.parent_path();
  const auto entries = real_file_system().list(folder);
  if (!entries) return std::unexpected(entries.error());
  std::vector<fs::path> files;
  const auto info = read_recording_info(real_file_system(), folder);
  const bool ended = info && info->ended_at && info->end_reason != "storage_failed";
  SealedVerifier verifier(options, recording_owner(folder).has_value(), ended);
  for (const DirectoryEntry& entry : *entries) {
    const fs::path path = folder / entry.name;
    if (entry.name.starts_with('.') || !fs::is_regular_file(fs::symlink_status(path, ignored))) continue;
    files.push_back(path);
    if (const auto there = real_file_system().stat(path); there && *there) verifier.expect((*there)->size);
  }
  if (const fs::path manifest = folder / "manifest.json"; std::ranges::find(files, manifest) == files.end())
    verifier.miss(manifest);
  for (const fs::path& file : files)
    if (auto added = verifier.add(file); !added) return std::unexpected(added.error());
  return verifier.take();
}

}  // namespace rtpx
