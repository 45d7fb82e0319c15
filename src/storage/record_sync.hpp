#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "storage/record_format.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

/// Tells records from damage by what they look like: sizes, RTP/RTCP version, receive times that go together.
/// Judges only; RecordReader moves. docs/record-file-format.md, "Reading damaged files".
class RecordSync {
 public:
  explicit RecordSync(RecordReader::Content content) : content_(content) {}

  /// What a reader must have in memory behind an offset for judging it, unless the file ends before.
  static constexpr std::size_t kLookAhead = 4 * (RecordHeader::kBytes + std::size_t{kMaxPacketBytes}) + 16;

  /// True when receive times `from` and then `to` can follow each other in one track.
  [[nodiscard]] static bool times_fit(std::int64_t from, std::int64_t to) noexcept {
    // unsigned: the difference of any two times, also damaged ones, without overflow
    const std::uint64_t later =
        static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from) + kMaxBackMs;
    return later <= kMaxBackMs + kMaxAheadMs;
  }

  /// A header that can be one. All zero is none: what a file system leaves in place of data that it lost.
  [[nodiscard]] static bool possible(const RecordHeader& header) noexcept {
    return header.size <= kMaxPacketBytes &&
           (header.size != 0 || header.receive_time_ms != 0 || header.rid_index != 0);
  }

  /// A packet that begins like RTP or RTCP, as the file should hold.
  [[nodiscard]] bool looks_right(Bytes packet) const noexcept;

  /// Learns from a record that was handed out.
  void accept(const RecordHeader& header, Bytes packet) noexcept {
    last_time_ = header.receive_time_ms;
    if (packet.size() < 12) return;
    const auto ssrc = ssrc_of(packet);
    for (std::size_t i = 0; i < known_ssrcs_; ++i)
      if (ssrcs_[i] == ssrc) return;
    ssrcs_[next_ssrc_++ % ssrcs_.size()] = ssrc;
    known_ssrcs_ = std::min(known_ssrcs_ + 1, ssrcs_.size());
  }
  [[nodiscard]] std::optional<std::int64_t> last_time() const noexcept { return last_time_; }
  [[nodiscard]] bool time_fits(std::int64_t time) const noexcept {
    return !last_time_ || times_fit(*last_time_, time);
  }
  void forget() noexcept { last_time_.reset(), known_ssrcs_ = 0; }
  /// What was learned, into and out of a reader's place.
  void save(RecordReader::Place& place) const noexcept {
    place.last_time = last_time_;
    place.ssrcs = ssrcs_;
    place.known_ssrcs = known_ssrcs_;
    place.next_ssrc = next_ssrc_;
  }
  void restore(const RecordReader::Place& place) noexcept {
    last_time_ = place.last_time;
    ssrcs_ = place.ssrcs;
    known_ssrcs_ = place.known_ssrcs;
    next_ssrc_ = place.next_ssrc;
  }

  enum class Evidence : std::uint8_t {
    none,
    weak,    ///< several records follow each other, at another time than the last record
    strong,  ///< fits what came before as well
  };
  /// How sure it is that a record begins at the front of `bytes`. `to_end`: `bytes` reach the end of the
  /// file.
  [[nodiscard]] Evidence evidence(Bytes bytes, bool to_end) const noexcept;
  /// Where inside of one record others begin that follow each other exactly to its end and fit what came
  /// before.
  [[nodiscard]] std::optional<std::size_t> hidden(Bytes record) const noexcept;

 private:
  static constexpr std::uint64_t kMaxBackMs = 3'600'000;               // an hour: imports may be unordered
  static constexpr std::uint64_t kMaxAheadMs = 30ULL * 86'400'000ULL;  // 30 days of silence

  [[nodiscard]] std::uint32_t ssrc_of(Bytes packet) const noexcept {
    return load_be<std::uint32_t>(packet.data() + (content_ == RecordReader::Content::rtp ? 8 : 4));
  }
  [[nodiscard]] bool known_source(Bytes packet) const noexcept;
  [[nodiscard]] bool chain(Bytes bytes, bool to_end, int length) const noexcept;

  RecordReader::Content content_;
  std::optional<std::int64_t> last_time_;
  std::array<std::uint32_t, 8> ssrcs_{};  // seen lately: simulcast layers, their RTX
  std::size_t known_ssrcs_ = 0, next_ssrc_ = 0;
};

}  // namespace rtpx
