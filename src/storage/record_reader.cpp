#include "storage/record_reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>
#include <utility>

#include "base/data_extents.hpp"
#include "base/decoded_file.hpp"
#include "base/file_system.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/record_sync.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kReadBytes = 128U << 10;
constexpr std::size_t kMaxRecordBytes = RecordHeader::kBytes + kMaxPacketBytes;
constexpr std::size_t kLookBeyondWeakBytes = 64U << 10;  // for better evidence
constexpr std::size_t kMaxDamagedRanges = 65536;         // further ones extend the last
constexpr std::size_t kRandomReadBytes = 8U << 10;
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

struct Part {
  std::filesystem::path path;
  std::uint64_t start = 0, size = 0;  // in the track
  [[nodiscard]] std::uint64_t end() const { return start + size; }
};

/// The files of a track as one, with a buffer of what was read last. Offsets are the track's.
class TrackBytes {
 public:
  TrackBytes(const std::vector<Part>& parts, FileSystem& source) : parts_(parts), source_(source) {}

  /// What the buffer holds from `offset` on; they live until the next call of at().
  [[nodiscard]] Bytes held(std::uint64_t offset) const noexcept {
    const std::uint64_t skip = offset - begin_;  // an offset before the buffer wraps to beyond it
    return skip < filled_ ? Bytes(buffer_.get() + skip, filled_ - skip) : Bytes{};
  }
  /// Bytes from `offset` on: at least `wanted` of them, unless the file that holds `offset` ends before. They
  /// live until the next call. `read_bytes`: how much to read at least when something has to be read.
  Result<Bytes> at(std::uint64_t offset, std::size_t wanted, std::size_t read_bytes) {
    const Bytes there = held(offset);
    if (!there.empty() && (there.size() >= wanted || begin_ + filled_ == part_end_)) return there;
    if (const auto done = fill(offset, wanted, read_bytes); !done) return std::unexpected(done.error());
    return Bytes(buffer_.get(), filled_);
  }

  [[nodiscard]] std::uint64_t part_end() const { return part_end_; }
  /// Where the next bytes are, when the file that is read has a hole at `offset`; its end when none follow. Else
  /// `offset`.
  [[nodiscard]] std::uint64_t past_hole(std::uint64_t offset) {
    if (!file_ || !as_stored(*file_) || offset < part_start_ || offset >= part_end_) return offset;
    if (!extents_) extents_ = std::make_unique<DataExtents>(part_path_);
    const std::uint64_t data = extents_->next_data(offset - part_start_);
    return data >= part_end_ - part_start_ ? part_end_ : part_start_ + data;
  }
  [[nodiscard]] bool all_readable() const noexcept { return unreadable_.empty(); }
  /// Some of these bytes, which at() answered, could not be read: they are zeros.
  [[nodiscard]] bool unreadable(std::uint64_t from, std::uint64_t to) const {
    if (unreadable_.empty()) return false;
    const auto next = unreadable_.lower_bound(to);
    return next != unreadable_.begin() && std::prev(next)->second > from;
  }

 private:
  Result<void> fill(std::uint64_t offset, std::size_t wanted, std::size_t read_bytes) {
    if (const auto done = open_part(offset); !done) return done;
    const std::uint64_t left = part_end_ - offset;
    // What is kept of the old bytes moves to the front; the rest is one read.
    const bool overlaps = filled_ > 0 && offset >= begin_ && offset - begin_ < filled_;
    const std::size_t kept = overlaps ? filled_ - static_cast<std::size_t>(offset - begin_) : 0;
    const std::size_t need =
        static_cast<std::size_t>(std::min<std::uint64_t>(left, std::max(wanted, kept + read_bytes)));
    if (need > capacity_) {
      auto larger = std::make_unique_for_overwrite<std::byte[]>(need);
      if (kept > 0) std::memcpy(larger.get(), buffer_.get() + filled_ - kept, kept);
      buffer_ = std::move(larger);
      capacity_ = need;
    } else if (kept > 0) {
      std::memmove(buffer_.get(), buffer_.get() + filled_ - kept, kept);
    }
    begin_ = offset;
    filled_ = kept;
    const std::span to(buffer_.get() + kept, need - kept);
    auto got = file_->pread(to, offset + kept - part_start_);
    if (!got) got = read_around_bad_sectors(to, offset + kept);
    if (!got) return std::unexpected(got.error());
    filled_ += *got;
    if (filled_ < need) part_end_ = begin_ + filled_;  // the file became shorter
    return {};
  }

