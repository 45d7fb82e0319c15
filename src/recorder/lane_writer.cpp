#include "recorder/lane_writer.hpp"

#include <array>

#include "util/crc32c.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kPartsPerWrite = 16;
constexpr std::uint32_t kIdlePasses = 40;

}  // namespace

LaneWriter::LaneWriter(std::string track_id, std::shared_ptr<Lane> lane, std::filesystem::path folder,
                       std::string stem, std::string extension, const Options& options,
                       WriteListener& listener)
    : track_id_(std::move(track_id)),
      lane_(std::move(lane)),
      folder_(std::move(folder)),
      stem_(std::move(stem)),
      extension_(std::move(extension)),
      options_(options),
      listener_(listener),
      output_(std::make_shared<OutputFile>(track_id_, part_path())) {}

std::filesystem::path LaneWriter::part_path() const {
  return folder_ / (part_ == 1 ? stem_ + extension_ : stem_ + "~" + std::to_string(part_) + extension_);
}

std::vector<std::shared_ptr<OutputFile>> LaneWriter::files() const {
  const std::lock_guard lock(files_mutex_);
  std::vector<std::shared_ptr<OutputFile>> out = earlier_;
  if (output_->created.load()) out.push_back(output_);
  return out;
}

bool LaneWriter::rotation_due() const {
  if (nothing_in_file()) return false;
  if (options_.rotate_bytes != 0 && output_->written.load() >= options_.rotate_bytes) return true;
  return options_.rotate_after.count() != 0 &&
         std::chrono::steady_clock::now() - file_began_ >= options_.rotate_after;
}

Result<bool> LaneWriter::write(OpenFiles& files, std::uint32_t pass, bool whole_chunks) {
  if (skipping_) skip_torn_record();
  if (skipping_) return false;
  std::uint64_t limit = kPartsPerWrite * Lane::kWriteBytes;
  if (rotation_due()) {
    if (walker_.at_boundary()) {
      if (lane_->queued() != 0) next_file(files);
    } else {
      limit = walker_.to_boundary();
      whole_chunks = false;
    }
  }
  std::array<Bytes, kPartsPerWrite> parts;
  const std::size_t count = lane_->waiting(parts, limit, whole_chunks);
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

void LaneWriter::account(std::span<const Bytes> parts, std::uint64_t bytes, std::uint32_t pass) {
  std::uint64_t left = bytes;
  for (const Bytes whole : parts) {
    if (left == 0) break;
    const Bytes part = whole.first(std::min<std::uint64_t>(left, whole.size()));
    if (block_.length == 0) block_pass_ = pass;
    if (options_.checksums) block_.crc32c = crc32c(part, block_.crc32c);
    walker_.feed(part, [&](std::uint64_t position, std::int64_t time_ms) {
      if (block_.records++ != 0) return;
      block_.first_record = position - base_;
      block_.first_time_ms = time_ms;
    });
    block_.length += static_cast<std::uint32_t>(part.size());
    if (block_.length >= Lane::kWriteBytes) close_block();
    left -= part.size();
  }
  lane_->consume(bytes);
  output_->written.store(walker_.position() - base_);
}

void LaneWriter::close_block() {
  const std::uint64_t end = block_.offset + block_.length;
  if (block_.length != 0 && options_.checksums) {
    block_.output = output_;
    listener_.block_written(std::move(block_));
  }
  block_ = {};
  block_.offset = end;
}

void LaneWriter::tend(std::uint32_t pass) {
  if (block_.length != 0 && pass - block_pass_ >= options_.block_passes) close_block();
  if (const std::uint64_t position = lane_->published(); position != idle_position_) {
    idle_position_ = position;
    idle_since_ = pass;
  } else if (pass - idle_since_ == kIdlePasses) {
    lane_->release_idle();
  }
}

void LaneWriter::next_file(OpenFiles& files) {
  close_block();
  files.close(*output_);
  output_->finished.store(true);
  ++part_;
  base_ = walker_.position();
  block_ = {};
  auto next = std::make_shared<OutputFile>(track_id_, part_path());
  const std::lock_guard lock(files_mutex_);
  if (output_->created.load()) earlier_.push_back(output_);
  output_ = std::move(next);
}

// A first record that a header-straddling block named may lie before the block: first_record is then set by
// the next.
void LaneWriter::recut_block(OpenFiles& files, std::uint32_t pass) {
  const std::uint64_t end = walker_.boundary() - base_;
  if (walker_.at_boundary() || nothing_in_file()) return;
  auto file = files.get(*output_, pass);
  if (!file || !(*file)->truncate(end)) return;
  output_->written.store(end);
  if (end <= block_.offset) {  // the torn record began in a block that is closed: that one stays damaged
    block_ = {};
    return;
  }
  std::vector<std::byte> bytes(end - block_.offset);
  const auto read = (*file)->pread(bytes, block_.offset);
  if (!read || *read != bytes.size()) {
    block_ = {};
    return;
  }
  block_.length = static_cast<std::uint32_t>(bytes.size());
  block_.crc32c = crc32c(bytes);
  if (block_.first_record && *block_.first_record >= end) {
    block_.first_record.reset();
    block_.records = 0;
  } else if (block_.records > 0) {
    --block_.records;  // the torn one
  }
}

void LaneWriter::restart_file(OpenFiles& files) {
  recut_block(files, 0);
  const std::uint64_t boundary = walker_.boundary();
  if (lane_->rewind(boundary)) {
    walker_.reset(boundary, walker_.whole());
  } else {
    skipping_ = true;
    lost_.fetch_add(1);
  }
  next_file(files);
}

void LaneWriter::restart_in(OpenFiles& files, const std::filesystem::path& folder) {
  restart_file(files);
  const std::lock_guard lock(files_mutex_);
  earlier_.clear();
  part_ = 1;
  folder_ = folder;
  output_ = std::make_shared<OutputFile>(track_id_, part_path());
}

void LaneWriter::skip_torn_record() {
  std::array<Bytes, 1> part;
  while (!walker_.at_boundary()) {
    if (lane_->waiting(part, walker_.to_boundary(), false) == 0) return;
    const std::size_t size = part[0].size();
    walker_.feed(part[0], [](std::uint64_t, std::int64_t) {});
    lane_->consume(size);
  }
  walker_.reset(walker_.position(), walker_.whole() - 1);
  base_ = walker_.position();
  skipping_ = false;
}

void LaneWriter::finish(OpenFiles& files) {
  close_block();
  files.close(*output_);
  output_->finished.store(true);
  lane_->discard();  // nothing waits: this gives the last chunk back
  done.store(true);
}

void LaneWriter::give_up(OpenFiles& files, std::uint32_t pass) {
  recut_block(files, pass);
  const std::uint64_t whole = walker_.whole();
  const std::uint64_t accepted = lane_->counters().packets;
  lost_.store(accepted - std::min(accepted, whole));
  incomplete.store(true);
  finish(files);
}

}  // namespace rtpx
