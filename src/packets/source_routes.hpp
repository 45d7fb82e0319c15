#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include "packets/recording.hpp"
#include "repair/repairer.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Which simulcast layer (rid index) the packets of a source belong to, where the recording has them under
/// another one: the packets themselves say so (RFC 8852).
class SourceRoutes {
 public:
  [[nodiscard]] std::uint8_t rid_of(std::uint8_t recorded, std::uint32_t ssrc) const noexcept {
    if (rids_.empty()) return recorded;
    const auto found = rids_.find(ssrc);
    return found == rids_.end() ? recorded : found->second;
  }
  void add(std::uint32_t ssrc, std::uint8_t rid) { rids_[ssrc] = rid; }
  [[nodiscard]] std::size_t size() const noexcept { return rids_.size(); }
  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(rids_, guessed);
  }
  bool guessed = false;  ///< from the order in which sources came, since none says its rid

 private:
  std::map<std::uint32_t, std::uint8_t> rids_;
};

/// Watches whether sources are recorded under the rid that they say, in the first pass over a track.
class RidWatch {
 public:
  explicit RidWatch(const ManifestTrack& track);

  /// Without two rids there is nothing to watch.
  [[nodiscard]] bool watches() const noexcept { return rids_.size() > 1; }
  void push(std::uint8_t recorded, const RtpPacket& packet, PayloadRole role, std::int64_t receive_ms);
  /// Whether a source says another rid than it is recorded under, or sources that sent at once share one
  /// while another rid has none.
  [[nodiscard]] bool contradicts() const;
  /// The right places. `files` are read once more where a source of retransmissions does not say its rid:
  /// then it belongs to the media source whose numbers and times it repeats. Errors: io, cancelled.
  [[nodiscard]] Result<SourceRoutes> routes(const TrackFiles& files, const PayloadTypes& types,
                                            const std::stop_token& stop) const;

 private:
  struct Source {
    std::uint32_t ssrc = 0;
    std::uint8_t recorded = 0;
    std::optional<std::uint8_t> told;
    bool media = false;
    std::uint64_t packets = 0;
    std::int64_t first_ms = 0, last_ms = 0;
  };
  [[nodiscard]] Source& source_of(std::uint8_t recorded, std::uint32_t ssrc, bool media,
                                  std::int64_t receive_ms);
  [[nodiscard]] std::vector<const Source*> media_sources() const;
  [[nodiscard]] bool shares_a_rid() const;
  void place_media(SourceRoutes& routes, std::map<std::uint32_t, std::uint8_t>& rids) const;

  std::map<std::string, std::uint8_t, std::less<>>
      rids_;  // those with names; fewer than two: nothing to watch
  std::optional<std::uint8_t> rid_id_, repaired_rid_id_;  // of the header extensions
  std::vector<Source> sources_;                           // as they came
  std::size_t last_ = 0;
};

}  // namespace rtpx
