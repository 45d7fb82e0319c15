#include "storage/verify_file.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/crc32c.hpp"
#include "storage/block_places.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kPieceBytes = 256U << 10;

/// Verifies one file from front to back.
class FileVerifier {
 public:
  FileVerifier(const LayoutFile& layout, bool ended, const std::function<bool(std::uint64_t)>& progress)
      : layout_(layout), ended_(ended), progress_(progress) {}

  Result<VerifiedFile> run() {
    auto file = real_file_system().open(layout_.path, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    file_ = std::move(*file);
    const auto size = file_->size();
    if (!size) return std::unexpected(size.error());
    out_.track_id = layout_.track_id;
    out_.file = layout_.path;
    out_.rtcp = layout_.content == IndexContent::rtcp;
    out_.bytes = *size;
    const bool indexed =
        layout_.indexed != nullptr && (!layout_.indexed->blocks.empty() || layout_.indexed->end);
    const auto done = indexed || layout_.has_index ? by_blocks() : by_records();
    if (!done) return std::unexpected(done.error());
    return std::move(out_);
  }

 private:
  /// First every block where it was written; then, if some are not there, where else they may be now.
  Result<void> by_blocks() {
    static const IndexedFile nothing;
    const IndexedFile& indexed = layout_.indexed != nullptr ? *layout_.indexed : nothing;
    BlockPlaces places(*file_, indexed.blocks);
    std::vector<std::string> reasons(indexed.blocks.size());
    bool all = true;
    for (std::size_t i = 0; i < indexed.blocks.size(); ++i) {
      auto reason = check(indexed.blocks[i]);
      if (!reason) return std::unexpected(reason.error());
      reasons[i] = std::move(*reason);
      if (reasons[i].empty()) places.found(i, indexed.blocks[i].offset);
      all = all && reasons[i].empty();
    }
    if (!all) places.find_moved();
    tell(indexed, places.places(), reasons);
    return {};
  }

  /// Empty when the block is where it was written, else why not. Errors: cancelled.
  Result<std::string> check(const IndexBlock& block) {
    if (block.offset + block.length > out_.bytes)
      return std::string("it is missing, whole or in part: the file ends before");
    const auto crc = checksum(block.offset, block.length);
    if (!crc && crc.error().code == Errc::cancelled) return std::unexpected(crc.error());
    if (!crc) return crc.error().message;
    return std::string(*crc == block.crc ? "" : "its checksum disagrees");
  }

  /// Goes through index and file side by side, from one block that was found to the next.
  void tell(const IndexedFile& indexed, const std::vector<std::uint64_t>& places,
            const std::vector<std::string>& reasons) {
    Stretch stretch{.time = first_time()};
    const auto add_lost = [&](std::size_t i) { stretch.lost.push_back({&indexed.blocks[i], &reasons[i]}); };
    for (std::size_t i = 0; i < places.size(); ++i) {
      const IndexBlock& block = indexed.blocks[i];
      if (places[i] == BlockPlaces::kNowhere || places[i] < stretch.from) {
        if (places[i] == BlockPlaces::kNowhere) add_lost(i);  // else it lies in what was told already
        continue;
      }
      stretch.to = places[i];
      stretch.index_to = block.offset;
      tell_between(stretch);
      if (block.records > 0) stretch.time = block.first_time_ms;
      add(Proof::proven, places[i], block.length, stretch.time, "");
      stretch.from = places[i] + block.length;
      stretch.index_from = block.offset + block.length;
      stretch.lost.clear();
    }
    tell_rest(stretch, indexed);
  }

  struct Lost {
    const IndexBlock* block;
    const std::string* reason;
  };
  /// What lies between two blocks that were found, in the file and in the index.
  struct Stretch {
    std::uint64_t from = 0, to = 0;
    std::uint64_t index_from = 0, index_to = 0;
    std::vector<Lost> lost{};
    std::optional<std::int64_t> time;
  };

  void tell_between(const Stretch& stretch) {
    const std::uint64_t there = stretch.to - stretch.from, recorded = stretch.index_to - stretch.index_from;
    const auto time = time_of(stretch);
    if (there == recorded) {
      if (const std::uint64_t at = tell_lost(stretch); at < stretch.to)
        add(Proof::unproven, at, stretch.to - at, time, "no checksum speaks of it");
      return;
    }
    const std::uint64_t lost = lost_bytes(stretch);
    if (lost == recorded && there > 0) {
      add(Proof::damaged, stretch.from, there, time,
          there > recorded ? "bytes were inserted" : "bytes are missing");
      return;
    }
    tell_without_places(stretch);
  }

  /// What the index does not speak of may be whole, anywhere here; the blocks that it speaks of are not here.
  void tell_without_places(const Stretch& stretch) {
    const std::uint64_t there = stretch.to - stretch.from, lost = lost_bytes(stretch);
    const auto time = time_of(stretch);
    if (there > 0) add(Proof::unproven, stretch.from, there, time, "no checksum speaks of it");
    if (lost == 0 && there > 0) return;
    add(Proof::damaged, stretch.from, 0, time,
        std::to_string(lost) +
            (there > 0 ? " bytes that belong here are damaged or missing" : " bytes are missing"));
    out_.damaged_bytes += lost;
  }

  [[nodiscard]] static std::uint64_t lost_bytes(const Stretch& stretch) {
    std::uint64_t sum = 0;
    for (const Lost& one : stretch.lost) sum += one.block->length;
    return sum;
  }

  /// The lost blocks of a stretch that has its size, and what lies between them. Answers how far they reach.
  std::uint64_t tell_lost(const Stretch& stretch) {
    std::uint64_t at = stretch.from;
    std::optional<std::int64_t> time = stretch.time;
    for (const auto& [block, reason] : stretch.lost) {
      const std::uint64_t from = block->offset - stretch.index_from + stretch.from;
      if (from > at && at < out_.bytes)
        add(Proof::unproven, at, std::min(from, out_.bytes) - at, time, "no checksum speaks of it");
      if (block->records > 0) time = block->first_time_ms;
      add(Proof::damaged, from, block->length, time, *reason);
      at = from + block->length;
    }
    return at;
  }

  void tell_rest(Stretch stretch, const IndexedFile& indexed) {
    if (hides_blocks(stretch, indexed)) {
      stretch.to = out_.bytes;
      return tell_without_places(stretch);
    }
    const std::uint64_t at = tell_lost(stretch);
    const std::uint64_t recorded = indexed.end ? indexed.end->bytes : 0;
    const std::uint64_t end = recorded + stretch.from - std::min(recorded + stretch.from, stretch.index_from);
    const auto time = time_of(stretch);
    if (at < out_.bytes)
      add(Proof::unproven, at, out_.bytes - at, time,
          indexed.end && out_.bytes > end ? "the file is longer than what was recorded"
                                          : "no checksum speaks of it",
          !ended_);
    else if (end > at && end > out_.bytes)
      add(Proof::damaged, at, end - at, time, "it is missing: the file ends before");
  }

  /// Blocks were lost at the end of the file, and others may lie between and behind them of which no entry is
  /// left: in a file that has not the size it should have nobody knows where.
  [[nodiscard]] bool hides_blocks(const Stretch& stretch, const IndexedFile& indexed) const {
    if (stretch.lost.empty() || out_.bytes <= stretch.from) return false;
    const std::uint64_t there = out_.bytes - stretch.from, lost = lost_bytes(stretch);
    if (!indexed.end) return there > lost;
    const std::uint64_t recorded = indexed.end->bytes - std::min(indexed.end->bytes, stretch.index_from);
    return there != recorded && lost < recorded;
  }

  [[nodiscard]] static std::optional<std::int64_t> time_of(const Stretch& stretch) {
    for (const auto& [block, reason] : stretch.lost)
      if (block->records > 0) return block->first_time_ms;
    return stretch.time;
  }

  Result<std::uint32_t> checksum(std::uint64_t offset, std::uint64_t length) {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(kPieceBytes);
    std::uint32_t crc = 0;
    while (length > 0) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(length, kPieceBytes));
      const auto got = file_->pread(std::span(buffer_.get(), part), offset);
      if (!got) return std::unexpected(got.error());
      crc = crc32c(Bytes(buffer_.get(), *got), crc);
      if (*got < part) return ~crc;  // became shorter while we read
      offset += part;
      length -= part;
      if (!progress_(part)) return fail(Errc::cancelled, "Verifying was cancelled");
    }
    return crc;
  }

  /// Without checksums: what is no record is damage, the rest is unproven.
  Result<void> by_records() {
    auto reader = RecordReader::open({layout_.path}, content());
    if (!reader) return std::unexpected(reader.error());
    std::uint64_t told = 0;
    std::vector<std::optional<std::int64_t>> times;  // before each damaged range
    std::optional<std::int64_t> last, first;
    for (;;) {
      const auto record = (*reader)->next();
      if (!record) return std::unexpected(record.error());
      while (times.size() < (*reader)->damage().size()) times.push_back(last);
      if (!*record) break;
      last = (*record)->header.receive_time_ms;
      if (!first) first = last;
      if ((*record)->offset - told < kPieceBytes) continue;
      if (!progress_((*record)->offset - told)) return fail(Errc::cancelled, "Verifying was cancelled");
      told = (*record)->offset;
    }
    progress_(out_.bytes - told);
    std::uint64_t at = 0;
    const auto& damage = (*reader)->damage();
    for (std::size_t i = 0; i < damage.size(); ++i) {
      const DamagedRange& range = damage[i];
      if (range.offset > at) add(Proof::unproven, at, range.offset - at, first, "there are no checksums");
      if (range.tail)
        add(Proof::unproven, range.offset, range.length, times[i], "a record is torn at the end of the file");
      else
        add(Proof::damaged, range.offset, range.length, times[i], "these bytes are no records");
      at = range.offset + range.length;
    }
    if (at < out_.bytes) add(Proof::unproven, at, out_.bytes - at, first, "there are no checksums");
    return {};
  }

  [[nodiscard]] RecordReader::Content content() const {
    return out_.rtcp ? RecordReader::Content::rtcp : RecordReader::Content::rtp;
  }

  /// Of the first record, as far as its header makes sense.
  std::optional<std::int64_t> first_time() {
    std::byte header[RecordHeader::kBytes];
    const auto got = file_->pread(header, 0);
    if (!got || *got < sizeof header) return std::nullopt;
    return load_record_header(header).receive_time_ms;
  }

  void add(Proof proof, std::uint64_t offset, std::uint64_t length, std::optional<std::int64_t> time,
           std::string reason, bool tail = false) {
    std::uint64_t& sum = proof == Proof::proven     ? out_.proven_bytes
                         : proof == Proof::unproven ? out_.unproven_bytes
                                                    : out_.damaged_bytes;
    sum += length;
    if (!out_.ranges.empty()) {
      VerifiedRange& last = out_.ranges.back();
      if (last.proof == proof && last.offset + last.length == offset && last.reason == reason &&
          last.tail == tail) {
        last.length += length;
        return;
      }
    }
    out_.ranges.push_back({proof, offset, length, time, std::nullopt, tail, std::move(reason)});
  }

  const LayoutFile& layout_;
  const bool ended_;
  const std::function<bool(std::uint64_t)>& progress_;
  std::unique_ptr<File> file_;
  std::unique_ptr<std::byte[]> buffer_;
  VerifiedFile out_;
};

}  // namespace

Result<VerifiedFile> verify_file(const LayoutFile& file, bool ended,
                                 const std::function<bool(std::uint64_t)>& progress) {
  return FileVerifier(file, ended, progress).run();
}

}  // namespace rtpx
