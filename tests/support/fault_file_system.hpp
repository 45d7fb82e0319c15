#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.hpp"

namespace rtpx::test {

/// A disk in memory that fails as disks do: it fills up, fails at a chosen call, writes short, hangs, and
/// forgets what was not synced. Any absolute path may be used; nothing of it touches the real disk until
/// survivors(). All members may be called from any thread.
class FaultFileSystem final : public FileSystem {
 public:
  enum class Op : std::uint8_t {
    open,
    create,
    write,
    pwrite,
    read,
    sync,
    sync_range,
    truncate,
    reserve,
    close,
    create_directory,
    rename,
    link,
    remove,
    sync_directory,
    list,
    stat,
    free_bytes,
  };
  /// One call, before it does anything.
  struct Call {
    Op op;
    std::filesystem::path path;
    std::uint64_t number = 0;  ///< counts from 1: changing calls for those that change something, else 0
  };
  /// True for the calls that a crash test enumerates: create, write, pwrite, sync, truncate,
  /// create_directory, rename, link, remove, sync_directory.
  [[nodiscard]] static bool changes(Op op);

  FaultFileSystem();
  ~FaultFileSystem() override;

  // --- faults ---

  /// Called before every call, with no lock held: it may wait, and what it answers the call fails with.
  void set_hook(std::function<std::optional<Error>(const Call&)> hook);
  /// The `number`th changing call fails with `code`; with `for_good` all later ones as well.
  void fail_at(std::uint64_t number, Errc code, bool for_good = false);
  /// The machine stops at the `number`th changing call, which is not done (a write is done in part): it and
  /// every later call fail with io, and the disk stays as it is then.
  void crash_at(std::uint64_t number);
  /// The machine stops now.
  void crash_now();
  [[nodiscard]] bool crashed() const;
  /// Writes and syncs wait until unblock().
  void block();
  void unblock();
  /// At most `bytes` for each writev(); 0: no limit.
  void set_short_writes(std::size_t bytes);
  /// Room for file contents in all; a write that exceeds it is done in part, the next answers no_space.
  void set_capacity(std::uint64_t bytes);

  [[nodiscard]] std::uint64_t changing_calls() const;  ///< so far
  [[nodiscard]] std::uint64_t calls(Op op) const;
  [[nodiscard]] std::uint64_t used_bytes() const;
  /// The content of a file as the running process sees it; empty when there is none.
  [[nodiscard]] std::string content(const std::filesystem::path& path) const;

  // --- what is left ---

  /// Writes into the real folder `into` what is on this disk below `from`, as a process sees it: what a
  /// process crash leaves.
  void contents(const std::filesystem::path& from, const std::filesystem::path& into) const;
  /// The same after a power loss. Without a seed the worst case: of files only what was synced, of folders
  /// only the names of the last sync_directory(). With a seed, any part of the rest survives: pages of 4 KiB,
  /// sizes, names (in the order in which they were changed within a folder).
  void survivors(const std::filesystem::path& from, const std::filesystem::path& into,
                 std::optional<unsigned> seed = {}) const;

  // --- FileSystem ---
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<void> create_directory(const std::filesystem::path& path) override;
  Result<void> create_directories(const std::filesystem::path& path) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override;
  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override;
  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override;

 private:
  friend class FaultFile;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  /// Counts the call and lets the faults act. nullopt: go on. Takes no lock for long; may wait.
  std::optional<Error> before(Op op, const std::filesystem::path& path);
  [[nodiscard]] NodePtr find(const std::filesystem::path& path) const;
  Result<std::pair<NodePtr, std::string>> parent_of(const std::filesystem::path& path) const;
  void put(const Node& node, const std::filesystem::path& into, bool durable,
           std::optional<unsigned>& seed) const;

  mutable std::mutex mutex_;
  std::condition_variable unblocked_;
  NodePtr root_;
  std::function<std::optional<Error>(const Call&)> hook_;
  std::map<Op, std::uint64_t> calls_;
  std::uint64_t changing_ = 0;
  std::uint64_t fail_at_ = 0, crash_at_ = 0;
  Errc fail_code_ = Errc::io;
  bool fail_for_good_ = false, crashed_ = false, blocked_ = false;
  std::size_t short_writes_ = 0;
  std::uint64_t capacity_ = UINT64_MAX, used_ = 0;
};

}  // namespace rtpx::test
