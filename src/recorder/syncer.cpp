#include "recorder/syncer.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "recorder/block_index.hpp"
#include "recorder/pass_period.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 20ms;        // between two looks for what to push, while there is some
constexpr auto kIdleTick = 250ms;   // else: a slow recorder among hundreds must not cost wake-ups
constexpr std::size_t kBatch = 64;  // files synced together, and open for it
constexpr std::uint64_t kPushBytes = 512U << 10;  // of one file, between two pushes
constexpr std::uint64_t kKeepBytes = 4U << 20;    // pushed bytes of one file that may still be on their way

}  // namespace

Syncer::Syncer(FileSystem& files, std::chrono::milliseconds interval, Callbacks callbacks)
    : files_(files),
      interval_(interval),
      callbacks_(std::move(callbacks)),
      synced_until_(std::chrono::steady_clock::now().time_since_epoch().count()) {}

Syncer::~Syncer() = default;

void Syncer::run() {
  const auto period = interval_.count() != 0 ? pass_period(interval_) : 1s;
  auto next = std::chrono::steady_clock::now() + period;
  auto tick = kTick;
  while (true) {
    stop_.wait_until(std::min(next, std::chrono::steady_clock::now() + tick));
    if (stopping_.load()) break;
    if (std::chrono::steady_clock::now() >= next) {
      (void)pass(interval_.count() != 0);
      next = std::chrono::steady_clock::now() + period;
    } else if (interval_.count() != 0) {
      const std::lock_guard lock(pass_mutex_);
      (void)take_inbox(false);
      tick = push_out() ? kTick : kIdleTick;
    }
  }
  const std::lock_guard lock(pass_mutex_);
  if (index_) (void)index_->complete();
}

void Syncer::stop() {
  stopping_.store(true);
  stop_.wake();
}

void Syncer::set_index(std::shared_ptr<BlockIndex> index) {
  const std::lock_guard lock(pass_mutex_);
  index_ = std::move(index);
}

void Syncer::file_started(const std::shared_ptr<OutputFile>& output) {
  const std::lock_guard lock(inbox_mutex_);
  new_files_.push_back(output);
}

void Syncer::block_written(WrittenBlock block) {
  const std::lock_guard lock(inbox_mutex_);
  blocks_.push_back(std::move(block));
}

// Files and blocks together: a block's file is always known.
std::vector<WrittenBlock> Syncer::take_inbox(bool with_blocks) {
  std::vector<WrittenBlock> blocks;
  const std::lock_guard lock(inbox_mutex_);
  for (auto& output : new_files_) tracked_.push_back({std::move(output)});
  new_files_.clear();
  if (with_blocks) blocks.swap(blocks_);
  return blocks;
}

// Starts writing out what is new, and waits for what has been under way for long, which is there already.
bool Syncer::push_out() {
  bool any = false;
  for (Tracked& t : tracked_) {
    const std::uint64_t written = t.output->written.load();
    if (written < t.pushed + kPushBytes) continue;
    any = true;
    const auto file = t.output->handle();
    if (!file) continue;
    (void)file->sync_range(t.pushed, written - t.pushed, File::RangeSync::start);
    t.pushed = written;
    if (written < t.dropped + 2 * kKeepBytes) continue;
    (void)file->sync_range(t.dropped, written - kKeepBytes - t.dropped, File::RangeSync::finish_and_drop);
    t.dropped = written - kKeepBytes;
  }
  return any;
}

Result<void> Syncer::sync_now() {
  return pass(true);
}

