#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "storage/record_format.hpp"

namespace rtpx {

/// Follows the records in a stream of bytes that this process wrote, cut anywhere, so that the writer knows
/// where records begin and how many are whole.
class RecordWalker {
 public:
  /// Called as started(position of the header, its receive time) once a header is complete.
  template <typename Started>
  void feed(Bytes bytes, Started&& started) noexcept {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    while (left > 0) {
      if (have_ < RecordHeader::kBytes) {
        const std::size_t take = std::min(left, RecordHeader::kBytes - have_);
        std::memcpy(header_ + have_, at, take);
        have_ += take;
        at += take;
        left -= take;
        position_ += take;
        if (have_ < RecordHeader::kBytes) return;
        const RecordHeader header = load_record_header(header_);
        body_left_ = header.size;
        started(position_ - RecordHeader::kBytes, header.receive_time_ms);
      }
      const std::size_t take = std::min<std::size_t>(left, body_left_);
      at += take;
      left -= take;
      position_ += take;
      body_left_ -= static_cast<std::uint32_t>(take);
      if (body_left_ > 0) return;
      have_ = 0;
      boundary_ = position_;
      ++whole_;
    }
  }

  /// Starts again as if `position` bytes with `whole` records had been fed and a record had just ended.
  void reset(std::uint64_t position, std::uint64_t whole) noexcept { *this = RecordWalker(position, whole); }

  RecordWalker() = default;
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// Where the last whole record ended.
  [[nodiscard]] std::uint64_t boundary() const noexcept { return boundary_; }
  [[nodiscard]] std::uint64_t whole() const noexcept { return whole_; }  ///< records that ended so far
  /// A part of a header has been fed.
  [[nodiscard]] bool in_header() const noexcept { return have_ > 0 && have_ < RecordHeader::kBytes; }
  [[nodiscard]] bool at_boundary() const noexcept { return boundary_ == position_; }
  /// Bytes to the end of the current record as far as is known: ask again after feeding them. 0 at a
  /// boundary.
  [[nodiscard]] std::uint64_t to_boundary() const noexcept {
    if (at_boundary()) return 0;
    return have_ < RecordHeader::kBytes ? RecordHeader::kBytes - have_ : body_left_;
  }

 private:
  RecordWalker(std::uint64_t position, std::uint64_t whole)
      : position_(position), boundary_(position), whole_(whole) {}

  std::byte header_[RecordHeader::kBytes];
  std::size_t have_ = 0;         // bytes of the current header
  std::uint32_t body_left_ = 0;  // bytes of the current packet still to come
  std::uint64_t position_ = 0, boundary_ = 0, whole_ = 0;
};

}  // namespace rtpx
