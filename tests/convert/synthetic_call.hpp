#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace rtpx::test {

/// What the way from the sender does to packets.
struct Impairment {
  double loss = 0;  ///< share of packets
  double duplicate = 0;
  double reorder = 0;  ///< share of packets that come late
  int most_late_ms = 0;
  int jitter_ms = 0;
  int source_changes = 0;     ///< SSRC, numbers and times start anew in mid-call
  bool keep_ssrc = false;     ///< … with the same SSRC
  bool keep_numbers = false;  ///< … and the numbers and times of the beginning
  double rtx = 0;             ///< share of the lost pictures' packets that come as retransmissions (RFC 4588)
  int latest_rtx_ms = 1;
  bool metadata =
      false;  ///< packets of an unknown payload type with a number that stands, from the same source
};

/// A call of small VP8 pictures and Opus packets, each of which says when it was made, recorded under an
/// impairment.
class SyntheticCall {
 public:
  SyntheticCall(const std::filesystem::path& folder, std::uint32_t seed, const Impairment& impairment,
                int seconds = 20);

  /// Times in ms when those pictures were made whose packets all arrived, from the first keyframe that did.
  [[nodiscard]] const std::set<int>& whole_pictures() const { return whole_pictures_; }
  [[nodiscard]] const std::set<int>& audio_packets() const { return audio_packets_; }

 private:
  std::set<int> whole_pictures_, audio_packets_;
};

/// Time of making that a written picture or audio packet carries.
[[nodiscard]] int made_ms(const std::vector<unsigned char>& frame, bool video);

}  // namespace rtpx::test
