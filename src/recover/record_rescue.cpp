#include "recover/record_rescue.hpp"

#include <algorithm>
#include <utility>

#include "base/decoded_file.hpp"
#include "storage/block_places.hpp"
#include "storage/verify_file.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kCopyBytes = 256U << 10;
constexpr std::uint32_t kBlockBytes = 64U << 10;
constexpr int kMaxTries = 4;  // places where one moved block is looked for

RecordReader::Content content_of(const LayoutFile& file) {
  return file.content == IndexContent::rtcp ? RecordReader::Content::rtcp : RecordReader::Content::rtp;
}

/// Makes blocks for the rescued bytes, of records whose source is proven.
class BlockMaker {
 public:
  void add(const Record& record, bool proven) {
    const std::uint32_t size = RecordHeader::kBytes + record.header.size;
    if (proven) {
      if (!summer_) summer_.emplace(offset_);
      std::byte header[RecordHeader::kBytes];
      store_record_header(header, record.header);
      summer_->append(header);
      summer_->append(record.packet);
    }
    if (!proven || summer_->pending() >= kBlockBytes) finish();
    offset_ += size;
  }
  std::vector<IndexBlock> take() {
    finish();
    return std::move(blocks_);
  }

 private:
  void finish() {
    if (!summer_) return;
    if (const auto block = summer_->finish()) blocks_.push_back(*block);
    summer_.reset();
  }
  std::optional<BlockSummer> summer_;
  std::uint64_t offset_ = 0;
  std::vector<IndexBlock> blocks_;
};

/// What checksums have shown to be wrong.
class DamagedBytes {
 public:
  void add(const VerifiedRange& range) {
    if (range.proof == Proof::damaged && range.length > 0)
      all_.emplace_back(range.offset, range.offset + range.length);
  }
  /// Once, after the last add().
  void settle() {
    std::ranges::sort(all_);
    for (const auto& [from, to] : all_)
      if (!stretches_.empty() && from <= stretches_.back().second)
        stretches_.back().second = std::max(stretches_.back().second, to);
      else
        stretches_.emplace_back(from, to);
    all_.clear();
  }
  [[nodiscard]] bool any(std::uint64_t from, std::uint64_t to) const {
    const auto next = std::ranges::upper_bound(stretches_, from, {}, [](const auto& one) { return one.second; });
    return next != stretches_.end() && next->first < to;
  }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> stretches_;  // in order, apart from each other
};

/// Copies one stretch.
Result<void> copy_range(const File& from, std::uint64_t offset, std::uint64_t length, File& to,
                        std::vector<std::byte>& buffer, const std::stop_token& stop) {
  while (length > 0) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "Recovery was cancelled");
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
    const auto got = from.pread(std::span(buffer).first(part), offset);
    if (!got) return std::unexpected(got.error());
    if (*got < part) return fail(Errc::io, "A record file became shorter while it was being recovered");
    if (const auto done = write_all(to, Bytes(buffer).first(part)); !done) return done;
    offset += part;
    length -= part;
  }
  return {};
}

}  // namespace

Result<RescuedFile> examine(const LayoutFile& file, bool ended, const OnRecord& on_record,
                            std::stop_token stop) {
  ProvenBytes proven_bytes;
  DamagedBytes damaged;
  const auto on_range = [&](const VerifiedRange& range) {
    if (range.proof == Proof::proven) proven_bytes.add(range.offset, range.offset + range.length);
    damaged.add(range);
  };
  const auto verified =
      verify_file(file, ended, [&](std::uint64_t) { return !stop.stop_requested(); }, on_range);
  if (!verified) return std::unexpected(verified.error());
  damaged.settle();
  const auto suspicious = [&](const Record& record) {
    return !proven_bytes.covers(record.offset, record.offset + RecordHeader::kBytes + record.header.size);
  };
  auto reader = RecordReader::open({file.path}, content_of(file), suspicious, file.source);
  if (!reader) return std::unexpected(reader.error());

  RescuedFile out;
  out.report.track_id = file.track_id;
  out.report.file = file.path;
  out.report.rtcp = file.content == IndexContent::rtcp;
  out.report.bytes_before = verified->bytes;
  BlockMaker blocks;
  const bool indexed = file.indexed != nullptr && !file.indexed->blocks.empty();
  std::uint64_t at = 0;  // where the last record ended
  for (;;) {
    const auto record = (*reader)->next();
    if (!record) return std::unexpected(record.error());
    const std::uint64_t here = *record ? (*record)->offset : (*reader)->size();
    if (here > at) out.report.cuts.push_back({at, here - at, false, out.last_time_ms});
    if (!*record) break;
    const std::uint64_t end = (*record)->offset + RecordHeader::kBytes + (*record)->header.size;
    if (indexed) {
      const bool proven = proven_bytes.covers((*record)->offset, end);
      blocks.add(**record, proven);
      if (!proven && damaged.any((*record)->offset, end)) ++out.report.suspect_records;
    }
    out.last_time_ms = (*record)->header.receive_time_ms;
    if (!out.first_time_ms) out.first_time_ms = out.last_time_ms;
    ++out.report.records;
    out.report.bytes += end - (*record)->offset;
    if (on_record) on_record(**record);
    at = end;
    if (out.report.records % 4096 == 0 && stop.stop_requested())
      return fail(Errc::cancelled, "Recovery was cancelled");
  }
  const auto& damage = (*reader)->damage();
  if (!out.report.cuts.empty() && !damage.empty()) out.report.cuts.back().tail = damage.back().tail;
  out.report.changed = !out.report.cuts.empty();
  out.blocks = blocks.take();
  return out;
}

Result<void> copy_without(FileSystem& files, const std::filesystem::path& from, const std::vector<RecoveredFile::Cut>& cuts,
                          const std::filesystem::path& to, std::stop_token stop) {
  const auto copy = [&]() -> Result<void> {
    const auto source = files.open(from, OpenMode::read);
    if (!source) return std::unexpected(source.error());
    const auto size = (*source)->size();
    if (!size) return std::unexpected(size.error());
    (void)files.remove(to);  // left by a recovery that was stopped, or a link that a stranger put there
    const auto file = files.open(to, OpenMode::create_new);
    if (!file) return std::unexpected(file.error());
    std::vector<std::byte> buffer(kCopyBytes);
    std::uint64_t at = 0;
    for (const RecoveredFile::Cut& cut : cuts) {
      if (const auto done = copy_range(**source, at, cut.offset - at, **file, buffer, stop); !done)
        return done;
      at = cut.offset + cut.length;
    }
    if (const auto done = copy_range(**source, at, std::max(at, *size) - at, **file, buffer, stop); !done)
      return done;
    if (const auto done = complete(**file); !done) return done;
    if (const auto done = (*file)->sync(); !done) return done;
    return (*file)->close();
  };
  const auto done = copy();
  if (!done) (void)files.remove(to);
  return done;
}

}  // namespace rtpx
