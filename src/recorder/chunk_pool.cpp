#include "recorder/chunk_pool.hpp"

#include <sys/mman.h>

#include <bit>

namespace rtpx {
namespace {

constexpr std::size_t kHugePage = 2U << 20;

constexpr std::size_t bytes_of(ChunkSize size) {
  return ChunkPool::kSmallest << (2 * static_cast<unsigned>(size));
}
constexpr unsigned pieces_of(ChunkSize size) {
  return static_cast<unsigned>(ChunkPool::kSlabBytes / bytes_of(size));
}
constexpr std::uint16_t all_pieces(ChunkSize size) {
  return static_cast<std::uint16_t>((1U << pieces_of(size)) - 1U);
}

}  // namespace

Result<std::shared_ptr<ChunkPool>> ChunkPool::make(std::size_t bytes) {
  const std::size_t slabs = bytes / kSlabBytes;
  if (slabs == 0) return fail(Errc::invalid_argument, "queue_bytes must be at least 65536.");
  void* memory = ::mmap(nullptr, slabs * kSlabBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return fail(Errc::io, "There is no address space for queue_bytes = " + std::to_string(bytes) + ".");
  auto* first = static_cast<std::byte*>(memory);
  // What a recorder at ease never comes to: a burst then takes few page faults, and many recorders little
  // memory.
  if (bytes > kHugePage) ::madvise(first + kHugePage, slabs * kSlabBytes - kHugePage, MADV_HUGEPAGE);
  return std::shared_ptr<ChunkPool>(new ChunkPool(first, slabs));
}

ChunkPool::ChunkPool(std::byte* memory, std::size_t slabs)
    : memory_(memory), chunks_(new Chunk[slabs * kPieces]), slabs_(slabs), free_bytes_(slabs * kSlabBytes) {
  for (std::size_t i = 0; i < slabs * kPieces; ++i) chunks_[i].data = memory + i * kSmallest;
  for (std::size_t slab = slabs; slab-- > 0;) {
    slabs_[slab].free_pieces = all_pieces(ChunkSize::large);
    link(static_cast<std::int32_t>(slab));
  }
}

ChunkPool::~ChunkPool() {
  ::munmap(memory_, slabs_.size() * kSlabBytes);
}

void ChunkPool::link(std::int32_t slab) noexcept {
  std::int32_t& first = first_[static_cast<std::size_t>(slabs_[slab].size)];
  slabs_[slab].previous = kNone;
  slabs_[slab].next = first;
  if (first != kNone) slabs_[first].previous = slab;
  first = slab;
}

void ChunkPool::unlink(std::int32_t slab) noexcept {
  const Slab& s = slabs_[slab];
  if (s.previous != kNone)
    slabs_[s.previous].next = s.next;
  else
    first_[static_cast<std::size_t>(s.size)] = s.next;
  if (s.next != kNone) slabs_[s.next].previous = s.previous;
}

void ChunkPool::split(std::int32_t slab, ChunkSize size) noexcept {
  unlink(slab);
  slabs_[slab].size = size;
  slabs_[slab].free_pieces = all_pieces(size);
  link(slab);
}

Chunk* ChunkPool::take_of(ChunkSize size) noexcept {
  const std::int32_t slab = first_[static_cast<std::size_t>(size)];
  if (slab == kNone) return nullptr;
  Slab& s = slabs_[slab];
  const unsigned piece = static_cast<unsigned>(std::countr_zero(s.free_pieces));
  s.free_pieces = static_cast<std::uint16_t>(s.free_pieces & ~(1U << piece));
  if (s.free_pieces == 0) unlink(slab);
  Chunk* chunk = &chunks_[static_cast<std::size_t>(slab) * kPieces + piece * (bytes_of(size) / kSmallest)];
  chunk->capacity = static_cast<std::uint32_t>(bytes_of(size));
  chunk->next.store(nullptr, std::memory_order_relaxed);
  free_bytes_.fetch_sub(bytes_of(size), std::memory_order_relaxed);
  return chunk;
}

Chunk* ChunkPool::take(ChunkSize wanted) noexcept {
  const std::lock_guard lock(mutex_);
  if (Chunk* chunk = take_of(wanted)) return chunk;
  if (const std::int32_t slab = first_[static_cast<std::size_t>(ChunkSize::large)];
      slab != kNone && wanted != ChunkSize::large) {
    split(slab, wanted);
    return take_of(wanted);
  }
  if (Chunk* chunk = take_of(ChunkSize::medium)) return chunk;
  return take_of(ChunkSize::small);
}

void ChunkPool::give_back(Chunk* chunk) noexcept {
  const auto index = static_cast<std::size_t>(chunk - chunks_.get());
  const auto slab = static_cast<std::int32_t>(index / kPieces);
  const std::lock_guard lock(mutex_);
  Slab& s = slabs_[slab];
  const unsigned piece = static_cast<unsigned>(index % kPieces / (bytes_of(s.size) / kSmallest));
  if (s.free_pieces == 0) link(slab);
  s.free_pieces = static_cast<std::uint16_t>(s.free_pieces | 1U << piece);
  free_bytes_.fetch_add(chunk->capacity, std::memory_order_relaxed);
  if (s.size != ChunkSize::large && s.free_pieces == all_pieces(s.size)) split(slab, ChunkSize::large);
}

}  // namespace rtpx
