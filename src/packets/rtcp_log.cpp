#include "packets/rtcp_log.hpp"

#include <algorithm>
#include <utility>

#include "rtp/rtcp.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

RtcpLog::RtcpLog(const Recording& recording) {
  for (const TrackFiles& track : recording.tracks)
    if (!track.rtcp.empty()) read(track.rtcp);
  for (auto& [ssrc, reports] : reports_) {
    // One that is sent again, at once or later, tells nothing new: the first counts.
    const auto told = [](const ReportArrival& r) { return std::pair(r.ntp_ns, r.rtp_timestamp); };
    std::ranges::sort(reports, {}, [&](const ReportArrival& r) { return std::pair(told(r), r.receive_ms); });
    const auto repeats = std::ranges::unique(reports, {}, told);
    reports.erase(repeats.begin(), repeats.end());
    std::ranges::stable_sort(reports, {}, &ReportArrival::receive_ms);
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
