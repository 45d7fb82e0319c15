#include <algorithm>
#include <optional>

#include "sealed/private_info.hpp"
#include "sealed/sealed_files.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using sealed::Finding;
using sealed::SealedFiles;

constexpr std::size_t kOpenPieceBytes = 1U << 20;

/// Copies plain files out of a sealed recording.
class Opening {
 public:
  /// `ended`: all of its files have to be complete.
  Opening(const Identities& identities, bool ended, const std::stop_token& stop)
      : files_(real_file_system(), {}, identities), ended_(ended), stop_(stop) {}

  Result<void> copy(const fs::path& from, const fs::path& to) {
    auto source = files_.open(from, OpenMode::read);
    if (!source) return std::unexpected(source.error());
    auto target = real_file_system().open(to, OpenMode::create_new);
    if (!target) return std::unexpected(target.error());
    made_names_.push_back(to);
    OpenedFile file{to, 0, {}};
    for (const Finding& finding : SealedFiles::findings_of(**source)) add(file, from, text_of(finding));
    if (ended_ && !SealedFiles::is_complete(**source)) add(file, from, "it has no end block: its end was cut off");
    if (auto done = copy_content(**source, **target, from, file); !done) return done;
    if (auto done = (*target)->sync(); !done) return done;
    if (auto done = (*target)->close(); !done) return done;
    report_.files.push_back(std::move(file));
    return {};
  }

  void undo() {
    for (const fs::path& name : made_names_) (void)real_file_system().remove(name);
  }
  [[nodiscard]] OpenSealedReport take() { return std::move(report_); }

 private:
  Result<void> copy_content(const File& source, File& target, const fs::path& from, OpenedFile& file) {
    const auto size = source.size();
    if (!size) return std::unexpected(size.error());
    std::vector<std::byte> piece(kOpenPieceBytes);
    while (file.bytes < *size) {
      if (stop_.stop_requested()) return fail(Errc::cancelled, "Opening " + from.string() + " was cancelled");
      auto got = source.pread(piece, file.bytes);
      if (!got && got.error().code != Errc::io) return std::unexpected(got.error());
      if (!got) got = read_around(source, std::span(piece).first(std::min<std::uint64_t>(piece.size(), *size - file.bytes)), from, file);
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      if (auto done = write_all(target, Bytes(piece).first(*got)); !done) return done;
      file.bytes += *got;
    }
    return {};
  }

  /// What cannot be read becomes zeros.
  Result<std::size_t> read_around(const File& source, std::span<std::byte> to, const fs::path& from, OpenedFile& file) {
    for (std::size_t done = 0; done < to.size();) {
      const std::uint64_t at = file.bytes + done;
      const std::span<std::byte> part =
          to.subspan(done, std::min<std::uint64_t>(unit_end(source, at) - at, to.size() - done));
      const auto got = source.pread(part, file.bytes + done);
      if (!got && got.error().code != Errc::io) return got;
      if (!got) {
        std::ranges::fill(part, std::byte{0});
        add(file, from, got.error().message);
      }
      done += got ? std::max<std::size_t>(*got, 1) : part.size();
    }
    return to.size();
  }

  static void add(OpenedFile& file, const fs::path& from, const std::string& what) {
    constexpr std::size_t kMostProblems = 1000;
    std::string text = what.starts_with("Cannot read") ? what : from.string() + ": " + what;
    if (file.problems.size() < kMostProblems && std::ranges::find(file.problems, text) == file.problems.end())
      file.problems.push_back(std::move(text));
  }

  SealedFiles files_;
  const bool ended_;
  const std::stop_token& stop_;
  std::vector<fs::path> made_names_;
  OpenSealedReport report_;
};

bool is_leftover(const std::string& name) {
  return name.starts_with(".");  // locks, temporary files
}

/// Names of what belongs to the recording in a folder.
Result<std::vector<std::string>> names_in(const fs::path& folder) {
  const auto entries = real_file_system().list(folder);
  if (!entries) return std::unexpected(entries.error());
  std::vector<std::string> out;
  for (const DirectoryEntry& entry : *entries) {
    std::error_code failed;
    const auto status = fs::symlink_status(folder / entry.name, failed);
    if (!failed && fs::is_regular_file(status) && !is_leftover(entry.name)) out.push_back(entry.name);
  }
  return out;
}

