#include "recorder/queue_writer.hpp"

#include <array>
#include <utility>

#include "base/crc32c.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kPartsPerWrite = 16;
constexpr std::uint32_t kIdlePasses = 20;
using namespace std::chrono_literals;
constexpr unsigned kQuickFailures = 12;  // without a rest; then each rest is twice the one before
constexpr std::chrono::milliseconds kFirstRest = 50ms, kLongestRest = 1s;
constexpr auto kCalm = 15s;
constexpr int kMostFailedSyncs = 3;

}  // namespace

QueueWriter::QueueWriter(std::string track_id, std::shared_ptr<PacketQueue> queue,
                         std::filesystem::path folder, std::string stem, IndexContent content,
                         const Options& options, WriteListener& listener)
    : track_id_(std::move(track_id)),
      queue_(std::move(queue)),
      folder_(std::move(folder)),
      stem_(std::move(stem)),
      content_(content),
      options_(options),
      listener_(listener),
      output_(new_output()) {
  be_calm();
}

std::shared_ptr<OutputFile> QueueWriter::new_output() const {
  std::string name = stem_;
  if (part_ != 1) {
    name += '~';
    name += std::to_string(part_);
  }
  name += content_ == IndexContent::rtp ? ".rtpx" : ".rtcpx";
  return std::make_shared<OutputFile>(track_id_, folder_ / name, content_);
}

std::vector<std::shared_ptr<OutputFile>> QueueWriter::files() const {
  const std::lock_guard lock(files_mutex_);
  std::vector<std::shared_ptr<OutputFile>> out = earlier_;
  if (output_->created.load()) out.push_back(output_);
  return out;
}

bool QueueWriter::rotation_due() const {
  if (nothing_in_file()) return false;
  if (options_.rotate_bytes != 0 && output_->written.load() >= options_.rotate_bytes) return true;
  return options_.rotate_after.count() != 0 &&
         std::chrono::steady_clock::now() - file_began_ >= options_.rotate_after;
}

Result<bool> QueueWriter::write(OpenFiles& files, std::uint32_t pass, bool whole_chunks) {
  if (skipping_) skip_torn_record();
  if (skipping_) return false;
  std::uint64_t limit = kPartsPerWrite * PacketQueue::kWriteBytes;
  if (rotation_due()) {
    if (walker_.at_boundary()) {
      if (queue_->queued() != 0) next_file(files);
    } else {
      limit = walker_.to_boundary();
      whole_chunks = false;
    }
  } else if (options_.rotate_bytes != 0) {
    limit = std::min(limit, options_.rotate_bytes - output_->written.load());
    whole_chunks = false;
  }
  std::array<Bytes, kPartsPerWrite> parts;
  const std::size_t count = queue_->waiting(parts, limit, whole_chunks);
  if (count == 0) return false;
  auto file = files.get(*output_, pass);
  if (!file) return std::unexpected(std::move(file.error()));
  const bool first = nothing_in_file();
  const auto written = (*file)->writev(std::span(parts.data(), count));
  if (!written) return std::unexpected(written.error());
  if (first) {
    file_began_ = std::chrono::steady_clock::now();
    listener_.file_started(output_);
  }
  account(std::span(parts.data(), count), *written, pass);
  return true;
}

void QueueWriter::account(std::span<const Bytes> parts, std::uint64_t bytes, std::uint32_t pass) {
  // First: a block must never be handed over before the sync thread can see that there are bytes to sync.
  output_->written.store(walker_.position() - base_ + bytes);
  std::uint64_t left = bytes;
  for (const Bytes whole : parts) {
    if (left == 0) break;
    const Bytes part = whole.first(std::min<std::uint64_t>(left, whole.size()));
    if (block_.length == 0) block_pass_ = pass;
    if (options_.checksums) block_.crc = crc32c(part, block_.crc);
    walker_.feed(part, [&](std::uint64_t position, std::int64_t time_ms) {
      last_time_ms_ = time_ms;
      if (position - base_ >= block_.offset) record_begins(position - base_);
    });
    block_.length += static_cast<std::uint32_t>(part.size());
    if (block_.length >= PacketQueue::kWriteBytes) close_block();
    left -= part.size();
  }
  queue_->consume(bytes);
  output_->records.store(walker_.whole() - base_whole_);
}

void QueueWriter::record_begins(std::uint64_t offset) {
  if (block_.records++ != 0) return;
  block_.first_record = static_cast<std::uint32_t>(offset - block_.offset);
  block_.first_time_ms = last_time_ms_;
}

void QueueWriter::close_block() {
  const std::uint64_t end = block_.offset + block_.length;
  // A header that runs over the end belongs to this block; the next one passes over it.
  if (walker_.in_header() && walker_.boundary() - base_ < end) record_begins(walker_.boundary() - base_);
  if (block_.length != 0 && options_.checksums) listener_.block_written({output_, block_});
  block_ = {};
  block_.offset = end;
}

