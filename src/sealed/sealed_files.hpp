#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/decoded_file.hpp"
#include "rtpx/sealed.hpp"
#include "sealed/block_map.hpp"
#include "sealed/sealing_file.hpp"

namespace rtpx::sealed {

/// The one place where files are sealed and opened: what is above sees plain files. Files that are created are sealed
/// for the recipients, where there are any; sealed files that are opened for reading are opened with the identities.
/// Files that are not sealed, and those of a recording that have to stay readable (recording.json, locks), pass through.
/// stat() tells sizes on disk. Any thread.
class SealedFiles final : public FileSystem {
 public:
  /// `files` outlives this. Recipients make it forget a file's key when the file is complete.
  SealedFiles(FileSystem& files, std::vector<Recipient> recipients, Identities identities);
  ~SealedFiles() override;

  /// Errors besides those of the file system: unsupported where a file is sealed and no identity opens it (the message
  /// says for whom it is), or its format is newer. Of a file whose header is damaged nothing is left, and the findings
  /// say so.
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> create_directory(const std::filesystem::path& path) override { return files_.create_directory(path); }
  Result<void> create_directories(const std::filesystem::path& path) override {
    return files_.create_directories(path);
  }
  Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return files_.link(from, to);
  }
  Result<void> sync_directory(const std::filesystem::path& path) override { return files_.sync_directory(path); }
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override { return files_.list(path); }
  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override { return files_.stat(path); }
  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override { return files_.free_bytes(path); }

  /// Opens what `seal_bytes()` made. Errors: as open(); `what` names it.
  [[nodiscard]] Result<std::string> unseal_bytes(std::string bytes, const std::filesystem::path& what);
  /// What the blocks of an opened file told that is not as it was written; empty when it is not sealed.
  [[nodiscard]] static std::vector<Finding> findings_of(const File& file);
  /// Whether it has its end block; of any other file: true.
  [[nodiscard]] static bool is_complete(const File& file);
  /// The file is sealed, and was opened or is being sealed.
  [[nodiscard]] static bool is_sealed(const File& file) { return !as_stored(file); }

 private:
  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::filesystem::path& path);
  [[nodiscard]] Result<std::unique_ptr<File>> reopen(const std::filesystem::path& path, OpenMode mode);
  [[nodiscard]] Result<std::unique_ptr<File>> open_to_read(const std::filesystem::path& path);
  [[nodiscard]] Result<std::unique_ptr<File>> unseal(std::unique_ptr<File> file, const std::filesystem::path& path);
  [[nodiscard]] Result<FileKey> key_for(const FileHeader& header, const std::filesystem::path& path) const;
  [[nodiscard]] std::unique_ptr<File> sealing_file(std::unique_ptr<File> file, const std::filesystem::path& path,
                                                   std::shared_ptr<Sealing> sealing);
  [[nodiscard]] std::shared_ptr<Sealing> growing(const std::filesystem::path& path);
  void forget(const std::filesystem::path& path);

  FileSystem& files_;
  const std::vector<Recipient> recipients_;
  const Identities identities_;

  struct Growing {
    std::mutex mutex;
    std::map<std::filesystem::path, std::shared_ptr<Sealing>> files;  ///< that are not complete
  };
  const std::shared_ptr<Growing> growing_ = std::make_shared<Growing>();
  struct Opened {
    FileKey key;
    std::shared_ptr<const BlockMap> map;
  };
  std::mutex mutex_;
  std::map<FileId, Opened> opened_;
};

/// What reads recordings: the operating system's files, and sealed ones with these identities.
[[nodiscard]] std::shared_ptr<FileSystem> reading_files(const Identities& identities);
/// The same of other files; null: the operating system's.
[[nodiscard]] std::shared_ptr<FileSystem> reading_files(const Identities& identities, std::shared_ptr<FileSystem> files);

/// The header of a sealed file, from its beginning or, where that is damaged, its end; nullopt: it is not sealed.
/// Errors: malformed, unsupported, naming the file; io.
[[nodiscard]] Result<std::optional<FileHeader>> read_file_header(const File& file, const std::filesystem::path& path);

/// A whole sealed file in memory. Errors: invalid_argument, internal.
[[nodiscard]] Result<std::string> seal_bytes(Bytes plain, std::span<const Recipient> recipients);

/// "call/manifest.json is sealed for rtpxpub1… and another: name an identity that opens it (--identity FILE)"
[[nodiscard]] Error sealed_for(const FileHeader& header, const std::filesystem::path& path, bool any_identity);

}  // namespace rtpx::sealed