/// The folder of a recording; of a single file: nothing.
std::optional<fs::path> folder_of(const fs::path& recording) {
  std::error_code failed;
  if (fs::is_directory(recording, failed)) return recording;
  if (recording.filename() == "manifest.json") return recording.has_parent_path() ? recording.parent_path() : ".";
  return std::nullopt;
}

bool was_ended(const fs::path& folder) {
  const auto text = read_whole_file(real_file_system(), folder / "recording.json", sealed::kMostInfoBytes);
  return text && sealed::tells_an_end(*text);
}

Result<bool> make_output(const fs::path& output) {
  FileSystem& files = real_file_system();
  const auto there = files.stat(output);
  if (!there) return std::unexpected(there.error());
  if (!*there) {
    if (auto made = files.create_directories(output); !made) return std::unexpected(made.error());
    return true;
  }
  const auto entries = files.list(output);
  if (!entries) return std::unexpected(entries.error());
  if (!entries->empty()) return fail(Errc::already_exists, output.string() + " is not empty");
  return false;
}

}  // namespace

Result<OpenSealedReport> open_sealed(const fs::path& recording, const fs::path& output, const Identities& identities,
                                     const std::stop_token& stop) {
  const auto folder = folder_of(recording);
  std::vector<std::string> names{recording.filename()};
  if (folder) {
    auto found = names_in(*folder);
    if (!found) return std::unexpected(found.error());
    names = std::move(*found);
  }
  if (names.empty()) return fail(Errc::not_found, "There is no file in " + recording.string());
  const auto made = make_output(output);
  if (!made) return std::unexpected(made.error());
  Opening opening(identities, folder && was_ended(*folder), stop);
  Result<void> done;
  for (const std::string& name : names) {
    done = opening.copy(folder.value_or(recording.parent_path()) / name, output / name);
    if (!done) break;
  }
  if (done) done = real_file_system().sync_directory(output);
  if (!done) {
    opening.undo();
    if (*made) (void)real_file_system().remove(output);
    return std::unexpected(done.error());
  }
  return opening.take();
}

Result<void> seal_file(const fs::path& path, std::span<const Recipient> recipients) {
  if (recipients.empty()) return fail(Errc::invalid_argument, path.string() + " cannot be sealed for nobody");
  SealedFiles sealing(real_file_system(), {recipients.begin(), recipients.end()}, {});
  const auto source = real_file_system().open(path, OpenMode::read);
  if (!source) return std::unexpected(source.error());
  if (const auto header = sealed::read_file_header(**source, path); header && *header) return {};
  const auto size = (*source)->size();
  if (!size) return std::unexpected(size.error());
  const fs::path temporary = path.parent_path() / ("." + path.filename().string() + ".sealing");
  (void)real_file_system().remove(temporary);  // left by one that was stopped
  const auto write = [&]() -> Result<void> {
    auto target = sealing.open(temporary, OpenMode::create_new);
    if (!target) return std::unexpected(target.error());
    std::vector<std::byte> piece(kOpenPieceBytes);
    for (std::uint64_t at = 0; at < *size;) {
      const auto got = (*source)->pread(piece, at);
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      if (auto done = write_all(**target, Bytes(piece).first(*got)); !done) return done;
      at += *got;
    }
    if (auto done = complete(**target); !done) return done;
    if (auto done = (*target)->sync(); !done) return done;
    return real_file_system().rename(temporary, path);
  };
  auto done = write();
  if (done) return real_file_system().sync_directory(path.has_parent_path() ? path.parent_path() : ".");
  (void)real_file_system().remove(temporary);
  return done;
}

bool is_sealed(const fs::path& recording) {
  const auto recipients = recipients_of(recording);
  return recipients && !recipients->empty();
}

Result<std::vector<Recipient>> recipients_of(const fs::path& recording) {
  const auto folder = folder_of(recording);
  std::vector<fs::path> paths;
  if (folder) {
    const auto names = names_in(*folder);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) paths.push_back(*folder / name);
  } else {
    paths.push_back(recording);
  }
  std::vector<Recipient> out;
  for (const fs::path& path : paths) {
    const auto file = real_file_system().open(path, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    const auto header = sealed::read_file_header(**file, path);
    if (!header || !*header) continue;
    for (const auto& place : (*header)->places) {
      if (!place) continue;
      const Recipient recipient(place->recipient);
      if (std::ranges::find(out, recipient) == out.end()) out.push_back(recipient);
    }
  }
  return out;
}

}  // namespace rtpx
