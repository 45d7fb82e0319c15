#include "recorder/packet_queue.hpp"

#include <algorithm>
#include <cstring>

namespace rtpx {
namespace {

// A chunk filled within this many flush passes makes the next one larger; one that took longer, smaller.
constexpr std::uint32_t kFastPasses = 1, kSlowPasses = 4;

void add(std::atomic<std::uint64_t>& counter,
         std::uint64_t value) noexcept {  // one writer at a time: no lock prefix
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

std::int64_t to_ms(ReceiveClock::time_point time) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

PacketQueue::PacketQueue(std::shared_ptr<QueueShared> shared, std::size_t rids)
    : shared_(std::move(shared)), rid_bytes_(std::max<std::size_t>(rids, 1)) {}

PacketQueue::~PacketQueue() {
  Chunk* chunk = head_ != nullptr ? head_ : first_.load();
  while (chunk != nullptr) {
    Chunk* next = chunk->next.load();
    shared_->pool->give_back(chunk);
    chunk = next;
  }
}

Outcome PacketQueue::append(std::uint8_t rid_index, Bytes packet,
                            const std::optional<ReceiveClock::time_point>& arrival) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_ != Outcome::accepted) return refuse(closed_);
  if (paused_) return refuse(Outcome::paused);
  if (packet.size() > kMaxPacketBytes) return refuse(Outcome::too_large);
  const std::size_t need = RecordHeader::kBytes + packet.size();
  if (rid_index < rid_bytes_.size()) rid_bytes_[rid_index] += need;
  if (shared_->disk_full.load(std::memory_order_relaxed)) return refuse(Outcome::disk_full);
  if (const int only = only_rid_.load(std::memory_order_relaxed); only != kEveryRid && only != rid_index)
    return refuse(Outcome::disk_full);
  if (room_ < need && !make_room(need)) return refuse(Outcome::queue_full);

  last_time_ms_ = std::max(last_time_ms_, to_ms(arrival ? *arrival : ReceiveClock::now()));
  const RecordHeader header{rid_index, last_time_ms_, static_cast<std::uint32_t>(packet.size())};
  const Chunk* before = tail_;
  if (tail_->capacity - tail_used_ >= need)
    put_inside(header, packet);
  else
    put_across(header, packet);
  room_ -= need;
  add(packets_, 1);
  add(bytes_, need);
  const std::uint64_t position = published_.load(std::memory_order_relaxed) + need;
  published_.store(position, std::memory_order_release);
  if (tail_ != before && position - written_.load(std::memory_order_relaxed) >= kWriteBytes) announce();
  return Outcome::accepted;
}

bool PacketQueue::make_room(std::size_t bytes) noexcept {
  Chunk *first = nullptr, *last = nullptr;
  std::uint64_t room = room_;
  std::uint64_t begin = published_.load(std::memory_order_relaxed) + room_;
  const ChunkSize size = next_size();
  while (room < bytes) {
    Chunk* chunk = shared_->pool->take(size);
    if (chunk == nullptr) {
      while (first != nullptr) {
        Chunk* next = first->next.load(std::memory_order_relaxed);
        shared_->pool->give_back(first);
        first = next;
      }
      shared_->writer.wake();
      return false;
    }
    chunk->begin = begin;
    begin += chunk->capacity;
    room += chunk->capacity;
    if (last != nullptr)
      last->next.store(chunk, std::memory_order_relaxed);
    else
      first = chunk;
    last = chunk;
  }
  // Once linked behind a chunk that is full, the writer may take that one away: it is not touched afterwards.
  Chunk* old = tail_;
  if (old == nullptr || room_ == 0) {
    tail_ = first;
    tail_used_ = 0;
  }
  (old != nullptr ? old->next : first_).store(first, std::memory_order_release);
  room_ = room;
  if (shared_->pool->free_bytes() < shared_->pool->bytes() / 4 * 3) shared_->writer.wake();
  return true;
}

ChunkSize PacketQueue::next_size() noexcept {
  const std::uint32_t pass = shared_->flush_pass.load(std::memory_order_relaxed);
  const std::uint32_t took = pass - size_pass_;
  size_pass_ = pass;
  if (took <= kFastPasses && size_ != ChunkSize::large && tail_ != nullptr)
    size_ = static_cast<ChunkSize>(static_cast<int>(size_) + 1);
  if (took > kSlowPasses && size_ != ChunkSize::small)
    size_ = static_cast<ChunkSize>(static_cast<int>(size_) - 1);
  return size_;
}

void PacketQueue::put_inside(const RecordHeader& header, Bytes packet) noexcept {
  std::byte* to = tail_->data + tail_used_;
  store_record_header(to, header);
  if (!packet.empty()) std::memcpy(to + RecordHeader::kBytes, packet.data(), packet.size());
  tail_used_ += static_cast<std::uint32_t>(RecordHeader::kBytes + packet.size());
}

void PacketQueue::put_across(const RecordHeader& header, Bytes packet) noexcept {
  std::byte bytes[RecordHeader::kBytes];
  store_record_header(bytes, header);
  put(bytes, sizeof bytes);
  put(packet.data(), packet.size());
}

void PacketQueue::put(const std::byte* from, std::size_t count) noexcept {
  while (true) {
    const std::size_t fits = std::min<std::size_t>(count, tail_->capacity - tail_used_);
    if (fits != 0) std::memcpy(tail_->data + tail_used_, from, fits);
    tail_used_ += static_cast<std::uint32_t>(fits);
    from += fits;
    count -= fits;
    if (count == 0) return;
    tail_ = tail_->next.load(std::memory_order_relaxed);
    tail_used_ = 0;
  }
}

void PacketQueue::announce() noexcept {
  if (announced_.exchange(true)) return;
  PacketQueue* top = shared_->ready.load(std::memory_order_relaxed);
  do {
    next_ready_ = top;
  } while (
      !shared_->ready.compare_exchange_weak(top, this, std::memory_order_release, std::memory_order_relaxed));
}

PacketQueue* PacketQueue::take_ready(QueueShared& shared) noexcept {
  return shared.ready.exchange(nullptr, std::memory_order_acquire);
}

Outcome PacketQueue::refuse(Outcome outcome) noexcept {
  auto& counters = retired_ ? shared_->refused_late : refused_;
  counters[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  return outcome;
}

void PacketQueue::count_refused(Outcome outcome) noexcept {
  const std::lock_guard lock(mutex_);
  refuse(outcome);
}

PacketQueue::Counters PacketQueue::retire() noexcept {
  const std::lock_guard lock(mutex_);
  retired_ = true;
  return counters();
}

void PacketQueue::close(Outcome outcome) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_ != Outcome::failed) closed_ = outcome;  // who gives up may be told to end as well
}

