#pragma once

#include <memory>
#include <vector>

#include "base/decoded_file.hpp"
#include "sealed/block_cipher.hpp"
#include "sealed/block_map.hpp"

namespace rtpx::sealed {

/// The plain bytes of a sealed file. One thread at a time; what it refers to outlives it.
class UnsealedContent {
 public:
  UnsealedContent(const File& file, const std::filesystem::path& path, const FileId& id, const FileKey& key,
                  const BlockMap& map)
      : file_(file), path_(path), id_(id), opener_(key), map_(map) {}
  ~UnsealedContent();
  UnsealedContent(const UnsealedContent&) = delete;
  UnsealedContent& operator=(const UnsealedContent&) = delete;

  /// As File::pread(). Errors: io, naming file, block and place, where a block is missing, damaged, or not what was
  /// sealed.
  [[nodiscard]] Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset);

 private:
  /// Into `to`, which has the block's size.
  [[nodiscard]] Result<void> open(const PlacedBlock& block, std::span<std::byte> to);
  [[nodiscard]] Result<Bytes> cached(const PlacedBlock& block);

  const File& file_;
  const std::filesystem::path& path_;
  const FileId& id_;
  BlockOpener opener_;
  const BlockMap& map_;
  std::vector<std::byte> sealed_, plain_;
  const PlacedBlock* held_ = nullptr;  // of plain_, or of error_
  Result<void> error_;
};

/// Leaves what nobody with the key has sealed out of the map, as far as that is needed before reading: see keep_genuine().
void authenticate(const File& file, const FileId& id, const FileKey& key, BlockMap& map);

/// A sealed file, opened for reading.
class UnsealedFile final : public DecodedFile {
 public:
  UnsealedFile(std::unique_ptr<File> file, std::filesystem::path path, FileId id, FileKey key,
               std::shared_ptr<const BlockMap> map)
      : file_(std::move(file)),
        path_(std::move(path)),
        id_(id),
        key_(key),
        map_(std::move(map)),
        content_(*file_, path_, id_, key_, *map_) {}

  Result<std::size_t> writev(std::span<const Bytes> parts) override;
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override;
  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    return content_.pread(to, offset);
  }
  Result<void> sync() override { return {}; }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return {}; }
  Result<void> truncate(std::uint64_t size) override;
  Result<void> reserve(std::uint64_t) override { return {}; }
  bool preallocate(std::uint64_t) override { return false; }
  Result<std::uint64_t> size() const override { return map_->plain_bytes(); }
  Result<void> close() override { return file_->close(); }
  std::uint64_t unit_end(std::uint64_t offset) const override;

  [[nodiscard]] const BlockMap& map() const noexcept { return *map_; }

 private:
  [[nodiscard]] Unexpected<Error> read_only() const;

  const std::unique_ptr<File> file_;
  const std::filesystem::path path_;
  const FileId id_;
  const FileKey key_;
  const std::shared_ptr<const BlockMap> map_;
  mutable UnsealedContent content_;
};

}  // namespace rtpx::sealed
