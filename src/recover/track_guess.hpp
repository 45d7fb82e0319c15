#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

/// Finds out from a track's packets what its manifest entry would have said: kind, codecs, rid indexes.
class TrackGuess {
 public:
  TrackGuess();
  ~TrackGuess();
  TrackGuess(TrackGuess&&) noexcept;

  void rtp(const Record& record);
  void rtcp(const Record& record);

  /// Sets kind, codec, codecs and rid_map as far as the packets tell; the rest is left alone.
  void fill(ManifestTrack& track) const;
  /// The sender's CNAME (RFC 3550 section 6.5.1), the same for all tracks of one participant; empty: unknown.
  [[nodiscard]] const std::string& cname() const noexcept { return cname_; }

 private:
  struct PayloadType;
  [[nodiscard]] const PayloadType* media() const;

  std::map<std::uint8_t, std::unique_ptr<PayloadType>> types_;
  bool rids_[256] = {};
  std::map<std::uint32_t, std::uint16_t> newest_;  // sequence numbers by SSRC: what RTX packets refer to
  std::string cname_;
};

}  // namespace rtpx