Result<void> Syncer::pass(bool sync) {
  const std::lock_guard lock(pass_mutex_);
  const auto began = std::chrono::steady_clock::now();
  const auto written_until = callbacks_.written_until();
  (void)take_inbox(false);
  for (Tracked& t : tracked_) t.ending = t.output->finished.load();  // then all its blocks are in the inbox
  const std::vector<WrittenBlock> blocks = take_inbox(true);
  Result<void> result;
  if (sync) result = sync_files();
  if (const auto indexed = write_index(blocks, sync); !indexed && result) result = indexed;
  std::erase_if(tracked_, [sync](const Tracked& t) {
    return t.ending &&
           (!sync || t.synced == t.output->written.load());  // else: no descriptor, the next pass tries
  });
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  if (sync) worst_sync_us_.store(std::max<std::int64_t>(worst_sync_us_.load(), took.count()));
  if (sync && result) synced_until_.store(written_until.time_since_epoch().count());
  return result;
}

// In batches: the disk begins to write all files of one before the first sync waits, so that one commit of
// the file system's journal serves many of them.
Result<void> Syncer::sync_files() {
  Result<void> result;
  std::set<std::filesystem::path> folders;
  for (std::size_t first = 0; first < tracked_.size(); first += kBatch) {
    const std::span batch = std::span(tracked_).subspan(first, std::min(kBatch, tracked_.size() - first));
    std::vector<std::shared_ptr<File>> handles;
    for (Tracked& t : batch) handles.push_back(begin_sync(t));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Tracked& t = batch[i];
      const auto synced = finish_sync(t, handles[i]);
      if (!synced) t.good = false;
      if (t.output->abandoned.load()) continue;
      if (!std::exchange(t.name_durable, true)) folders.insert(t.output->path.parent_path());
      if (!synced && result) result = synced;
    }
  }
  for (const auto& folder : folders)
    if (const auto synced = files_.sync_directory(folder); !synced && result) result = synced;
  return result;
}

std::shared_ptr<File> Syncer::begin_sync(Tracked& tracked) {
  tracked.to_sync = tracked.output->written.load();
  tracked.open_error.reset();
  if (tracked.to_sync == tracked.synced) return nullptr;
  std::shared_ptr<File> file = tracked.output->handle();
  if (!file) {
    auto opened = files_.open(tracked.output->path, OpenMode::read_write);
    if (!opened) {
      tracked.open_error = opened.error();
      return nullptr;
    }
    file = std::move(*opened);
  }
  if (tracked.to_sync > tracked.pushed)
    (void)file->sync_range(tracked.pushed, tracked.to_sync - tracked.pushed, File::RangeSync::start);
  tracked.pushed = std::max(tracked.pushed, tracked.to_sync);
  return file;
}

Result<void> Syncer::finish_sync(Tracked& tracked, const std::shared_ptr<File>& file) {
  if (tracked.to_sync == tracked.synced) return {};
  Result<void> synced;
  tracked.good = !tracked.in_doubt;
  if (file) {
    syncs_.fetch_add(1, std::memory_order_relaxed);
    synced = file->sync();
  } else {
    synced = std::unexpected(*tracked.open_error);
    if (synced.error().code == Errc::too_many_files) return synced;  // the next pass tries again
  }
  tracked.synced = tracked.to_sync;
  if (synced) {
    tracked.output->synced.store(true);
    callbacks_.durable(*tracked.output, tracked.to_sync);
  } else {
    callbacks_.failed(tracked.output, synced.error());
  }
  tracked.in_doubt = tracked.in_doubt || !synced;  // a later sync that succeeds says nothing of these bytes
  return synced;
}

Result<void> Syncer::write_index(const std::vector<WrittenBlock>& blocks, bool sync) {
  if (!index_) return {};
  std::set<const OutputFile*> unsynced;
  for (const Tracked& t : tracked_)
    if (sync && !t.good) unsynced.insert(t.output.get());
  for (const WrittenBlock& block : blocks)
    if (!unsynced.contains(block.output.get())) index_->add(block);
  for (const Tracked& t : tracked_)
    if (t.ending) index_->end(*t.output);
  return index_->write(sync);
}

Syncer::Stats Syncer::stats() const {
  return {syncs_.load(std::memory_order_relaxed), std::chrono::microseconds(worst_sync_us_.load())};
}

}  // namespace rtpx
