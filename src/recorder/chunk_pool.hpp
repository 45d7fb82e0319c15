#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx {

/// A stretch of one queue's bytes in memory. Chunks of a queue form a list in the order of the bytes.
struct Chunk {
  std::byte* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint64_t begin = 0;  ///< position of data[0] in the queue's stream of bytes
  std::atomic<Chunk*> next{nullptr};
  [[nodiscard]] std::uint64_t end() const noexcept { return begin + capacity; }
};

enum class ChunkSize : std::uint8_t { small, medium, large };  ///< 4, 16, 64 KiB

/// All the memory for packets that are accepted and not yet written: one mapping made at the start, in slabs
/// of 64 KiB, each one large chunk or split into equal smaller ones, joined again when all are back. Memory
/// is first touched when used; the chunk given back last is taken first, so that it is still in the cache.
///
/// Any thread may call any member. The lock is held for some tens of instructions, never across a system
/// call.
class ChunkPool {
 public:
  static constexpr std::size_t kSlabBytes = 64U << 10;
  static constexpr std::size_t kSmallest = 4U << 10;

  /// `bytes` is rounded down to whole slabs. Errors: invalid_argument (under one slab), io (no memory).
  [[nodiscard]] static Result<std::shared_ptr<ChunkPool>> make(std::size_t bytes);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  /// A chunk of the size wanted, or of another when there is none; nullptr when the pool is empty.
  [[nodiscard]] Chunk* take(ChunkSize wanted) noexcept;
  void give_back(Chunk* chunk) noexcept;

  [[nodiscard]] std::size_t bytes() const noexcept { return slabs_.size() * kSlabBytes; }
  [[nodiscard]] std::size_t free_bytes() const noexcept {
    return free_bytes_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr unsigned kPieces = kSlabBytes / kSmallest;
  static constexpr std::int32_t kNone = -1;

  struct Slab {
    ChunkSize size = ChunkSize::large;
    std::uint16_t free_pieces = 0;                // bit n: piece n of the slab is free
    std::int32_t previous = kNone, next = kNone;  // in the list of slabs of its size with a free piece
  };

  ChunkPool(std::byte* memory, std::size_t slabs);
  [[nodiscard]] Chunk* take_of(ChunkSize size) noexcept;
  void split(std::int32_t slab, ChunkSize size) noexcept;
  void link(std::int32_t slab) noexcept;
  void unlink(std::int32_t slab) noexcept;

  std::byte* memory_;
  std::unique_ptr<Chunk[]> chunks_;  // by slab and first 4 KiB
  std::mutex mutex_;
  std::vector<Slab> slabs_;
  std::array<std::int32_t, 3> first_{kNone, kNone, kNone};  // by size; large: the whole free slabs
  std::atomic<std::size_t> free_bytes_;
};

}  // namespace rtpx
