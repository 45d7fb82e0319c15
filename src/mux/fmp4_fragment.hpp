#pragma once

#include <cstdint>
#include <vector>

#include "mux/byte_sink.hpp"

namespace rtpx {

/// Samples of one track that wait for their fragment, in decoding order. Times in the file's units.
class Fmp4Samples {
 public:
  explicit Fmp4Samples(bool video) : video_(video) {}

  /// `flags`: as a trun has them.
  void add(std::int64_t time, std::uint32_t flags, Bytes data);
  [[nodiscard]] std::size_t size() const noexcept { return samples_.size(); }
  [[nodiscard]] std::int64_t time(std::size_t at) const { return samples_[at].time; }
  [[nodiscard]] std::size_t bytes() const noexcept { return data_.size(); }
  /// Of the first `limit` samples as many as are all shown before the rest.
  [[nodiscard]] std::size_t shown_before_rest(std::size_t limit) const;

  /// The first `count` samples with their decode times, durations and composition offsets. The first decode
  /// time is that of the first picture shown, and the durations reach to the picture that is shown next.
  struct Run {
    std::int64_t decode_time = 0;  ///< of the first
    std::int64_t first_shown = 0;
    struct Sample {
      std::uint32_t duration = 0, size = 0, flags = 0;
      std::int32_t offset = 0;
    };
    std::vector<Sample> samples;
    bool reordered = false;  ///< some offset is not 0
    std::size_t bytes = 0;
  };
  /// `end`: when the last one ends, where none is behind it.
  [[nodiscard]] Run run(std::size_t count, std::int64_t end) const;
  [[nodiscard]] Bytes data(const Run& run) const { return Bytes(data_).first(run.bytes); }
  void drop(const Run& run);

 private:
  struct Sample {
    std::int64_t time = 0;
    std::uint32_t size = 0, flags = 0;
  };
  [[nodiscard]] unsigned reorder_depth(std::size_t count) const;

  bool video_;
  std::vector<Sample> samples_;
  std::vector<std::byte> data_;
  std::int64_t next_decode_time_ = 0;  // not before it
};

/// One track's part of a fragment.
struct Fmp4Part {
  std::uint32_t track_id = 0;
  const Fmp4Samples* samples = nullptr;
  Fmp4Samples::Run run;
};

/// Appends a movie fragment (ISO/IEC 14496-12 section 8.8.4) and its media: a moof and an mdat. What a
/// segment for the network is, too. Errors: those of the sink.
[[nodiscard]] Result<void> write_fragment(ByteSink& out, std::uint32_t number,
                                          const std::vector<Fmp4Part>& parts);

inline constexpr std::uint32_t kSyncSample = 0x02000000, kDependentSample = 0x01010000,
                               kDisposableSample = 0x00800000;

}  // namespace rtpx
