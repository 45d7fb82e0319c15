#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/wake_up.hpp"
#include "recorder/queue_writer.hpp"

namespace rtpx {

class BlockIndex;

/// Makes what the writer wrote durable, beside it. Between the syncs it starts writing out what has come, and
/// drops it from the page cache behind, so that a sync finds little left to do and never holds up the writer.
/// An entry goes into the index only when the block that it vouches for is on disk.
class Syncer final : public WriteListener {
 public:
  struct Callbacks {
    /// A file could not be synced: what it holds is in doubt.
    std::function<void(std::shared_ptr<OutputFile>, Error)> failed;
    /// The first `bytes` of the file are on disk for good.
    std::function<void(const OutputFile&, std::uint64_t bytes)> durable;
    /// Everything that was accepted before is written.
    std::function<std::chrono::steady_clock::time_point()> written_until;
  };

  /// `interval` 0: only sync_now() syncs.
  Syncer(FileSystem& files, std::chrono::milliseconds interval, Callbacks callbacks);
  ~Syncer() override;

  void run();  ///< the thread's body; returns after stop()
  void stop();
  /// The index that blocks go to from now on; null: none.
  void set_index(std::shared_ptr<BlockIndex> index);

  void file_started(const std::shared_ptr<OutputFile>& output) override;
  void block_written(WrittenBlock block) override;

  /// Syncs all that was written before the call, on the caller's thread. Errors: the first of a file.
  [[nodiscard]] Result<void> sync_now();

  struct Stats {
    std::uint64_t syncs = 0;
    std::chrono::microseconds worst_sync{0};  ///< longest pass over all files
  };
  [[nodiscard]] Stats stats() const;
  /// Everything that was accepted before is on disk, but for files that were left because their sync failed.
  [[nodiscard]] std::chrono::steady_clock::time_point synced_until() const {
    return std::chrono::steady_clock::time_point(std::chrono::steady_clock::duration(synced_until_.load()));
  }

 private:
  struct Tracked {
    std::shared_ptr<OutputFile> output;
    std::uint64_t pushed = 0, dropped = 0, synced = 0;
    std::uint64_t to_sync = 0;  // in the pass that is running
    std::optional<Error> open_error;
    bool name_durable = false, ending = false;
    bool good = true, in_doubt = false;  // the index may vouch for it; a sync failed once
  };
  [[nodiscard]] Result<void> pass(bool sync);
  [[nodiscard]] std::shared_ptr<File> begin_sync(Tracked& tracked);
  [[nodiscard]] Result<void> finish_sync(Tracked& tracked, const std::shared_ptr<File>& file);
  [[nodiscard]] Result<void> sync_files();
  [[nodiscard]] Result<void> write_index(const std::vector<WrittenBlock>& blocks, bool sync);
  [[nodiscard]] std::vector<WrittenBlock> take_inbox(bool with_blocks);
  bool push_out();  ///< whether there was anything to push

  FileSystem& files_;
  const std::chrono::milliseconds interval_;
  const Callbacks callbacks_;

  std::mutex pass_mutex_;  // held during file I/O
  std::vector<Tracked> tracked_;
  std::shared_ptr<BlockIndex> index_;

  std::mutex inbox_mutex_;  // held for moments
  std::vector<std::shared_ptr<OutputFile>> new_files_;
  std::vector<WrittenBlock> blocks_;

  WakeUp stop_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> syncs_{0};
  std::atomic<std::int64_t> worst_sync_us_{0};
  std::atomic<std::chrono::steady_clock::rep> synced_until_;
};

}  // namespace rtpx
