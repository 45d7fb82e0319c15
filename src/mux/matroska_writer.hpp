#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mux/ebml.hpp"
#include "mux/matroska_tracks.hpp"
#include "mux/muxer.hpp"
#include "mux/presentation_end.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// Writes Matroska (RFC 9559) or WebM in one pass: header, room for the cues, clusters of known size, and at
/// the end the cues into their room, the duration and the segment's size. Memory: one output buffer and 16
/// bytes for each cue, of which there are at most two a second for each video track.
class MatroskaWriter final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(Format format, const std::filesystem::path& path,
                                                           const std::vector<OutputTrack>& tracks,
                                                           const MuxHints& hints, FileSystem& files);
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  struct Track : MatroskaTrack {
    PresentationEnd end;
    std::int64_t last_cue_ms = INT64_MIN / 2;
  };
  struct Cue {
    std::int64_t time_ms;
    std::uint64_t packed;  // cluster position << 8 | track number
  };

  Result<void> write_head(Format format, const std::vector<OutputTrack>& tracks, const MuxHints& hints);
  [[nodiscard]] std::uint64_t room_for_cues(const MuxHints& hints) const;
  Result<void> begin_cluster(std::int64_t time_ms);
  void end_cluster();
  [[nodiscard]] bool needs_cluster(const Sample& sample, std::int64_t time_ms, std::size_t size) const;
  void note_cue(const Sample& sample, std::int64_t time_ms);
  [[nodiscard]] std::int64_t end_ns() const;
  Result<void> write_block(const Sample& sample, Bytes prefix, Bytes data);
  Result<void> write_cues();
  Result<void> patch_seek(std::uint64_t cues_at);

  std::unique_ptr<PublishedFile> out_;
  std::vector<Track> tracks_;
  bool has_video_ = false;
  std::uint64_t segment_at_ = 0;   // of the segment's data
  std::uint64_t duration_at_ = 0;  // of the Duration element's value
  std::uint64_t cue_seek_at_ = 0;  // of the Seek element that names the Cues
  std::uint64_t cues_at_ = 0, cues_room_ = 0;

  bool in_cluster_ = false;
  std::uint64_t cluster_at_ = 0;
  std::int64_t cluster_ms_ = 0;
  bool cluster_has_blocks_ = false;
  std::vector<Cue> cues_;
};

}  // namespace rtpx