  /// Reads sector by sector; what the disk does not give becomes zeros, and is noted.
  Result<std::size_t> read_around_bad_sectors(std::span<std::byte> to, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < to.size()) {
      const std::uint64_t at = offset + done, in_file = at - part_start_;
      const auto part = static_cast<std::size_t>(
          std::min<std::uint64_t>(to.size() - done, unit_end(*file_, in_file) - in_file));
      const auto got = file_->pread(to.subspan(done, part), in_file);
      if (!got && got.error().code != Errc::io) return got;
      if (!got) {
        std::ranges::fill(to.subspan(done, part), std::byte{0});
        unreadable_[at] = at + part;
      }
      done += got ? *got : part;
      if (got && *got < part) break;
    }
    return done;
  }

  /// Opens the file that holds `offset`, when it is not open already.
  Result<void> open_part(std::uint64_t offset) {
    if (file_ && offset >= part_start_ && offset < part_end_) return {};
    const auto part = std::ranges::upper_bound(parts_, offset, {}, &Part::end);
    if (part == parts_.end()) return fail(Errc::internal, "Read behind the end of a track");
    auto file = source_.open(part->path, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    file_ = std::move(*file);
    part_start_ = part->start;
    part_end_ = part->end();
    part_path_ = part->path;
    extents_.reset();
    filled_ = 0;
    return {};
  }

  const std::vector<Part>& parts_;
  FileSystem& source_;
  std::unique_ptr<File> file_;
  std::uint64_t part_start_ = 0, part_end_ = 0;
  std::filesystem::path part_path_;
  std::unique_ptr<DataExtents> extents_;  // once somebody has asked
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0, filled_ = 0;
  std::uint64_t begin_ = 0;  // of the buffer's bytes
  std::map<std::uint64_t, std::uint64_t> unreadable_;
};

class FileRecordReader final : public RecordReader {
 public:
  FileRecordReader(std::vector<Part> parts, Content content, Suspicious suspicious,
                   std::shared_ptr<FileSystem> source)
      : parts_(std::move(parts)),
        source_(std::move(source)),
        bytes_(parts_, *source_),
        random_(parts_, *source_),
        sync_(content),
        suspicious_(std::move(suspicious)) {
    rewind();
  }

  Result<std::optional<Record>> next() override {
    if (const Bytes window = bytes_.held(pos_); pos_ == followed_at_ && led_on(window))
      return take(window);
    return judge_next();
  }

  Result<Record> read_at(std::uint64_t offset) override {
    if (offset >= size())
      return fail(Errc::invalid_argument, "No record at offset " + std::to_string(offset));
    auto window = random_.at(offset, RecordHeader::kBytes, kRandomReadBytes);
    if (!window) return std::unexpected(window.error());
    if (window->size() < RecordHeader::kBytes) return no_record(offset);
    const RecordHeader header = load_record_header(window->data());
    if (header.size > kMaxPacketBytes) return no_record(offset);
    const std::size_t bytes = RecordHeader::kBytes + header.size;
    window = random_.at(offset, bytes, kRandomReadBytes);
    if (!window) return std::unexpected(window.error());
    if (window->size() < bytes || random_.unreadable(offset, offset + bytes)) return no_record(offset);
    return Record{header, offset, window->subspan(RecordHeader::kBytes, header.size)};
  }

  [[nodiscard]] FilePlace file_place(std::uint64_t offset) const override {
    if (parts_.empty()) return {};
    const auto part = std::ranges::upper_bound(parts_, offset, {}, &Part::end);
    const Part& holds = part == parts_.end() ? parts_.back() : *part;
    return {holds.path, offset - holds.start};
  }

  void rewind() override {
    part_ = 0;
    pos_ = 0;
    end_ = parts_.empty() ? 0 : parts_[0].size;
    followed_at_ = kNowhere;
    damage_.clear();
    sync_.forget();
  }

  [[nodiscard]] Place place() const override {
    Place place;
    place.offset = pos_;
    sync_.save(place);
    return place;
  }

