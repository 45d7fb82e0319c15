#include "recorder/chunk_pool.hpp"

#include <gtest/gtest.h>

#include <random>

namespace rtpx {
namespace {

TEST(ChunkPool, GivesOutExactlyItsMemory) {
  const auto pool = *ChunkPool::make(4 * ChunkPool::kSlabBytes + 100);
  EXPECT_EQ(pool->bytes(), 4 * ChunkPool::kSlabBytes);
  std::vector<Chunk*> taken;
  while (Chunk* chunk = pool->take(ChunkSize::small)) taken.push_back(chunk);
  EXPECT_EQ(taken.size(), 64U);
  EXPECT_EQ(pool->free_bytes(), 0U);
  for (Chunk* chunk : taken) pool->give_back(chunk);
  EXPECT_EQ(pool->free_bytes(), pool->bytes());
}

TEST(ChunkPool, SmallPiecesJoinAgainIntoASlab) {
  const auto pool = *ChunkPool::make(ChunkPool::kSlabBytes);
  Chunk* a = pool->take(ChunkSize::small);
  Chunk* b = pool->take(ChunkSize::medium);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(b->capacity, ChunkPool::kSmallest) << "the only slab is split: a small piece is better than none";
  pool->give_back(a);
  pool->give_back(b);
  Chunk* whole = pool->take(ChunkSize::large);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->capacity, ChunkPool::kSlabBytes);
  EXPECT_EQ(pool->take(ChunkSize::small), nullptr);
}

TEST(ChunkPool, UnderOneSlabIsAnError) {
  EXPECT_EQ(ChunkPool::make(1000).error().code, Errc::invalid_argument);
}

// Random takes and returns: chunks never overlap, and the count of free bytes stays true.
TEST(ChunkPool, ChunksNeverOverlap) {
  const auto pool = *ChunkPool::make(8 * ChunkPool::kSlabBytes);
  std::mt19937 random(7);
  std::vector<Chunk*> taken;
  std::size_t used = 0;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 5 < 3) {
      Chunk* chunk = pool->take(static_cast<ChunkSize>(random() % 3));
      if (chunk == nullptr) continue;
      for (const Chunk* other : taken)
        ASSERT_TRUE(chunk->data + chunk->capacity <= other->data ||
                    other->data + other->capacity <= chunk->data);
      taken.push_back(chunk);
      used += chunk->capacity;
    } else if (!taken.empty()) {
      std::swap(taken[random() % taken.size()], taken.back());
      used -= taken.back()->capacity;
      pool->give_back(taken.back());
      taken.pop_back();
    }
    ASSERT_EQ(pool->free_bytes() + used, pool->bytes());
  }
}

}  // namespace
}  // namespace rtpx
