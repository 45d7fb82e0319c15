#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "mux/ebml.hpp"
#include "mux/matroska_tracks.hpp"
#include "mux/muxer.hpp"
#include "mux/presentation_end.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// Writes Matroska (RFC 9559) or WebM in one pass: header, room for the cues, clusters of known size, and at
/// the end the cues into their room, the largest picture sizes, the duration and the segment's size. A sample
/// waits until its track's next one has come, half a second at most: a block before a hole says its duration.
/// Memory: one output buffer, what waits, and 16 bytes for each cue, of which there are at most two a second
/// for each video track.
class MatroskaWriter final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(Format format, const std::filesystem::path& path,
                                                           const std::vector<OutputTrack>& tracks,
                                                           const MuxHints& hints, FileSystem& files);
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  /// A sample that waits for the next one of its track.
  struct Waiting {
    Sample sample;
    std::vector<std::byte> data;
    std::optional<std::int64_t> next_ns;
  };
  struct Track : MatroskaTrack {
    OutputTrack output;  // with the largest picture so far
    bool grew = false;
    PresentationEnd end;
    Waiting* waiting = nullptr;          // its last sample
    std::uint64_t open_duration_at = 0;  // of the value of its last block, whose next was not known; 0: none
    std::int64_t open_since_ns = 0;      // the time of that block
    std::int64_t last_cue_ms = INT64_MIN / 2;
  };
  struct Cue {
    std::int64_t time_ms;
    std::uint64_t packed;  // cluster position << 8 | track number
  };

  [[nodiscard]] Result<ebml::Writer> track_list();
  Result<void> write_head(Format format, const std::vector<OutputTrack>& tracks, const MuxHints& hints);
  [[nodiscard]] std::uint64_t room_for_cues(const MuxHints& hints) const;
  Result<void> begin_cluster(std::int64_t time_ms);
  void end_cluster();
  [[nodiscard]] bool needs_cluster(const Sample& sample, std::int64_t time_ms, std::size_t size) const;
  void note_cue(const Sample& sample, std::int64_t time_ms);
  [[nodiscard]] std::int64_t end_ns() const;
  Result<void> hold(const Sample& sample, Bytes prefix);
  Result<void> write_ready(std::int64_t now_ns);
  Result<void> write_waiting(const Waiting& next);
  Result<void> write_block(const Sample& sample, std::optional<std::int64_t> duration_ns);
  [[nodiscard]] std::optional<std::int64_t> told_duration(const Waiting& waiting) const;
  Result<void> close_duration(Track& track, std::int64_t next_ns);
  Result<void> write_cues();
  Result<void> patch_seek(std::uint64_t cues_at);
  Result<void> write_chapters();

  std::unique_ptr<PublishedFile> out_;
  std::vector<Track> tracks_;
  bool has_video_ = false;
  std::uint64_t segment_at_ = 0;   // of the segment's data
  std::uint64_t duration_at_ = 0;  // of the Duration element's value
  std::uint64_t cue_seek_at_ = 0;  // of the Seek element that names the Cues
  std::vector<Chapter> chapters_;
  std::uint64_t chapter_seek_at_ = 0;  // of the one that names them
  std::uint64_t tracks_at_ = 0, cues_at_ = 0, cues_room_ = 0;

  bool in_cluster_ = false;
  std::uint64_t cluster_at_ = 0;
  std::int64_t cluster_ms_ = 0;
  bool cluster_has_blocks_ = false;
  std::vector<Cue> cues_;

  std::list<Waiting> waiting_, spare_;  // the latter are written: their memory is used again
  std::size_t waiting_bytes_ = 0;
};

}  // namespace rtpx
