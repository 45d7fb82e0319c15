#include "sealed/sealed_files.hpp"

#include <algorithm>

#include "sealed/memory_file.hpp"
#include "sealed/private_info.hpp"
#include "sealed/unsealed_file.hpp"

namespace rtpx::sealed {
namespace {

constexpr std::size_t kMostOpened = 65536;  // keys and maps that are kept

/// What has to be read and written without a key: the state of a recording, and what is no content at all.
bool stays_plain(const std::filesystem::path& path) {
  const std::string name = path.filename();
  return name == "recording.json" || name == ".recording.json.tmp" || name == ".reserve" || name == ".rtpx-lock";
}

/// Opened to be synced only.
class SyncOnlyFile final : public DecodedFile {
 public:
  SyncOnlyFile(std::unique_ptr<File> file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  Result<std::size_t> writev(std::span<const Bytes>) override { return complete_already(); }
  Result<void> pwrite(Bytes, std::uint64_t) override { return complete_already(); }
  Result<std::size_t> pread(std::span<std::byte>, std::uint64_t) const override { return complete_already(); }
  Result<void> sync() override { return file_->sync(); }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return {}; }
  Result<void> truncate(std::uint64_t) override { return complete_already(); }
  Result<void> reserve(std::uint64_t) override { return {}; }
  bool preallocate(std::uint64_t) override { return false; }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<void> close() override { return file_->close(); }

 private:
  [[nodiscard]] Unexpected<Error> complete_already() const {
    return fail(Errc::internal, path_.string() + " is sealed, and its key is gone");
  }
  std::unique_ptr<File> file_;
  std::filesystem::path path_;
};

/// recording.json as it is written: what it says of people is sealed before it reaches the disk.
class InfoFile final : public DecodedFile {
 public:
  InfoFile(std::unique_ptr<File> file, const std::vector<Recipient>& recipients)
      : file_(std::move(file)), recipients_(recipients) {}
  Result<std::size_t> writev(std::span<const Bytes> parts) override { return content_.writev(parts); }
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override { return content_.pwrite(bytes, offset); }
  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    return content_.pread(to, offset);
  }
  Result<void> sync() override { return file_->sync(); }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return {}; }
  Result<void> truncate(std::uint64_t size) override { return content_.truncate(size); }
  Result<void> reserve(std::uint64_t) override { return {}; }
  bool preallocate(std::uint64_t) override { return false; }
  Result<std::uint64_t> size() const override { return content_.size(); }
  Result<void> close() override { return file_->close(); }
  Result<void> complete() override {
    const auto text = hide_private_info(content_.content(), recipients_);
    return text ? write_all(*file_, as_bytes(*text)) : std::unexpected(text.error());
  }

 private:
  const std::unique_ptr<File> file_;
  const std::vector<Recipient> recipients_;
  MemoryFile content_;
};

Error named(Error error, const std::filesystem::path& path) {
  error.message = path.string() + ": " + error.message;
  return error;
}

/// The header's copy at the end of a complete file.
Result<std::optional<FileHeader>> header_at_end(const File& file, std::uint64_t size) {
  std::byte end[FileEnd::kBytes];
  if (size < sizeof end) return std::nullopt;
  const auto got = file.pread(end, size - sizeof end);
  if (!got || *got < sizeof end || as_text(Bytes(end).subspan(4)) != kEndMagic) return std::nullopt;
  const auto bytes = load_be<std::uint32_t>(end);
  if (bytes > FileHeader::kFixedBytes + FileHeader::kMostPlaces * FileHeader::kPlaceBytes || bytes + sizeof end > size)
    return std::nullopt;
  std::vector<std::byte> copy(bytes);
  const auto read = file.pread(copy, size - sizeof end - bytes);
  if (!read || *read != copy.size()) return std::nullopt;
  auto header = parse_file_header(copy);
  if (!header) return std::unexpected(header.error());
  return std::move(*header);
}

bool has_key(const FileHeader& header) {
  return std::ranges::any_of(header.places, [](const auto& place) { return place.has_value(); });
}

}  // namespace

Result<std::optional<FileHeader>> read_file_header(const File& file, const std::filesystem::path& path) {
  const auto size = file.size();
  if (!size) return std::unexpected(size.error());
  std::vector<std::byte> bytes(FileHeader::kFixedBytes);
  const auto got = file.pread(bytes, 0);
  if (!got && got.error().code != Errc::io) return std::unexpected(got.error());
  const bool begins = got && as_text(Bytes(bytes).first(std::min(*got, kMagicBytes))) == kFileMagic;
  Error why{Errc::malformed, "its header is damaged"};
  if (begins) {
    auto all = file_header_bytes(Bytes(bytes).first(*got));
    if (!all && all.error().code == Errc::unsupported) return std::unexpected(named(all.error(), path));
    if (all) {
      bytes.resize(*all);
      const auto read = file.pread(bytes, 0);
      auto header = read ? parse_file_header(Bytes(bytes).first(*read)) : std::unexpected(read.error());
      if (header && has_key(*header)) return std::move(*header);
      if (!header) why = header.error();
    }
  }
  auto copy = header_at_end(file, *size);
  if (!copy) return std::unexpected(named(copy.error(), path));
  if (!*copy && begins) return std::unexpected(named(why, path));
  return copy;
}

