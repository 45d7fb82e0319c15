#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "packets/recording.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

/// A sender report as it arrived.
struct ReportArrival {
  std::int64_t receive_ms = 0;
  std::int64_t ntp_ns = 0;  ///< since 1900
  std::uint32_t rtp_timestamp = 0;
};

/// An RTP time of a source, and when a packet with it arrived.
struct RtpTimeSeen {
  std::int64_t receive_ms = 0;
  std::uint32_t rtp_timestamp = 0;
};

/// What all RTCP of one participant says of its sources. A source's reports may have been stored beside
/// another track of the same transport.
class RtcpLog {
 public:
  /// Of the tracks of `participant`, nullopt: of those without one. Files are read as far as they can be: RTCP is a
  /// help, not a need.
  RtcpLog(const Recording& recording, std::optional<std::string> participant);
  /// Reads what was written to the same files since.
  void read_on(const Recording& recording);

  /// Why the RTCP of a track could not be read to its end; empty: it could.
  [[nodiscard]] std::string read_error(const std::string& track_id) const;
  /// Why nothing can be told of it now; nullopt: something can.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }

  /// By arrival, repeated ones left out. It stays where it is; what read_on() finds comes behind what is there.
  [[nodiscard]] const std::vector<ReportArrival>& reports(std::uint32_t ssrc) const { return reports_[ssrc]; }
  [[nodiscard]] std::string cname(std::uint32_t ssrc) const;
  /// The source whose reports told these RTP times (by arrival) when they were seen; nullopt: none, or more than one.
  [[nodiscard]] std::optional<std::uint32_t> source_like(std::span<const RtpTimeSeen> seen,
                                                         std::uint32_t clock_rate) const;

 private:
  using Reports = std::map<std::uint32_t, std::vector<ReportArrival>>;  // by SSRC
  [[nodiscard]] Result<void> read(const TrackFiles& track, Reports& found);

  const std::optional<std::string> participant_;
  std::optional<Error> failure_;
  std::map<std::string, std::string> read_errors_;           // by track
  std::map<std::string, RecordReader::Place> places_;        // by track: behind its last whole record
  mutable Reports reports_;
  std::map<std::uint32_t, std::string> names_;
};

/// The logs of a recording's participants, each read when it is asked for first. SSRCs and names of two of
/// them may be the same.
class RtcpLogs {
 public:
  /// `recording`: outlives the calls of of() until another one is named.
  explicit RtcpLogs(const Recording& recording) : recording_(&recording) {}
  [[nodiscard]] const RtcpLog& of(const ManifestTrack& track) {
    return logs_.try_emplace(track.participant, *recording_, track.participant).first->second;
  }
  /// The same recording, which has grown, from now on.
  void read_on(const Recording& recording) {
    recording_ = &recording;
    for (auto& [participant, log] : logs_) log.read_on(recording);
  }

 private:
  const Recording* recording_;
  std::map<std::optional<std::string>, RtcpLog> logs_;
};

}  // namespace rtpx
