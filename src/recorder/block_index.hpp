#pragma once

#include <filesystem>
#include <memory>
#include <set>

#include "recorder/queue_writer.hpp"
#include "storage/index.hpp"

namespace rtpx {

/// The index file of one folder, as the sync thread appends to it. One thread at a time.
class BlockIndex {
 public:
  /// Errors: as FileSystem::open() and File::writev().
  [[nodiscard]] static Result<std::shared_ptr<BlockIndex>> create(FileSystem& files,
                                                                  const std::filesystem::path& folder);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// What lies in another folder is not for this index, and ignored.
  void add(const WrittenBlock& block);
  /// The file is complete and all its blocks were added.
  void end(const OutputFile& output);
  /// Appends what was added. What the disk does not take is kept for the next call, up to a bound.
  [[nodiscard]] Result<void> write(bool sync);
  /// Nothing is added any more.
  [[nodiscard]] Result<void> complete();

 private:
  BlockIndex(std::unique_ptr<File> file, std::filesystem::path folder);
  [[nodiscard]] bool is_here(const OutputFile& output) const { return output.path.parent_path() == folder_; }
  void name(const OutputFile& output);

  const std::unique_ptr<File> file_;
  const std::filesystem::path folder_;
  IndexEncoder encoder_;
  std::size_t taken_ = 0;          // bytes of the encoder that are in the file
  std::set<std::uint32_t> named_;  // files that have not ended
};

}  // namespace rtpx
