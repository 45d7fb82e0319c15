#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/wake_up.hpp"
#include "recorder/chunk_pool.hpp"
#include "rtpx/recorder.hpp"
#include "storage/record_format.hpp"

namespace rtpx {

class PacketQueue;

inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::paused) + 1;

/// What the queues of one recorder share with its writer thread.
struct QueueShared {
  explicit QueueShared(std::shared_ptr<ChunkPool> chunks) : pool(std::move(chunks)) {}

  std::shared_ptr<ChunkPool> pool;
  alignas(64) std::atomic<bool> disk_full{false};        ///< refuse packets
  std::atomic<std::uint32_t> flush_pass{0};              ///< counts the writer's passes over all queues
  alignas(64) std::atomic<PacketQueue*> ready{nullptr};  ///< stack of queues with a full write waiting
  WakeUp writer;  ///< cuts the sleep of the writer thread between its rounds short
  std::array<std::atomic<std::uint64_t>, kOutcomes> refused_late{};  ///< by Outcome: of queues after retire()
};

/// One file's bytes on their way from record() to the writer thread.
///
/// record() appends whole records under the queue's lock, which nobody holds across a system call, and
/// publishes the position reached. The writer reads up to that position without the lock. Records run over
/// chunk ends. Position: bytes since the queue began; it never goes back, whatever files the bytes go to.
class PacketQueue {
 public:
  static constexpr std::size_t kWriteBytes = ChunkPool::kSlabBytes;
  static constexpr int kEveryRid = -1;

  explicit PacketQueue(std::shared_ptr<QueueShared> shared, std::size_t rids);
  ~PacketQueue();
  PacketQueue(const PacketQueue&) = delete;
  PacketQueue& operator=(const PacketQueue&) = delete;

  // --- record(): any thread -------------------------------------------------------------------------------

  /// Takes one packet as a record, or refuses and counts it. Never waits but for another record() of this
  /// queue.
  Outcome append(std::uint8_t rid_index, Bytes packet,
                 const std::optional<ReceiveClock::time_point>& arrival) noexcept;
  /// Counts a packet that was refused before it came here.
  void count_refused(Outcome outcome) noexcept;

  // --- control: any thread --------------------------------------------------------------------------------

  /// From now on every packet is refused with `outcome` (ended or failed). Nothing is published afterwards.
  void close(Outcome outcome) noexcept;
  /// Refuses all rids but this one while space is low; kEveryRid: none.
  void keep_only_rid(int rid_index) noexcept { only_rid_.store(rid_index, std::memory_order_relaxed); }

  /// While it is paused, packets are counted and not taken.
  void pause(bool paused) noexcept;

  struct Counters {
    std::uint64_t packets = 0, bytes = 0;    ///< accepted; bytes of records, headers included
    std::array<std::uint64_t, kOutcomes> refused{};  ///< by Outcome
    /// All but those that were not to be recorded.
    [[nodiscard]] std::uint64_t refused_packets() const noexcept;
  };
  [[nodiscard]] Counters counters() const noexcept;
  /// After close(), for a queue whose counters are looked at for the last time: what is refused later counts
  /// in QueueShared::refused_late.
  [[nodiscard]] Counters retire() noexcept;
  /// Bytes offered so far of each rid, also of refused packets.
  [[nodiscard]] std::vector<std::uint64_t> rid_bytes() const;
  [[nodiscard]] std::uint64_t published() const noexcept {
    return published_.load(std::memory_order_acquire);
  }
  /// Accepted and not yet written.
  [[nodiscard]] std::uint64_t queued() const noexcept;

  // --- the writer thread ----------------------------------------------------------------------------------

  /// Up to parts.size() stretches of bytes that wait, in order, at most `limit` bytes. With `whole_chunks`
  /// only chunks that are full. Returns how many; they stay valid until consume().
  [[nodiscard]] std::size_t waiting(std::span<Bytes> parts, std::uint64_t limit, bool whole_chunks) noexcept;
  /// The first `bytes` of what waits are done with; their chunks go back to the pool.
  void consume(std::uint64_t bytes) noexcept;
  /// Moves back to `position`, if its bytes are still in memory.
  [[nodiscard]] bool rewind(std::uint64_t position) noexcept;
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
  /// Gives the last chunk back when the queue has been idle. Skips a queue whose lock is taken.
  void release_idle() noexcept;
  /// After close(): throws away what waits.
  void discard() noexcept;
  /// The queues that announced a full write, linked by next_ready(); each may announce again.
  [[nodiscard]] static PacketQueue* take_ready(QueueShared& shared) noexcept;
  /// Read it before the queue is written: afterwards the queue may be on the stack again.
  [[nodiscard]] PacketQueue* next_ready() const noexcept { return next_ready_; }
  void accept_announcements() noexcept { (void)announced_.exchange(false); }

 private:
  [[nodiscard]] bool make_room(std::size_t bytes) noexcept;
  [[nodiscard]] ChunkSize next_size() noexcept;
  void put_inside(const RecordHeader& header, Bytes packet) noexcept;  ///< it fits into tail_
  void put_across(const RecordHeader& header, Bytes packet) noexcept;  ///< it goes on in the next chunks
  void put(const std::byte* from, std::size_t count) noexcept;
  void announce() noexcept;
  Outcome refuse(Outcome outcome) noexcept;

  const std::shared_ptr<QueueShared> shared_;

  // Under mutex_, but for the counters, which are written under it and read without.
  mutable std::mutex mutex_;
  Outcome closed_ = Outcome::accepted;
  bool retired_ = false, paused_ = false;
  Chunk* tail_ = nullptr;  // the chunk that record() fills
  std::uint32_t tail_used_ = 0;
  std::uint64_t room_ = 0;  // bytes free in tail_ and the chunks after it
  std::int64_t last_time_ms_ = INT64_MIN;
  ChunkSize size_ = ChunkSize::small;
  std::uint32_t size_pass_ = 0;  // flush pass at which the last chunk was taken
  std::vector<std::uint64_t> rid_bytes_;
  std::atomic<std::uint64_t> packets_{0}, bytes_{0};
  std::array<std::atomic<std::uint64_t>, kOutcomes> refused_{};
  std::atomic<int> only_rid_{kEveryRid};

  // Handed from record() to the writer.
  alignas(64) std::atomic<std::uint64_t> published_{0};
  std::atomic<Chunk*> first_{nullptr};  // set when the writer holds no chunk of this queue
  std::atomic<bool> announced_{false};
  PacketQueue* next_ready_ = nullptr;

  // The writer's.
  alignas(64) std::atomic<std::uint64_t> written_{0};
  Chunk* head_ = nullptr;
};

}  // namespace rtpx
