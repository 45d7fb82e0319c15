#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "convert/recording_copy.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx::test {

/// A recording of a browser whose packets may be changed as a whole, into recordings of calls that went
/// otherwise. The RTP time stands behind each Opus packet, so that no two that sound alike are the same.
class Twin {
 public:
  explicit Twin(const std::filesystem::path& recording);

  /// Only what arrived from `from_ms` until `to_ms` since the first packet is left, of RTP and RTCP.
  void cut(std::int64_t from_ms, std::int64_t to_ms);
  /// At `at_ms` every source goes on with the number and the time of its very first packet, as a sender with fixed
  /// offsets that is started anew. RTX and sender reports follow.
  void begin_anew(std::int64_t at_ms);
  /// The first packet of each source of pictures is lost and comes 60 ms later as RTX (RFC 4588). False where no RTX
  /// was negotiated.
  bool first_by_rtx();
  /// No packet of a source of pictures comes but as RTX, 60 ms late. False where no RTX was negotiated.
  bool only_by_rtx();
  void without_reports();
  [[nodiscard]] const std::filesystem::path& path() const { return copy_.path(); }
  [[nodiscard]] std::int64_t length_ms() const { return end_ms_ - begin_ms_; }

  /// When the packets of a frame arrived, since the first packet of all.
  struct Arrivals {
    std::int64_t first_ms = 0, last_ms = 0;
  };
  /// Of the frames that were sent in one layer, in the order in which they were sent: one for each RTP time. With
  /// RTX, but without what FEC gives back.
  [[nodiscard]] std::vector<Arrivals> frames(MediaKind kind, const std::string& rid) const;

 private:
  struct Types {  ///< of one track
    std::map<std::uint8_t, std::uint8_t> rtx;  ///< to what they repair
    std::vector<bool> media;                   ///< by payload type
  };
  [[nodiscard]] static Types types_of(const ManifestTrack& track);
  void tell_sounds_apart();
  static void make_rtx(std::string& record, std::uint8_t type, std::uint16_t number);

  RecordingCopy copy_;
  Manifest manifest_;
  std::int64_t begin_ms_ = INT64_MAX, end_ms_ = 0;
};

}  // namespace rtpx::test
