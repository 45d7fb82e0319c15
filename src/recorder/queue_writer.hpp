#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "recorder/output_file.hpp"
#include "recorder/packet_queue.hpp"
#include "recorder/record_walker.hpp"

namespace rtpx {

/// A stretch of a file that was written, for the index. Blocks of a file follow each other without a gap.
struct WrittenBlock {
  std::shared_ptr<OutputFile> output;
  IndexBlock block;
};

/// Learns of files and blocks from the writer thread. Members must return quickly.
class WriteListener {
 public:
  virtual ~WriteListener() = default;
  virtual void file_started(const std::shared_ptr<OutputFile>& output) = 0;
  virtual void block_written(WrittenBlock block) = 0;
};

/// Writes one queue into its files: `<stem><extension>`, then `<stem>~2<extension>` and so on after a
/// rotation or a failure. Every file but the last of a process that died ends at the end of a record. Writer
/// thread only, but for files(), lost() and the destructor.
class QueueWriter {
 public:
  struct Options {
    bool checksums = true;
    bool mark_ends = false;  ///< its files are DecodedFiles
    std::uint64_t rotate_bytes = 0;
    std::chrono::steady_clock::duration rotate_after{0};
    std::uint32_t block_passes = 20;  ///< a block that has not filled is closed after so many flush passes
  };

  QueueWriter(std::string track_id, std::shared_ptr<PacketQueue> queue, std::filesystem::path folder,
              std::string stem, IndexContent content, const Options& options, WriteListener& listener);

  /// Writes some of what waits, in one system call: full chunks only, or all. False: nothing waited.
  /// Errors: as FileSystem::open() and File::writev().
  [[nodiscard]] Result<bool> write(OpenFiles& files, std::uint32_t pass, bool whole_chunks);
  /// Closes a block that has been open for long, and releases the memory of an idle queue.
  void maintain(std::uint32_t pass);

  /// Leaves a file that failed; what was not written goes to a new one in the same folder, a record that is
  /// torn between them is lost. When that happens again and again, the queue rests in between: a disk that
  /// fails every other write must not fill the folder with files.
  void restart_file(OpenFiles& files, std::uint32_t pass);
  /// Not to be written before.
  [[nodiscard]] std::chrono::steady_clock::time_point rests_until() const { return rest_until_; }
  /// The same in another folder. A queue that is done leaves nothing there.
  void restart_in(OpenFiles& files, const std::filesystem::path& folder, std::uint32_t pass);
  /// A sync of the file failed. True: so did those of the files before it; it is not the file.
  [[nodiscard]] bool syncs_keep_failing();
  /// Everything is written: closes the file for good.
  void finish(OpenFiles& files);
  /// What waits cannot be written and is lost: cuts the file after its last whole record and closes it.
  void give_up(OpenFiles& files, std::uint32_t pass);

  [[nodiscard]] PacketQueue& queue() const { return *queue_; }
  [[nodiscard]] const std::string& track_id() const { return track_id_; }
  [[nodiscard]] bool nothing_in_file() const { return output_->written.load() == 0; }
  [[nodiscard]] bool file_exists() const { return output_->created.load(); }

  /// The file now written to. Any thread.
  [[nodiscard]] std::shared_ptr<OutputFile> output() const {
    const std::lock_guard lock(files_mutex_);
    return output_;
  }
  /// The files that exist, in the order of their records, in the folder now written to. Any thread.
  [[nodiscard]] std::vector<std::shared_ptr<OutputFile>> files() const;
  /// Packets accepted that reached no file. Any thread.
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(); }

  std::atomic<bool> draining{false};    ///< the queue is closed; write all, finish
  std::atomic<bool> done{false};        ///< finished or given up
  std::atomic<bool> incomplete{false};  ///< given up

 private:
  [[nodiscard]] bool rotation_due() const;
  void next_file(OpenFiles& files);
  void skip_torn_record();
  void account(std::span<const Bytes> parts, std::uint64_t bytes, std::uint32_t pass);
  void close_block();
  void record_begins(std::uint64_t offset);
  [[nodiscard]] std::shared_ptr<OutputFile> new_output() const;
  void leave_file(OpenFiles& files);
  void close_for_good(OpenFiles& files);
  void begin_file();
  void be_calm();
  void cut_torn_record(OpenFiles& files, std::uint32_t pass);
  void go_back_to_boundary(OpenFiles& files, std::uint32_t pass);

  const std::string track_id_;
  const std::shared_ptr<PacketQueue> queue_;
  std::filesystem::path folder_;
  const std::string stem_;
  const IndexContent content_;
  const Options& options_;
  WriteListener& listener_;

  unsigned part_ = 1;
  RecordWalker walker_;           // in positions of the queue
  std::uint64_t base_ = 0;        // position where the current file begins
  std::uint64_t base_whole_ = 0;  // records whole before it
  bool skipping_ = false;         // the rest of a torn record waits to be thrown away
  std::chrono::steady_clock::time_point file_began_{};
  IndexBlock block_;
  std::int64_t last_time_ms_ = 0;
  std::uint32_t block_pass_ = 0;
  std::uint64_t idle_position_ = 0;
  std::uint32_t idle_since_ = 0;
  unsigned failures_ = 0;              // of files, since it was calm
  std::chrono::milliseconds rest_{0};  // the next
  std::chrono::steady_clock::time_point last_failure_{}, rest_until_{};
  int failed_syncs_ = 0;  // in a row
  std::atomic<std::uint64_t> lost_{0};

  mutable std::mutex files_mutex_;
  std::vector<std::shared_ptr<OutputFile>> earlier_;
  std::shared_ptr<OutputFile> output_;  // written under files_mutex_
};

}  // namespace rtpx