Error sealed_for(const FileHeader& header, const std::filesystem::path& path, bool any_identity) {
  std::string whom;
  std::size_t more = 0;
  for (const auto& place : header.places) {
    if (!place) continue;
    if (whom.empty())
      whom = Recipient(place->recipient).text();
    else
      ++more;
  }
  if (more > 0) whom += more == 1 ? " and another" : " and " + std::to_string(more) + " others";
  return {Errc::unsupported, path.string() + " is sealed for " + (whom.empty() ? "nobody that is known" : whom) +
                                 (any_identity ? ", and none of the identities opens it"
                                               : ": it is opened with an identity (--identity FILE)")};
}

SealedFiles::SealedFiles(FileSystem& files, std::vector<Recipient> recipients, Identities identities)
    : files_(files), recipients_(std::move(recipients)), identities_(std::move(identities)) {}

SealedFiles::~SealedFiles() = default;

Result<std::unique_ptr<File>> SealedFiles::open(const std::filesystem::path& path, OpenMode mode) {
  if (mode == OpenMode::read) return open_to_read(path);
  if (stays_plain(path)) {
    auto file = files_.open(path, mode);
    if (!file || recipients_.empty() || mode != OpenMode::create_new) return file;
    return std::make_unique<InfoFile>(std::move(*file), recipients_);
  }
  if (mode == OpenMode::create_new) return recipients_.empty() ? files_.open(path, mode) : create(path);
  return reopen(path, mode);
}

Result<std::unique_ptr<File>> SealedFiles::create(const std::filesystem::path& path) {
  auto sealing = begin_sealing(recipients_);
  if (!sealing) return std::unexpected(sealing.error());
  auto file = files_.open(path, OpenMode::create_new);
  if (!file) return file;
  {
    const std::lock_guard lock(growing_->mutex);
    growing_->files[path] = *sealing;
  }
  return sealing_file(std::move(*file), path, std::move(*sealing));
}

Result<std::unique_ptr<File>> SealedFiles::reopen(const std::filesystem::path& path, OpenMode mode) {
  const auto sealing = growing(path);
  if (!sealing && mode == OpenMode::append && !recipients_.empty())
    return fail(Errc::internal, path.string() + " would be written without being sealed");
  auto file = files_.open(path, mode);
  if (!file) return file;
  if (sealing) return sealing_file(std::move(*file), path, sealing);
  const auto header = read_file_header(**file, path);
  if (header && !*header) return file;
  return std::make_unique<SyncOnlyFile>(std::move(*file), path);
}

std::unique_ptr<File> SealedFiles::sealing_file(std::unique_ptr<File> file, const std::filesystem::path& path,
                                                std::shared_ptr<Sealing> sealing) {
  // The file may outlive this.
  auto forget_key = [growing = growing_, sealing] {
    sealing->forget_key();
    const std::lock_guard lock(growing->mutex);
    std::erase_if(growing->files, [&](const auto& one) { return one.second == sealing; });
  };
  return std::make_unique<SealingFile>(std::move(file), path, std::move(sealing), std::move(forget_key));
}

std::shared_ptr<Sealing> SealedFiles::growing(const std::filesystem::path& path) {
  const std::lock_guard lock(growing_->mutex);
  const auto found = growing_->files.find(path);
  return found == growing_->files.end() ? nullptr : found->second;
}

void SealedFiles::forget(const std::filesystem::path& path) {
  const std::lock_guard lock(growing_->mutex);
  growing_->files.erase(path);
}

Result<void> SealedFiles::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  auto renamed = files_.rename(from, to);
  if (!renamed) return renamed;
  const std::lock_guard lock(growing_->mutex);
  growing_->files.erase(to);
  if (auto node = growing_->files.extract(from)) {
    node.key() = to;
    growing_->files.insert(std::move(node));
  }
  return renamed;
}

Result<void> SealedFiles::remove(const std::filesystem::path& path) {
  auto removed = files_.remove(path);
  if (removed) forget(path);
  return removed;
}

Result<std::unique_ptr<File>> SealedFiles::open_to_read(const std::filesystem::path& path) {
  if (const auto sealing = growing(path)) {
    auto file = files_.open(path, OpenMode::read);
    return file ? sealing_file(std::move(*file), path, sealing) : std::move(file);
  }
  auto file = files_.open(path, OpenMode::read);
  if (!file) return file;
  if (stays_plain(path)) {
    if (path.filename() != "recording.json") return file;
    auto text = read_whole_file(files_, path, kMostInfoBytes);
    if (!text) return file;
    if (!holds_private_info(*text)) return file;
    if (identities_.empty()) return file;
    auto whole = with_private_info(*text, *this, path);
    if (!whole) return std::unexpected(whole.error());
    return std::make_unique<MemoryFile>(std::move(*whole));
  }
  return unseal(std::move(*file), path);
}