  void go_to(const Place& place) override {
    const auto part = std::ranges::upper_bound(parts_, place.offset, {}, &Part::end);
    part_ = part == parts_.end() ? parts_.size() - 1 : static_cast<std::size_t>(part - parts_.begin());
    pos_ = place.offset;
    followed_at_ = kNowhere;
    end_ = parts_[part_].end();
    while (!damage_.empty() && damage_.back().offset >= pos_) damage_.pop_back();
    sync_.restore(place);
  }

  [[nodiscard]] const std::vector<DamagedRange>& damage() const override { return damage_; }
  [[nodiscard]] std::uint64_t size() const override { return parts_.empty() ? 0 : parts_.back().end(); }

 private:
  /// next(), with every look.
  Result<std::optional<Record>> judge_next() {
    for (;;) {
      if (pos_ >= end_ && !enter_next_part()) return std::nullopt;
      Bytes window = bytes_.held(pos_);
      if (!enough_to_judge(window)) {
        const auto read = read_to_judge();
        if (!read) return std::unexpected(read.error());
        window = *read;
      }
      const auto size = healthy_record(window);
      const auto inside = size && suspicious_ ? hidden_record(window, *size) : std::nullopt;
      if (size && !inside && !bytes_.unreadable(pos_, pos_ + RecordHeader::kBytes + *size)) {
        const Record record = take(window);
        if (window.size() >= 2 * RecordHeader::kBytes + *size) followed_at_ = pos_;
        return record;
      }
      auto record = size ? damaged_until(pos_ + inside.value_or(RecordHeader::kBytes + *size)) : judge();
      if (!record || *record) return record;
    }
  }

  bool enter_next_part() {
    while (part_ + 1 < parts_.size()) {
      ++part_;
      pos_ = parts_[part_].start;
      end_ = parts_[part_].end();
      if (pos_ < end_) return true;
    }
    return false;
  }

  /// The record at the front of `window` and the header behind it.
  [[nodiscard]] static std::size_t bytes_to_judge(Bytes window) noexcept {
    const std::size_t packet = std::min(load_record_header(window.data()).size, kMaxPacketBytes);
    return 2 * RecordHeader::kBytes + packet;
  }

  [[nodiscard]] static bool enough_to_judge(Bytes window) noexcept {
    return window.size() >= 2 * RecordHeader::kBytes && window.size() >= bytes_to_judge(window);
  }
  Result<Bytes> read_to_judge() {
    auto window = bytes_.at(pos_, 2 * RecordHeader::kBytes, kReadBytes);
    if (window && window->size() >= RecordHeader::kBytes)
      window = bytes_.at(pos_, bytes_to_judge(*window), kReadBytes);
    end_ = bytes_.part_end();
    return window;
  }

  /// Nearly all records, in short: the header at pos_ was looked at behind the record before, and another that fits
  /// follows it.
  [[nodiscard]] bool led_on(Bytes window) noexcept {
    if (window.size() < RecordHeader::kBytes || suspicious_ || !bytes_.all_readable()) return false;
    const RecordHeader header = load_record_header(window.data());
    const std::size_t bytes = RecordHeader::kBytes + header.size;
    if (window.size() < bytes + RecordHeader::kBytes) return false;
    const RecordHeader following = load_record_header(window.data() + bytes);
    if (!RecordSync::possible(following) || !RecordSync::times_fit(header.receive_time_ms, following.receive_time_ms))
      return false;
    followed_at_ = pos_ + bytes;
    const std::size_t after = bytes + RecordHeader::kBytes + following.size;
    if (after < window.size()) __builtin_prefetch(window.data() + after);
    return true;
  }

  /// The size of the packet at pos_, when the record is beyond doubt: its time fits the last one's, and
  /// another header that fits follows, or the end of the file.
  [[nodiscard]] std::optional<std::uint32_t> healthy_record(Bytes window) const noexcept {
    if (window.size() < RecordHeader::kBytes) return std::nullopt;
    const RecordHeader header = load_record_header(window.data());
    const std::size_t bytes = RecordHeader::kBytes + header.size;
    if (!RecordSync::possible(header) || bytes > window.size() || !sync_.time_fits(header.receive_time_ms))
      return std::nullopt;
    if (window.size() - bytes < RecordHeader::kBytes) {
      // The file ends here, or inside the next header. A first record must look like one.
      const bool sure =
          sync_.last_time() || sync_.looks_right(window.subspan(RecordHeader::kBytes, header.size));
      return sure ? std::optional(header.size) : std::nullopt;
    }
    const RecordHeader following = load_record_header(window.data() + bytes);
    if (!RecordSync::possible(following) ||
        !RecordSync::times_fit(header.receive_time_ms, following.receive_time_ms))
      return std::nullopt;
    const std::size_t after = bytes + RecordHeader::kBytes + following.size;
    if (after < window.size()) __builtin_prefetch(window.data() + after);
    return header.size;
  }

