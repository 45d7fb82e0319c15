#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/budgeted_files.hpp"
#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Packets that were given back, kept in a file without a name until they are needed. The file is made with
/// the first packet and goes with the object. Any thread may call any member.
class SpillFile {
 public:
  /// `folder` must exist and be writable when the first packet comes.
  /// `budget`, where there is one, pays for it and must outlive it.
  explicit SpillFile(std::filesystem::path folder, WriteBudget* budget = nullptr)
      : folder_(std::move(folder)), budget_(budget) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Answers where the packet lies. Errors: io, no_space.
  [[nodiscard]] Result<std::uint64_t> append(Bytes packet);
  /// The packet at `where`, in `buffer`'s memory. Errors: io.
  [[nodiscard]] Result<Bytes> read(std::uint64_t where, std::vector<std::byte>& buffer) const;

  /// All that was appended. Errors: unsupported (more than `most` bytes), io.
  [[nodiscard]] Result<std::vector<std::byte>> contents(std::size_t most) const;
  /// What another one's contents() answered; of a file in which nothing is, and stays where it fails.
  /// Errors: as append().
  [[nodiscard]] Result<void> restore(std::vector<std::byte> contents);

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> write_out();

  const std::filesystem::path folder_;
  WriteBudget* const budget_ = nullptr;
  mutable std::mutex mutex_;  // what follows
  int descriptor_ = -1;
  std::uint64_t written_ = 0;
  std::vector<std::byte> pending_;  // not yet in the file
};

}  // namespace rtpx
