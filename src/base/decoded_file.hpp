#pragma once

#include "base/file_system.hpp"

namespace rtpx {

/// A file whose content is not the bytes on the disk: offsets and sizes are those of the content.
class DecodedFile : public File {
 public:
  /// Nothing is written to the file any more, through any object: its end is marked. What fails leaves a file that
  /// looks unfinished.
  [[nodiscard]] virtual Result<void> complete() { return {}; }
  /// Where the piece ends that is read, or fails, as a whole, and holds `offset`.
  [[nodiscard]] virtual std::uint64_t unit_end(std::uint64_t offset) const { return offset - offset % 4096 + 4096; }
};

/// The file's bytes lie on the disk where its offsets say, so that the file system's holes are its own.
[[nodiscard]] inline bool as_stored(const File& file) {
  return dynamic_cast<const DecodedFile*>(&file) == nullptr;
}

/// DecodedFile::unit_end(); of other files the end of a sector: reads that do not cross it lose nothing to a bad neighbour.
[[nodiscard]] inline std::uint64_t unit_end(const File& file, std::uint64_t offset) {
  const auto* const decoded = dynamic_cast<const DecodedFile*>(&file);
  return decoded != nullptr ? decoded->unit_end(offset) : offset - offset % 4096 + 4096;
}

/// DecodedFile::complete(); of other files there is nothing to do.
[[nodiscard]] inline Result<void> complete(File& file) {
  auto* const decoded = dynamic_cast<DecodedFile*>(&file);
  return decoded != nullptr ? decoded->complete() : Result<void>();
}

}  // namespace rtpx