void PacketQueue::pause(bool paused) noexcept {
  const std::lock_guard lock(mutex_);
  paused_ = paused;
}

std::uint64_t PacketQueue::Counters::refused_packets() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : refused) sum += count;
  return sum - refused[static_cast<std::size_t>(Outcome::paused)];
}

PacketQueue::Counters PacketQueue::counters() const noexcept {
  Counters out{packets_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed), {}};
  for (std::size_t i = 0; i < refused_.size(); ++i)
    out.refused[i] = refused_[i].load(std::memory_order_relaxed);
  return out;
}

std::vector<std::uint64_t> PacketQueue::rid_bytes() const {
  const std::lock_guard lock(mutex_);
  return rid_bytes_;
}

std::uint64_t PacketQueue::queued() const noexcept {
  const std::uint64_t done = written();
  const std::uint64_t there = published();
  return there > done ? there - done : 0;
}

std::size_t PacketQueue::waiting(std::span<Bytes> parts, std::uint64_t limit, bool whole_chunks) noexcept {
  const std::uint64_t end = published();
  std::uint64_t position = written();
  if (head_ == nullptr) head_ = first_.load(std::memory_order_acquire);
  std::size_t count = 0;
  for (Chunk* chunk = head_; chunk != nullptr && count < parts.size() && position < end && limit > 0;
       chunk = chunk->next.load(std::memory_order_acquire)) {
    if (whole_chunks && chunk->end() > end) break;
    const std::uint64_t stop = std::min({chunk->end(), end, position + limit});
    if (stop == position) continue;  // a spent chunk that nothing was linked to until now
    parts[count++] = Bytes(chunk->data + (position - chunk->begin), stop - position);
    limit -= stop - position;
    position = stop;
  }
  return count;
}

void PacketQueue::consume(std::uint64_t bytes) noexcept {
  const std::uint64_t position = written() + bytes;
  while (head_ != nullptr && head_->end() <= position) {
    Chunk* next = head_->next.load(std::memory_order_acquire);
    if (next == nullptr) break;  // record() still holds it
    shared_->pool->give_back(head_);
    head_ = next;
  }
  written_.store(position, std::memory_order_relaxed);
}

bool PacketQueue::rewind(std::uint64_t position) noexcept {
  if (position == written()) return true;
  if (head_ == nullptr || position < head_->begin) return false;
  written_.store(position, std::memory_order_relaxed);
  return true;
}

void PacketQueue::release_idle() noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || tail_ == nullptr || published_.load(std::memory_order_relaxed) != written())
    return;
  Chunk* chunk = head_ != nullptr ? head_ : first_.load(std::memory_order_relaxed);
  head_ = nullptr;
  first_.store(nullptr, std::memory_order_relaxed);
  tail_ = nullptr;
  tail_used_ = 0;
  room_ = 0;
  while (chunk != nullptr) {
    Chunk* next = chunk->next.load(std::memory_order_relaxed);
    shared_->pool->give_back(chunk);
    chunk = next;
  }
}

void PacketQueue::discard() noexcept {
  {
    const std::lock_guard lock(mutex_);  // an append() that was running has ended
    written_.store(published_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  release_idle();
}

}  // namespace rtpx
