#include <algorithm>

#include "sealed/private_info.hpp"
#include "sealed/sealed_files.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using sealed::FileHeader;
using sealed::KeyPlace;

/// Changes who opens one sealed file. Each place is written by itself: a torn one is a free one.
class Rewrap {
 public:
  Rewrap(const Identities& identities, std::span<const Recipient> add, std::span<const Recipient> remove)
      : identities_(identities), add_(add), remove_(remove) {}

  /// A file on disk. Answers whether it was changed.
  Result<bool> file(const fs::path& path) {
    auto file = real_file_system().open(path, OpenMode::read_write);
    if (!file) return std::unexpected(file.error());
    return change(**file, path);
  }

  Result<bool> change(File& file, const fs::path& path) {
    const auto header = sealed::read_file_header(file, path);
    if (!header) return std::unexpected(header.error());
    if (!*header) return false;
    any_sealed_ = true;
    FileHeader changed = **header;
    if (auto added = add_to(changed, path); !added) return std::unexpected(added.error());
    if (auto written = write(file, **header, changed); !written) return std::unexpected(written.error());
    const FileHeader larger = changed;
    if (auto removed = remove_from(changed, path); !removed) return std::unexpected(removed.error());
    if (auto written = write(file, larger, changed); !written) return std::unexpected(written.error());
    return differs(**header, changed);
  }

  [[nodiscard]] bool any_sealed() const { return any_sealed_; }
  /// The first of those to be removed who was nowhere; nullptr: none.
  [[nodiscard]] const Recipient* never_found() const {
    for (const Recipient& one : remove_)
      if (std::ranges::find(found_, one) == found_.end()) return &one;
    return nullptr;
  }

 private:
  static bool same(const std::optional<KeyPlace>& a, const std::optional<KeyPlace>& b) {
    return a.has_value() == b.has_value() && (!a || (a->recipient == b->recipient && a->box == b->box));
  }
  static bool differs(const FileHeader& a, const FileHeader& b) {
    return !std::ranges::equal(a.places, b.places, same);
  }
  static auto place_of(FileHeader& header, const Recipient& recipient) {
    return std::ranges::find_if(
        header.places, [&](const auto& place) { return place && place->recipient == recipient.key(); });
  }

  Result<void> add_to(FileHeader& header, const fs::path& path) {
    for (const Recipient& recipient : add_) {
      if (place_of(header, recipient) != header.places.end()) continue;
      const auto key = key_of(header, path);
      if (!key) return std::unexpected(key.error());
      const auto box = sealed::wrap(*key, header.id, recipient);
      if (!box) return std::unexpected(box.error());
      const auto free = std::ranges::find_if(header.places, [](const auto& place) { return !place; });
      if (free == header.places.end())
        return fail(Errc::no_space, path.string() + " has places for " + std::to_string(header.places.size()) +
                                        " recipients, and all are taken: remove one first");
      *free = KeyPlace{recipient.key(), *box};
    }
    return {};
  }

  Result<void> remove_from(FileHeader& header, const fs::path& path) {
    for (const Recipient& recipient : remove_) {
      const auto place = place_of(header, recipient);
      if (place == header.places.end()) continue;
      found_.push_back(recipient);
      place->reset();
    }
    if (std::ranges::none_of(header.places, [](const auto& place) { return place.has_value(); }))
      return fail(Errc::invalid_argument, "Nobody could open " + path.string() + " any more: add a recipient first");
    return {};
  }

  Result<sealed::FileKey> key_of(const FileHeader& header, const fs::path& path) const {
    for (const auto& identity : identities_)
      for (const auto& place : header.places)
        if (place && Recipient(place->recipient) == identity->recipient())
          if (auto key = sealed::unwrap(place->box, header.id, *identity)) return *key;
    return Unexpected<Error>(sealed::sealed_for(header, path, !identities_.empty()));
  }

  /// The places that differ, in the header and in its copy at the end.
  static Result<void> write(File& file, const FileHeader& before, const FileHeader& after) {
    if (!differs(before, after)) return {};
    const auto size = file.size();
    if (!size) return std::unexpected(size.error());
    std::vector<std::uint64_t> headers{0};
    const std::uint64_t tail = after.bytes() + sealed::FileEnd::kBytes;
    if (*size >= 2 * after.bytes()) {
      std::vector<std::byte> copy(after.bytes());
      const auto got = file.pread(copy, *size - std::min(tail, *size));
      const auto header = got && *got == copy.size() ? sealed::parse_file_header(copy) : fail(Errc::malformed, "");
      if (header && header->id == after.id) headers.push_back(*size - tail);
    }
    std::vector<std::byte> place(FileHeader::kPlaceBytes);
    for (const std::uint64_t at : headers)
      for (std::size_t i = 0; i < after.places.size(); ++i) {
        if (same(before.places[i], after.places[i])) continue;
        sealed::serialize(after.places[i], place.data());
        if (auto done = file.pwrite(place, at + FileHeader::kFixedBytes + i * FileHeader::kPlaceBytes); !done)
          return done;
      }
    return file.sync();
  }

  const Identities& identities_;
  const std::span<const Recipient> add_, remove_;
  std::vector<Recipient> found_;
  bool any_sealed_ = false;
};

}  // namespace

Result<std::size_t> rewrap(const fs::path& recording, const Identities& identities, std::span<const Recipient> add,
                           std::span<const Recipient> remove) {
  if (auto ready = sealed::prepare(); !ready) return std::unexpected(ready.error());
  Rewrap work(identities, add, remove);
  std::vector<fs::path> paths;
  std::error_code failed;
  if (fs::is_directory(recording, failed) || recording.filename() == "manifest.json") {
    const fs::path folder = fs::is_directory(recording, failed) ? recording : recording.parent_path();
    const auto entries = real_file_system().list(folder);
    if (!entries) return std::unexpected(entries.error());
    for (const DirectoryEntry& entry : *entries)
      if (fs::is_regular_file(fs::symlink_status(folder / entry.name, failed)) && !entry.name.starts_with('.'))
        paths.push_back(folder / entry.name);
  } else {
    paths.push_back(recording);
  }
  std::size_t changed = 0;
  for (const fs::path& path : paths) {
    auto done = path.filename() == "recording.json"
                    ? sealed::change_private_info(path, [&](File& file) { return work.change(file, path); })
                    : work.file(path);
    if (!done) return std::unexpected(done.error());
    if (*done) ++changed;
  }
  if (!work.any_sealed()) return fail(Errc::not_found, "No file of " + recording.string() + " is sealed");
  if (const Recipient* stranger = work.never_found())
    return fail(Errc::not_found, recording.string() + " is not sealed for " + stranger->text());
  return changed;
}

}  // namespace rtpx
