#include "packets/rtcp_log.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/remote_file.hpp"
#include "rtp/rtcp.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kReportReachMs = 10'000;  // from a report to a packet that is compared with it
constexpr std::int64_t kReportApartMs = 2'000;   // that a packet may have been under way longer than the report

/// Whether the packet that was seen next to the report has the RTP time that the report lets expect; nullopt: none was
/// seen near it.
std::optional<bool> agrees(const ReportArrival& report, std::span<const RtpTimeSeen> seen, std::uint32_t clock_rate) {
  auto near = std::ranges::lower_bound(seen, report.receive_ms, {}, &RtpTimeSeen::receive_ms);
  if (near == seen.end()) --near;
  const std::int64_t later_ms = near->receive_ms - report.receive_ms;
  if (std::abs(later_ms) > kReportReachMs) return std::nullopt;
  const std::int64_t ticks = static_cast<std::int32_t>(near->rtp_timestamp - report.rtp_timestamp);
  return std::abs(ticks * 1000 / clock_rate - later_ms) <= kReportApartMs;
}

}  // namespace

RtcpLog::RtcpLog(const Recording& recording, std::optional<std::string> participant)
    : participant_(std::move(participant)) {
  read_on(recording);
}

void RtcpLog::read_on(const Recording& recording) {
  Reports found;
  for (const TrackFiles& track : recording.tracks)
    if (track.track.participant == participant_) {
      if (const auto done = read(track, found); !done) {
        read_errors_[track.track_id] = done.error().message;
        if (is_passing(done.error())) failure_ = done.error();
      } else {
        read_errors_.erase(track.track_id);
      }
    }
  for (auto& [ssrc, fresh] : found) {
    std::vector<ReportArrival>& known = reports_[ssrc];
    // One that is sent again, at once or later, tells nothing new: the first counts.
    const auto told = [](const ReportArrival& r) { return std::pair(r.ntp_ns, r.rtp_timestamp); };
    std::ranges::sort(fresh, {}, [&](const ReportArrival& r) { return std::pair(told(r), r.receive_ms); });
    const auto repeats = std::ranges::unique(fresh, {}, told);
    fresh.erase(repeats.begin(), repeats.end());
    std::erase_if(fresh, [&](const ReportArrival& r) { return std::ranges::find(known, told(r), told) != known.end(); });
    std::ranges::stable_sort(fresh, {}, &ReportArrival::receive_ms);
    // Who reads on counts those that it has seen.
    known.insert(known.end(), fresh.begin(), fresh.end());
  }
}

Result<void> RtcpLog::read(const TrackFiles& track, Reports& found) {
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
      found[report.ssrc].push_back(
          {(*record)->header.receive_time_ms, ntp_to_ns(report.ntp), report.rtp_timestamp});
    for (const SourceName& name : summary.names) names_[name.ssrc] = name.cname;
  }
}

std::string RtcpLog::read_error(const std::string& track_id) const {
  const auto found = read_errors_.find(track_id);
  return found == read_errors_.end() ? std::string() : found->second;
}

std::optional<std::uint32_t> RtcpLog::source_like(std::span<const RtpTimeSeen> seen, std::uint32_t clock_rate) const {
  std::optional<std::uint32_t> found;
  if (seen.empty() || clock_rate == 0) return found;
  for (const auto& [ssrc, reports] : reports_) {
    std::size_t yes = 0, no = 0;
    for (const ReportArrival& report : reports)
      if (const auto told = agrees(report, seen, clock_rate)) ++(*told ? yes : no);
    if (yes <= no) continue;
    if (found) return std::nullopt;
    found = ssrc;
  }
  return found;
}

std::string RtcpLog::cname(std::uint32_t ssrc) const {
  const auto found = names_.find(ssrc);
  return found == names_.end() ? std::string() : found->second;
}

}  // namespace rtpx
