#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mux/fmp4_fragment.hpp"
#include "mux/mp4_header.hpp"
#include "mux/mp4_muxer.hpp"
#include "mux/mp4_track.hpp"
#include "mux/presentation_end.hpp"

namespace rtpx {

/// MP4 of fragments: a header, an index of the fragments (sidx) in the room that the hints announce, and a
/// fragment at keyframes of the first picture and at least every five seconds or so. Each fragment's decode
/// times are true, for players that are fed fragments and ignore edit lists. A track's last sample waits for
/// the next one, which tells how long it lasts. At the end the header is written again with the length
/// (mehd) and the largest picture sizes, and behind the last fragment stands where those with a keyframe lie
/// (mfra). Memory: some seconds of media, and 40 bytes a fragment.
class Fmp4Writer final : public Mp4Muxer {
 public:
  Fmp4Writer(std::unique_ptr<PublishedFile> out, const MuxHints& hints) : Mp4Muxer(std::move(out), hints) {}
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  struct Track {
    Mp4Track header;
    Fmp4Samples samples;
    PresentationEnd end;
  };
  /// One entry of the sidx.
  struct Indexed {
    std::uint64_t offset = 0;
    std::int64_t first_shown = 0;
    bool sync = false;  // begins with a keyframe
  };

  /// One entry of the tfra.
  struct Entrance {
    std::uint64_t offset = 0;
    std::int64_t time = 0;   // of its first sample, as shown
    std::uint32_t part = 0;  // of the fragment, from 1
  };

  Result<void> set_up(const std::vector<OutputTrack>& tracks) override;
  [[nodiscard]] Mp4Boxes header() const;
  [[nodiscard]] std::int64_t end_of(const Track& track) const;
  [[nodiscard]] bool cut_is_due(std::int64_t now_ns) const;
  Result<void> write_fragment(bool last);
  void note_fragment(std::uint64_t offset, const std::vector<Fmp4Part>& parts);
  Result<void> write_index();
  Result<void> write_entrances();

  std::uint32_t timescale_ = 0, fragments_ = 0;
  std::vector<Track> tracks_;
  std::size_t primary_ = 0;              // whose keyframes begin fragments
  std::optional<std::int64_t> cut_ns_;   // where the next fragment is to begin
  std::size_t cut_at_ = 0;               // in the primary track's samples
  std::int64_t fragment_since_ns_ = -1;  // the time of what waits, about
  std::uint64_t index_at_ = 0;
  std::size_t index_room_ = 0;  // entries
  std::vector<Indexed> index_;
  std::vector<Entrance> entrances_;
  std::vector<std::byte> joined_;
};

}  // namespace rtpx