void QueueWriter::maintain(std::uint32_t pass) {
  if (block_.length != 0 && pass - block_pass_ >= options_.block_passes) close_block();
  if (failures_ != 0 && std::chrono::steady_clock::now() - last_failure_ >= kCalm) be_calm();
  if (const std::uint64_t position = queue_->published(); position != idle_position_) {
    idle_position_ = position;
    idle_since_ = pass;
  } else if (pass - idle_since_ == kIdlePasses) {
    queue_->release_idle();
  }
}

void QueueWriter::next_file(OpenFiles& files) {
  leave_file(files);
  ++part_;
  auto next = new_output();
  const std::lock_guard lock(files_mutex_);
  if (output_->created.load()) earlier_.push_back(output_);
  output_ = std::move(next);
}

void QueueWriter::leave_file(OpenFiles& files) {
  close_block();
  close_for_good(files);
  output_->finished.store(true);
  begin_file();
}

void QueueWriter::close_for_good(OpenFiles& files) {
  if (options_.mark_ends && output_->created.load()) (void)files.complete(*output_);
  files.close(*output_);
}

void QueueWriter::begin_file() {
  base_ = walker_.position();
  base_whole_ = walker_.whole();
  block_ = {};
}

// Cuts the file after its last whole record, and the open block with it. A block that is closed and reaches
// beyond stays in the index, which then calls the end of the file damaged: as it is.
void QueueWriter::cut_torn_record(OpenFiles& files, std::uint32_t pass) {
  if (walker_.at_boundary() || nothing_in_file()) return;
  const std::uint64_t end = walker_.boundary() - base_;
  auto file = files.get(*output_, pass);
  if (!file || !(*file)->truncate(end)) return;
  output_->written.store(end);
  const IndexBlock whole = std::exchange(block_, {});
  if (end <= whole.offset || !options_.checksums) return;
  std::vector<std::byte> bytes(end - whole.offset);
  const auto read = (*file)->pread(bytes, whole.offset);
  if (!read || *read != bytes.size()) return;
  block_.offset = whole.offset;
  if (whole.first_record != IndexBlock::kNoRecord && whole.offset + whole.first_record < end) {
    block_ = whole;
    if (!walker_.in_header()) --block_.records;  // the torn one was counted with its header
  }
  block_.length = static_cast<std::uint32_t>(bytes.size());
  block_.crc = crc32c(bytes);
}

void QueueWriter::go_back_to_boundary(OpenFiles& files, std::uint32_t pass) {
  if (skipping_) return;
  cut_torn_record(files, pass);
  close_block();
  if (queue_->rewind(walker_.boundary())) {
    walker_.reset(walker_.boundary(), walker_.whole());
  } else {
    skipping_ = true;
    lost_.fetch_add(1);
  }
}

void QueueWriter::restart_file(OpenFiles& files, std::uint32_t pass) {
  output_->abandoned.store(true);
  go_back_to_boundary(files, pass);
  next_file(files);
  last_failure_ = std::chrono::steady_clock::now();
  if (++failures_ <= kQuickFailures) return;
  rest_until_ = last_failure_ + rest_;
  rest_ = std::min(2 * rest_, kLongestRest);
}

void QueueWriter::be_calm() {
  failures_ = 0;
  rest_until_ = {};
  rest_ = kFirstRest;
}

bool QueueWriter::syncs_keep_failing() {
  if (output_->synced.load()) failed_syncs_ = 0;
  return ++failed_syncs_ >= kMostFailedSyncs;
}

void QueueWriter::restart_in(OpenFiles& files, const std::filesystem::path& folder, std::uint32_t pass) {
  if (!done.load()) restart_file(files, pass);
  be_calm();
  failed_syncs_ = 0;
  const std::lock_guard lock(files_mutex_);
  earlier_.clear();
  part_ = 1;
  folder_ = folder;
  output_ = new_output();
}

void QueueWriter::skip_torn_record() {
  std::array<Bytes, 1> part;
  while (!walker_.at_boundary()) {
    if (queue_->waiting(part, walker_.to_boundary(), false) == 0) return;
    const std::size_t size = part[0].size();
    walker_.feed(part[0], [](std::uint64_t, std::int64_t) {});
    queue_->consume(size);
  }
  walker_.reset(walker_.position(), walker_.whole() - 1);
  begin_file();
  skipping_ = false;
}

void QueueWriter::finish(OpenFiles& files) {
  close_block();
  close_for_good(files);
  output_->finished.store(true);
  queue_->discard();  // nothing waits: this gives the last chunk back
  done.store(true);
}

void QueueWriter::give_up(OpenFiles& files, std::uint32_t pass) {
  cut_torn_record(files, pass);
  const std::uint64_t whole = walker_.whole();
  const std::uint64_t accepted = queue_->counters().packets;
  lost_.store(accepted - std::min(accepted, whole));
  incomplete.store(true);
  finish(files);
}

}  // namespace rtpx