  /// Where records begin inside of a suspicious one.
  std::optional<std::size_t> hidden_record(Bytes window, std::uint32_t size) {
    const Bytes packet = window.subspan(RecordHeader::kBytes, size);
    if (!suspicious_({load_record_header(window.data()), pos_, packet})) return std::nullopt;
    return sync_.hidden(window.first(RecordHeader::kBytes + size));
  }

  Result<std::optional<Record>> hand_out(Bytes window) {
    const std::uint64_t end = pos_ + RecordHeader::kBytes + load_record_header(window.data()).size;
    if (bytes_.unreadable(pos_, end)) return damaged_until(end);
    return take(window);
  }

  /// The whole record at the front of `window` and of pos_.
  Record take(Bytes window) {
    const RecordHeader header = load_record_header(window.data());
    const Record record{header, pos_, window.subspan(RecordHeader::kBytes, header.size)};
    sync_.accept(record.header, record.packet);
    pos_ += RecordHeader::kBytes + header.size;
    return record;
  }

  /// Decides what is wrong at pos_: hands the record there out after all, or reports damage and moves on
  /// (nullopt).
  Result<std::optional<Record>> judge() {
    auto window = bytes_.at(pos_, RecordSync::kLookAhead, kReadBytes);
    if (!window) return std::unexpected(window.error());
    end_ = bytes_.part_end();
    if (window->size() < RecordHeader::kBytes) return damaged_until(end_);
    const RecordHeader header = load_record_header(window->data());
    const std::size_t bytes = RecordHeader::kBytes + header.size;
    if (!RecordSync::possible(header) || bytes > window->size()) return resynchronise();

    const Bytes packet = window->subspan(RecordHeader::kBytes, header.size);
    const Bytes behind = window->subspan(bytes);
    if (!sync_.time_fits(header.receive_time_ms)) {
      if (sync_.looks_right(packet) && follows(behind, header.receive_time_ms))
        return hand_out(*window);
      if (follows(behind, *sync_.last_time())) return damaged_until(pos_ + bytes);  // only the time is wrong
      return resynchronise();
    }
    // Well in itself, but what follows does not fit. When that fits without it, its time is wrong; else its
    // size is, or what follows is damaged.
    const bool outlier =
        sync_.last_time()
            ? follows(behind, *sync_.last_time()) && !follows(behind, header.receive_time_ms)
            : sync_.evidence(behind, pos_ + window->size() >= end_) != RecordSync::Evidence::none;
    if (outlier) return damaged_until(pos_ + bytes);
    if (!sync_.looks_right(packet)) return resynchronise();
    const auto found = find_sync(pos_ + 1);
    if (!found) return std::unexpected(found.error());
    if (*found < pos_ + bytes) return damaged_until(*found);
    window = bytes_.at(pos_, bytes, kReadBytes);  // the search moved the buffer
    if (!window) return std::unexpected(window.error());
    return hand_out(*window);
  }

  /// A header at the front of `behind` that fits after a record of time `time`.
  [[nodiscard]] static bool follows(Bytes behind, std::int64_t time) noexcept {
    if (behind.size() < RecordHeader::kBytes) return behind.empty();
    const RecordHeader next = load_record_header(behind.data());
    return RecordSync::possible(next) && RecordSync::times_fit(time, next.receive_time_ms);
  }

  Result<std::optional<Record>> resynchronise() {
    const auto found = find_sync(pos_ + 1);
    if (!found) return std::unexpected(found.error());
    return damaged_until(*found);
  }

