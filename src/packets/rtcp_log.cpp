#include "packets/rtcp_log.hpp"

#include <algorithm>
#include <utility>

#include "rtp/rtcp.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

RtcpLog::RtcpLog(const Recording& recording, std::optional<std::string> participant)
    : participant_(std::move(participant)) {
  read_on(recording);
}

void RtcpLog::read_on(const Recording& recording) {
  for (const TrackFiles& track : recording.tracks)
    if (track.track.participant == participant_) {
      if (const auto done = read(track); !done)
        read_errors_[track.track_id] = done.error().message;
      else
        read_errors_.erase(track.track_id);
    }
  for (auto& [ssrc, reports] : reports_) {
    // One that is sent again, at once or later, tells nothing new: the first counts.
    const auto told = [](const ReportArrival& r) { return std::pair(r.ntp_ns, r.rtp_timestamp); };
    std::ranges::sort(reports, {}, [&](const ReportArrival& r) { return std::pair(told(r), r.receive_ms); });
    const auto repeats = std::ranges::unique(reports, {}, told);
    reports.erase(repeats.begin(), repeats.end());
    std::ranges::stable_sort(reports, {}, &ReportArrival::receive_ms);
  }
}

Result<void> RtcpLog::read(const TrackFiles& track) {
  if (track.rtcp.empty()) return {};
  auto reader = RecordReader::open(track.rtcp, RecordReader::Content::rtcp, {}, track.source);
  if (!reader) return std::unexpected(reader.error());
  if (const auto known = places_.find(track.track_id); known != places_.end()) (*reader)->go_to(known->second);
  while (true) {
    places_[track.track_id] = (*reader)->place();
    const auto record = (*reader)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return {};
    const RtcpSummary summary = parse_rtcp((*record)->packet);
    for (const SenderReport& report : summary.sender_reports)
      reports_[report.ssrc].push_back(
          {(*record)->header.receive_time_ms, ntp_to_ns(report.ntp), report.rtp_timestamp});
    for (const SourceName& name : summary.names) names_[name.ssrc] = name.cname;
  }
}

std::string RtcpLog::read_error(const std::string& track_id) const {
  const auto found = read_errors_.find(track_id);
  return found == read_errors_.end() ? std::string() : found->second;
}

std::string RtcpLog::cname(std::uint32_t ssrc) const {
  const auto found = names_.find(ssrc);
  return found == names_.end() ? std::string() : found->second;
}

}  // namespace rtpx
