#include "storage/verify_file.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/crc32c.hpp"
#include "base/data_extents.hpp"
#include "base/decoded_file.hpp"
#include "storage/block_places.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kPieceBytes = 256U << 10;
constexpr std::uint64_t kLongestPacket = 64U << 10;  // a longer stretch without a header is no recording
constexpr std::size_t kMostReadErrors = 1000;        // whose words are kept

/// Whether a block is where it was written, and why not.
enum class Found : std::uint8_t { there, file_ends, hole, unreadable, other_bytes };

/// Verifies one file from front to back.
class FileVerifier {
 public:
  FileVerifier(const LayoutFile& layout, bool ended, const std::function<bool(std::uint64_t)>& progress,
               const std::function<void(VerifiedRange&&)>& on_range)
      : layout_(layout), ended_(ended), progress_(progress), on_range_(on_range) {}

  Result<VerifiedFile> run() {
    auto file = layout_.source->open(layout_.path, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    file_ = std::move(*file);
    extents_.emplace(as_stored(*file_) ? layout_.path : std::filesystem::path());
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
    tell_last();
    return std::move(out_);
  }

 private:
  /// First every block where it was written; then, if some are not there, where else they may be now.
  Result<void> by_blocks() {
    static const IndexedFile nothing;
    const IndexedFile& indexed = layout_.indexed != nullptr ? *layout_.indexed : nothing;
    BlockPlaces places(*file_, *extents_, indexed.blocks);
    std::vector<Found> found(indexed.blocks.size());
    bool all = true;
    for (std::size_t i = 0; i < indexed.blocks.size(); ++i) {
      const auto there = check(indexed.blocks[i]);
      if (!there) return std::unexpected(there.error());
      found[i] = *there;
      if (found[i] == Found::there) places.found(i, indexed.blocks[i].offset);
      all = all && found[i] == Found::there;
    }
    if (!all) places.find_moved();
    tell(indexed, places.places(), found);
    return {};
  }

  /// Errors: cancelled.
  Result<Found> check(const IndexBlock& block) {
    if (block.offset + block.length > out_.bytes) return Found::file_ends;
    if (extents_->has_hole(block.offset, block.offset + block.length, kLongestPacket)) {
      if (!progress_(block.length)) return fail(Errc::cancelled, "Verifying was cancelled");
      return Found::hole;
    }
    const auto crc = checksum(block.offset, block.length);
    if (crc) return *crc == block.crc ? Found::there : Found::other_bytes;
    if (crc.error().code == Errc::cancelled) return std::unexpected(crc.error());
    if (read_errors_.size() < kMostReadErrors) read_errors_.emplace(block.offset, crc.error().message);
    return Found::unreadable;
  }

  /// For a person: why a block is not where it was written.
  [[nodiscard]] std::string reason(Found found, const IndexBlock& block) const {
    switch (found) {
      case Found::there:
        break;
      case Found::file_ends:
        return "it is missing, whole or in part: the file ends before";
      case Found::hole:
        return "nothing was written there: the file has a hole";
      case Found::unreadable: {
        const auto error = read_errors_.find(block.offset);
        return error != read_errors_.end() ? error->second : "it cannot be read";
      }
      case Found::other_bytes:
        return "its checksum disagrees";
    }
    return "";
  }

  /// Goes through index and file side by side, from one block that was found to the next.
  void tell(const IndexedFile& indexed, const std::vector<std::uint64_t>& places,
            const std::vector<Found>& found) {
    Stretch stretch{.time = first_time()};
    const auto add_lost = [&](std::size_t i) { stretch.lost.push_back({&indexed.blocks[i], found[i]}); };
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
    Found found;
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
    for (const auto& [block, found] : stretch.lost) {
      const std::uint64_t from = block->offset - stretch.index_from + stretch.from;
      if (from > at && at < out_.bytes)
        add(Proof::unproven, at, std::min(from, out_.bytes) - at, time, "no checksum speaks of it");
      if (block->records > 0) time = block->first_time_ms;
      add(Proof::damaged, from, block->length, time, reason(found, *block));
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
    for (const auto& [block, found] : stretch.lost)
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
    auto reader = RecordReader::open({layout_.path}, content(), {}, layout_.source);
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
    if (last_ && last_->proof == proof && last_->offset + last_->length == offset && last_->reason == reason &&
        last_->tail == tail) {
      last_->length += length;
      return;
    }
    tell_last();
    last_ = {proof, offset, length, time, std::nullopt, tail, std::move(reason)};
  }

  void tell_last() {
    if (!last_) return;
    out_.flawed = out_.flawed || last_->proof == Proof::damaged || (last_->proof == Proof::unproven && !last_->tail);
    on_range_(std::move(*last_));
    last_.reset();
  }

  const LayoutFile& layout_;
  const bool ended_;
  const std::function<bool(std::uint64_t)>& progress_;
  std::optional<const DataExtents> extents_;  // of a sealed file: none
  const std::function<void(VerifiedRange&&)>& on_range_;
  std::unique_ptr<File> file_;
  std::unique_ptr<std::byte[]> buffer_;
  std::map<std::uint64_t, std::string> read_errors_;  // by the offset of the block
  std::optional<VerifiedRange> last_;                 // may yet grow
  VerifiedFile out_;
};

}  // namespace

Result<VerifiedFile> verify_file(const LayoutFile& file, bool ended,
                                 const std::function<bool(std::uint64_t)>& progress,
                                 const std::function<void(VerifiedRange&&)>& on_range) {
  return FileVerifier(file, ended, progress, on_range).run();
}

}  // namespace rtpx