Result<std::unique_ptr<File>> SealedFiles::unseal(std::unique_ptr<File> file, const std::filesystem::path& path) {
  const auto size = file->size();
  if (!size) return std::unexpected(size.error());
  const auto header = read_file_header(*file, path);
  if (!header && header.error().code == Errc::malformed)
    return std::make_unique<UnsealedFile>(std::move(file), path, FileId(), FileKey(),
                                          std::make_shared<const BlockMap>(BlockMap::without_header(*size)));
  if (!header) return std::unexpected(header.error());
  if (!*header) return file;
  std::optional<Opened> known;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = opened_.find((*header)->id); found != opened_.end()) known = found->second;
  }
  if (!known || known->map->stored_bytes() != *size) {
    auto key = known ? Result<FileKey>(known->key) : key_for(**header, path);
    if (!key)  // its place may be damaged there, and not in the copy
      if (const auto copy = header_at_end(*file, *size); copy && *copy && (*copy)->id == (*header)->id)
        if (auto other = key_for(**copy, path)) key = *other;
    if (!key) return std::unexpected(key.error());
    auto map = BlockMap::read(*file, path, **header, *size);
    if (!map) return std::unexpected(map.error());
    authenticate(*file, (*header)->id, *key, *map);
    known = Opened{*key, std::make_shared<const BlockMap>(std::move(*map))};
    const std::lock_guard lock(mutex_);
    if (opened_.size() >= kMostOpened) opened_.clear();
    opened_.insert_or_assign((*header)->id, *known);
  }
  return std::make_unique<UnsealedFile>(std::move(file), path, (*header)->id, known->key, known->map);
}

Result<FileKey> SealedFiles::key_for(const FileHeader& header, const std::filesystem::path& path) const {
  if (auto ready = prepare(); !ready) return std::unexpected(ready.error());
  for (const auto& identity : identities_)
    for (const auto& place : header.places)
      if (place && Recipient(place->recipient) == identity->recipient())
        if (auto key = unwrap(place->box, header.id, *identity)) {
          key->cipher = header.cipher;
          return *key;
        }
  return Unexpected<Error>(sealed_for(header, path, !identities_.empty()));
}

std::vector<Finding> SealedFiles::findings_of(const File& file) {
  const auto* unsealed = dynamic_cast<const UnsealedFile*>(&file);
  return unsealed != nullptr ? unsealed->map().findings() : std::vector<Finding>();
}

bool SealedFiles::is_complete(const File& file) {
  const auto* unsealed = dynamic_cast<const UnsealedFile*>(&file);
  return unsealed == nullptr || unsealed->map().complete();
}

Result<std::string> SealedFiles::unseal_bytes(std::string bytes, const std::filesystem::path& what) {
  auto file = unseal(std::make_unique<MemoryFile>(std::move(bytes)), what);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > kMostInfoBytes) return fail(Errc::malformed, what.string() + " holds too much");
  std::string out(static_cast<std::size_t>(*size), '\0');
  const auto got = (*file)->pread(std::as_writable_bytes(std::span(out)), 0);
  if (!got) return fail(Errc::malformed, got.error().message);
  return out;
}

std::shared_ptr<FileSystem> reading_files(const Identities& identities) {
  return std::make_shared<SealedFiles>(real_file_system(), std::vector<Recipient>(), identities);
}

std::shared_ptr<FileSystem> reading_files(const Identities& identities, std::shared_ptr<FileSystem> files) {
  if (!files) return reading_files(identities);
  struct Kept {
    Kept(std::shared_ptr<FileSystem> below, const Identities& with)
        : files(std::move(below)), opened(*files, {}, with) {}
    const std::shared_ptr<FileSystem> files;
    SealedFiles opened;
  };
  auto kept = std::make_shared<Kept>(std::move(files), identities);
  return {kept, &kept->opened};
}

Result<std::string> seal_bytes(Bytes plain, std::span<const Recipient> recipients) {
  auto sealing = begin_sealing(recipients);
  if (!sealing) return std::unexpected(sealing.error());
  auto memory = std::make_unique<MemoryFile>();
  const MemoryFile& content = *memory;
  SealingFile file(std::move(memory), "sealed bytes", *sealing, [growing = *sealing] { growing->forget_key(); });
  if (auto done = write_all(file, plain); !done) return std::unexpected(done.error());
  if (auto done = file.complete(); !done) return std::unexpected(done.error());
  return content.content();
}

}  // namespace rtpx::sealed
