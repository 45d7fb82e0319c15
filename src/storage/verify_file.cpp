#include "storage/verify_file.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "storage/record_reader.hpp"
#include "util/crc32c.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kReadBytes = 256U << 10;

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
  Result<void> by_blocks() {
    static const IndexedFile nothing;
    const IndexedFile& indexed = layout_.indexed != nullptr ? *layout_.indexed : nothing;
    std::uint64_t at = 0;
    std::optional<std::int64_t> time = first_time();
    for (const IndexBlock& block : indexed.blocks) {
      if (block.offset > at && at < out_.bytes)
        add(Proof::unproven, at, std::min(block.offset, out_.bytes) - at, time, "no checksum speaks of it");
      if (block.records > 0) time = block.first_time_ms;
      if (const auto done = check(block, time); !done) return done;
      at = block.offset + block.length;
    }
    const std::uint64_t end = indexed.end ? indexed.end->bytes : out_.bytes;
    if (at < out_.bytes) {
      const bool tail = !ended_;
      add(Proof::unproven, at, out_.bytes - at, time,
          out_.bytes > end ? "the file is longer than what was recorded" : "no checksum speaks of it", tail);
    } else if (end > at && end > out_.bytes) {
      add(Proof::damaged, at, end - at, time, "it is missing: the file ends before");
    }
    return {};
  }

  Result<void> check(const IndexBlock& block, std::optional<std::int64_t> time) {
    if (block.offset + block.length > out_.bytes) {
      add(Proof::damaged, block.offset, block.length, time,
          "it is missing, whole or in part: the file ends before");
      return {};
    }
    const auto crc = checksum(block.offset, block.length);
    if (!crc && crc.error().code == Errc::cancelled) return std::unexpected(crc.error());
    if (!crc)
      add(Proof::damaged, block.offset, block.length, time, crc.error().message);
    else if (*crc == block.crc)
      add(Proof::proven, block.offset, block.length, time, "");
    else
      add(Proof::damaged, block.offset, block.length, time, "its checksum disagrees");
    return {};
  }

  Result<std::uint32_t> checksum(std::uint64_t offset, std::uint64_t length) {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(kReadBytes);
    std::uint32_t crc = 0;
    while (length > 0) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(length, kReadBytes));
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
    const auto content = out_.rtcp ? RecordReader::Content::rtcp : RecordReader::Content::rtp;
    auto reader = RecordReader::open({layout_.path}, content);
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
      if ((*record)->offset - told < kReadBytes) continue;
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
