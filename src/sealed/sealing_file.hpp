#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>

#include "base/decoded_file.hpp"
#include "sealed/block_cipher.hpp"
#include "sealed/format.hpp"

namespace rtpx::sealed {

/// What goes on from one opening of a file that is being sealed to the next: its key lives here and nowhere else, until
/// the file is complete.
struct Sealing {
  /// Nothing of the key is left behind.
  void forget_key() noexcept {
    sealer.wipe();
    key.wipe();
  }

  FileKey key;
  BlockSealer sealer{key};
  FileHeader header;  ///< in the file with the first block
  std::uint64_t number = 0, seal = 0;  ///< of the next block
  bool header_written = false, ended = false;
  bool torn = false;  ///< a write failed, and what it left behind the last whole block could not be cut off
  /// Bytes of whole blocks in the file, and of the plain file that they stand for. Read by other threads.
  std::atomic<std::uint64_t> stored{0}, plain{0};
};

/// Makes a key for a new file and wraps it for the recipients. Errors: invalid_argument (a recipient's key), internal.
[[nodiscard]] Result<std::shared_ptr<Sealing>> begin_sealing(std::span<const Recipient> recipients,
                                                             Cipher cipher = fastest_cipher());

/// A file that is sealed as it is written. Offsets and sizes are the plain file's. What one writev() takes becomes a
/// block, or several of 64 KiB; a block is written whole or not at all, also when the disk takes only a part of it, so
/// that whatever was answered as written can be opened. Where it ends for good stands in an end block: complete() writes
/// it, and truncate(). It cannot be written in its middle.
class SealingFile final : public DecodedFile {
 public:
  /// `on_end`: told when the key is not needed any more.
  SealingFile(std::unique_ptr<File> file, std::filesystem::path path, std::shared_ptr<Sealing> sealing,
              std::function<void()> on_end);

  Result<std::size_t> writev(std::span<const Bytes> parts) override;
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override;
  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override;
  Result<void> sync() override { return file_->sync(); }
  Result<void> sync_range(std::uint64_t offset, std::uint64_t length, RangeSync how) override;
  /// To a smaller size: the file ends there, and is complete. Larger: unsupported.
  Result<void> truncate(std::uint64_t size) override;
  Result<void> reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
  bool preallocate(std::uint64_t) override { return false; }
  Result<std::uint64_t> size() const override { return sealing_->plain.load(); }
  Result<void> close() override { return file_->close(); }
  Result<void> complete() override;

 private:
  /// Appends the bytes; `written` grows by what reached the file, also when an error is answered.
  [[nodiscard]] Result<void> append(Bytes bytes, std::uint64_t& written);
  [[nodiscard]] Result<void> cut_torn_block();
  [[nodiscard]] Result<void> end_at(std::uint64_t size);
  [[nodiscard]] Unexpected<Error> no_memory() const;

  std::unique_ptr<File> file_;
  const std::filesystem::path path_;
  const std::shared_ptr<Sealing> sealing_;
  const std::function<void()> on_end_;
};

}  // namespace rtpx::sealed