  /// The first offset of this file, from `from` on, where a record surely begins; the file's end when there
  /// is none.
  Result<std::uint64_t> find_sync(std::uint64_t from) {
    std::optional<std::uint64_t> weak;
    for (std::uint64_t at = from; at < end_;) {
      // No record begins with as many zeros as a header has.
      const std::uint64_t data = bytes_.past_hole(at);
      if (data == end_) break;
      at = std::max(at, data - std::min<std::uint64_t>(data, RecordHeader::kBytes));
      if (weak && at > *weak + kLookBeyondWeakBytes) return *weak;
      auto window = bytes_.at(at, RecordSync::kLookAhead, kReadBytes + RecordSync::kLookAhead);
      if (!window) return std::unexpected(window.error());
      end_ = bytes_.part_end();
      const bool to_end = at + window->size() >= end_;
      const std::size_t usable = to_end ? window->size() : window->size() - RecordSync::kLookAhead + 1;
      for (std::size_t i = 0; i < usable; ++i) {
        if (weak && at + i > *weak + kLookBeyondWeakBytes) return *weak;
        const auto evidence = sync_.evidence(window->subspan(i), to_end);
        if (evidence == RecordSync::Evidence::strong) return at + i;
        if (evidence == RecordSync::Evidence::weak && !weak) weak = at + i;
      }
      at += usable;
    }
    return weak.value_or(end_);
  }

  /// Reports what lies between pos_ and `to` and goes there.
  Result<std::optional<Record>> damaged_until(std::uint64_t to) {
    if (to == pos_) return std::nullopt;  // the file became shorter
    bool tail = false;
    if (to == end_) {
      const auto torn = is_torn_tail();
      if (!torn) return std::unexpected(torn.error());
      tail = *torn;
    }
    const bool extends = !damage_.empty() && !damage_.back().tail && !tail &&
                         damage_.back().offset + damage_.back().length == pos_ && pos_ != parts_[part_].start;
    if (extends || damage_.size() == kMaxDamagedRanges)
      damage_.back().length = to - damage_.back().offset;
    else
      damage_.push_back({pos_, to - pos_, tail});
    pos_ = to;
    return std::nullopt;
  }

  /// What a crash leaves at the end of a file: a part of one record, or zeros where data was never written.
  Result<bool> is_torn_tail() {
    if (bytes_.unreadable(pos_, end_)) return false;
    if (end_ - pos_ < kMaxRecordBytes) {
      const auto window = bytes_.at(pos_, RecordHeader::kBytes, kReadBytes);
      if (!window) return std::unexpected(window.error());
      if (window->size() < RecordHeader::kBytes) return true;
      const RecordHeader header = load_record_header(window->data());
      if (RecordSync::possible(header) && sync_.time_fits(header.receive_time_ms)) return true;
    }
    for (std::uint64_t at = pos_; (at = bytes_.past_hole(at)) < end_;) {
      const auto window = bytes_.at(at, 1, kReadBytes);
      if (!window) return std::unexpected(window.error());
      if (!std::ranges::all_of(*window, [](std::byte b) { return b == std::byte{0}; })) return false;
      at += window->size();
    }
    return true;
  }

  [[nodiscard]] Unexpected<Error> no_record(std::uint64_t offset) const {
    return fail(Errc::malformed,
                parts_.front().path.string() + " holds no whole record at offset " + std::to_string(offset));
  }

  std::vector<Part> parts_;
  const std::shared_ptr<FileSystem> source_;
  TrackBytes bytes_, random_;
  RecordSync sync_;
  Suspicious suspicious_;
  std::size_t part_ = 0;
  std::uint64_t pos_ = 0, end_ = 0;  // next record, and end of its file, as offsets of the track
  std::uint64_t followed_at_ = kNowhere;  // where a header fits behind the record that was handed out last
  std::vector<DamagedRange> damage_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> RecordReader::open(std::vector<std::filesystem::path> files,
                                                         Content content, Suspicious suspicious,
                                                         std::shared_ptr<FileSystem> source) {
  if (!source) source = sealed::reading_files({});
  std::vector<Part> parts;
  std::uint64_t start = 0;
  for (std::filesystem::path& path : files) {
    const auto file = source->open(path, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    parts.push_back({std::move(path), start, *size});
    start += *size;
  }
  return std::make_unique<FileRecordReader>(std::move(parts), content, std::move(suspicious), std::move(source));
}

}  // namespace rtpx
