#include "packets/rtcp_log.hpp"

#include <algorithm>

#include "rtp/rtcp.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

RtcpLog::RtcpLog(const Recording& recording) {
  for (const TrackFiles& track : recording.tracks)
    if (!track.rtcp.empty()) read(track.rtcp);
  for (auto& [ssrc, reports] : reports_) {
    std::ranges::stable_sort(reports, {}, &ReportArrival::receive_ms);
    const auto repeated = [](const ReportArrival& a, const ReportArrival& b) {
      return a.ntp_ns == b.ntp_ns && a.rtp_timestamp == b.rtp_timestamp;
    };
    reports.erase(std::unique(reports.begin(), reports.end(), repeated), reports.end());
  }
}

void RtcpLog::read(const std::vector<std::filesystem::path>& files) {
  auto reader = RecordReader::open(files, RecordReader::Content::rtcp);
  if (!reader) return;
  while (true) {
    const auto record = (*reader)->next();
    if (!record || !*record) return;
    const RtcpSummary summary = parse_rtcp((*record)->packet);
    for (const SenderReport& report : summary.sender_reports)
      reports_[report.ssrc].push_back(
          {(*record)->header.receive_time_ms, ntp_to_ns(report.ntp), report.rtp_timestamp});
    for (const SourceName& name : summary.names) names_[name.ssrc] = name.cname;
  }
}

std::span<const ReportArrival> RtcpLog::reports(std::uint32_t ssrc) const {
  const auto found = reports_.find(ssrc);
  if (found == reports_.end()) return {};
  return found->second;
}

std::string RtcpLog::cname(std::uint32_t ssrc) const {
  const auto found = names_.find(ssrc);
  return found == names_.end() ? std::string() : found->second;
}

}  // namespace rtpx
