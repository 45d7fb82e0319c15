#pragma once

#include <memory>
#include <vector>

#include "mux/mp4_header.hpp"
#include "mux/mp4_muxer.hpp"
#include "mux/mp4_track.hpp"
#include "mux/presentation_end.hpp"

namespace rtpx {

/// MP4 with its index in front: the media are written as they come, and moved once to make room for the
/// header, which is known at the end. Memory: 16 bytes a sample, and the header while it is made.
class Mp4Writer final : public Mp4Muxer {
 public:
  Mp4Writer(std::unique_ptr<PublishedFile> out, const MuxHints& hints) : Mp4Muxer(std::move(out), hints) {}
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  struct Entry {
    std::int64_t time = 0;  // of presentation
    std::uint32_t size = 0;
    bool sync = false;
  };
  struct Chunk {
    std::uint64_t offset = 0;
    std::uint32_t samples = 0;
  };
  struct Track {
    Mp4Track header;
    std::vector<Entry> samples;
    std::vector<Chunk> chunks;
    PresentationEnd end;
  };
  /// When each sample is decoded, and when the last one ends.
  struct Decoding {
    std::vector<std::int64_t> times;
    std::int64_t end = 0;
  };

  Result<void> set_up(const std::vector<OutputTrack>& tracks) override;
  [[nodiscard]] Decoding decoding_of(Track& track) const;
  [[nodiscard]] Mp4Boxes header(std::uint64_t moved_by, const std::vector<Decoding>& decoding) const;
  static void write_tables(Mp4Boxes& out, const Track& track, const Decoding& decoding,
                           std::uint64_t moved_by);

  std::uint32_t timescale_ = 0;
  std::vector<Track> tracks_;
  std::size_t last_track_ = SIZE_MAX;
  std::uint64_t media_at_ = 0;  // of the free box before mdat
  std::vector<std::byte> joined_;
};

}  // namespace rtpx
