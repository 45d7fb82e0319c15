#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Packets that were given back, kept in a file without a name until they are needed. The file is made with
/// the first packet and goes with the object.
class SpillFile {
 public:
  /// `folder` must exist and be writable when the first packet comes.
  explicit SpillFile(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Answers where the packet lies. Errors: io, no_space.
  [[nodiscard]] Result<std::uint64_t> append(Bytes packet);
  /// The packet at `where`, in `buffer`'s memory. Errors: io.
  [[nodiscard]] Result<Bytes> read(std::uint64_t where, std::vector<std::byte>& buffer) const;

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> write_out();

  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::uint64_t written_ = 0;
  std::vector<std::byte> pending_;  // not yet in the file
};

}  // namespace rtpx
