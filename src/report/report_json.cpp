#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utc_time.hpp"
#include "report/notes.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Times need no more than a thousandth of a millisecond.
double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

OrderedJson json_of(const ReportGap& gap);
OrderedJson json_of(const ReportFrame& frame);
OrderedJson json_of(const ReportChange& change);
OrderedJson json_of(const ReportPart& part);
OrderedJson json_of(const ReportSegment& segment);
OrderedJson json_of(const ReportStep& step);
OrderedJson json_of(const ReportEncryption& span);
OrderedJson json_of(const ReportDigit& digit);
OrderedJson json_of(const ReportLeftOut& out);
OrderedJson json_of(const TrackReport& track);
OrderedJson json_of(const ConvertNote& note);

template <typename Entry>
OrderedJson list(const std::vector<Entry>& entries) {
  OrderedJson out = OrderedJson::array();
  for (const Entry& entry : entries) out.push_back(json_of(entry));
  return out;
}

OrderedJson json_of(const ReportGap& gap) {
  OrderedJson out{{"kind", to_string(gap.kind)},
                  {"start_ms", rounded(gap.start_ms)},
                  {"duration_ms", rounded(gap.duration_ms)}};
  if (gap.packets > 0) out["packets"] = gap.packets;
  return out;
}

OrderedJson json_of(const ReportFrame& frame) {
  return {{"time_ms", rounded(frame.time_ms)}, {"reason", frame.reason}, {"detail", frame.detail}};
}

OrderedJson json_of(const ReportChange& change) {
  return {
      {"time_ms", rounded(change.time_ms)}, {"what", change.what}, {"from", change.from}, {"to", change.to}};
}

OrderedJson json_of(const ReportPart& part) {
  return {{"file", part.file},
          {"offset_ms", rounded(part.offset_ms)},
          {"duration_ms", rounded(part.duration_ms)}};
}

OrderedJson json_of(const ReportSegment& segment) {
  return {{"ssrc", segment.ssrc},
          {"why", segment.why},
          {"start_ms", rounded(segment.start_ms)},
          {"end_ms", rounded(segment.end_ms)},
          {"packets", segment.packets},
          {"clock_source", segment.clock_source},
          {"residual_ms", rounded(segment.residual_ms)},
          {"drift_ppm", rounded(segment.drift_ppm)},
          {"clock_rate", segment.clock_rate},
          {"negotiated_rate", segment.negotiated_rate}};
}

OrderedJson json_of(const ReportStep& step) {
  return {{"time_ms", rounded(step.time_ms)},
          {"duration_ms", rounded(step.duration_ms)},
          {"source", step.source},
          {"slides", step.slides}};
}

OrderedJson json_of(const ReportEncryption& span) {
  OrderedJson out{{"start_ms", rounded(span.start_ms)},
                  {"end_ms", rounded(span.end_ms)},
                  {"frames", span.frames},
                  {"state", span.state}};
  if (!span.format.empty()) out["format"] = span.format;
  if (!span.format.empty()) out["key_indexes"] = span.key_indexes;
  if (!span.key.empty()) out["key"] = span.key;
  if (span.ratchets > 0) out["ratchets"] = span.ratchets;
  return out;
}

OrderedJson json_of(const ReportDigit& digit) {
  return {{"time_ms", rounded(digit.time_ms)},
          {"event", digit.event},
          {"digit", std::string(1, digit.digit)},
          {"duration_ms", rounded(digit.duration_ms)}};
}

OrderedJson json_of(const ReportLeftOut& out) {
  return {{"payload_type", out.payload_type},
          {"codec", out.codec},
          {"packets", out.packets},
          {"start_ms", rounded(out.start_ms)},
          {"end_ms", rounded(out.end_ms)}};
}

OrderedJson json_of(const ReportLoss& lost) {
  return {{"before_repair", lost.before_repair},
          {"by_rtx", lost.by_rtx},
          {"by_red", lost.by_red},
          {"by_ulpfec", lost.by_ulpfec},
          {"by_flexfec", lost.by_flexfec},
          {"after_repair", lost.after_repair}};
}

OrderedJson json_of(const TrackReport& track) {
  OrderedJson out;
  out["track_id"] = track.track_id;
  out["rid"] = track.rid ? OrderedJson(*track.rid) : OrderedJson(nullptr);
  out["kind"] = track.kind == MediaKind::audio ? "audio" : "video";
  out["streams"] = track.streams;
  if (!track.participant.empty()) {
    out["participant"] = track.participant;
    out["participant_name"] = track.participant_name;
  }
  out["codec"] = track.codec;
  out["codec_recognised"] = track.codec_recognised;
  if (!track.refused.empty()) out["refused"] = track.refused;
  out["packets"] = track.packets;
  out["bytes"] = track.bytes;
  out["repair_packets"] = track.repair_packets;
  out["unknown_packets"] = track.unknown_packets;
  out["malformed_packets"] = track.malformed_packets;
  out["duplicates"] = track.duplicates;
  out["reordered"] = track.reordered;
  out["parallel_packets"] = track.parallel_packets;
  out["lost"] = json_of(track.lost);
  out["damaged_bytes"] = track.damaged_bytes;
  out["torn_bytes"] = track.torn_bytes;
  out["missing_packets"] = track.missing_packets;
  out["refused_packets"] = track.refused_packets;
  out["start_ms"] = rounded(track.start_ms);
  out["end_ms"] = rounded(track.end_ms);
  out["frames"] = track.frames;
  out["keyframes"] = track.keyframes;
  out["filled_frames"] = track.filled_frames;
  out["concealed_packets"] = track.concealed_packets;
  out["opus_fec_packets"] = track.opus_fec_packets;
  if (track.kind == MediaKind::video) {
    out["width"] = track.width;
    out["height"] = track.height;
  } else {
    out["sample_rate"] = track.sample_rate;
    out["channels"] = track.channels;
  }
  out["dropped_count"] = track.dropped_count;
  out["dropped"] = list(track.dropped);
  out["damaged_count"] = track.damaged_count;
  out["damaged"] = list(track.damaged);
  out["gaps"] = list(track.gaps);
  out["freezes"] = list(track.freezes);
  out["changes"] = list(track.changes);
  out["segments"] = list(track.segments);
  out["steps"] = list(track.steps);
  out["digits"] = list(track.digits);
  out["encryption"] = list(track.encryption);
  if (!track.left_out.empty()) out["left_out"] = list(track.left_out);
  out["bits_per_second"] = track.bits_per_second;
  out["lost_per_second"] = track.lost_per_second;
  out["lost_after_repair_per_second"] = track.lost_after_repair_per_second;
  return out;
}

OrderedJson json_of(const ConvertNote& note) {
  return {{"severity", name_of(note.severity)}, {"track_id", note.track_id}, {"message", note.message}};
}

std::string text(const OrderedJson& json) {
  return json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace

const char* to_string(ReportGap::Kind kind) noexcept {
  switch (kind) {
    case ReportGap::Kind::loss:
      return "loss";
    case ReportGap::Kind::dtx:
      return "dtx";
    case ReportGap::Kind::mute:
      return "mute";
    case ReportGap::Kind::pause:
      return "pause";
  }
  return "loss";
}

std::string serialize_report(const RecordingReport& report) {
  OrderedJson out;
  out["version"] = 1;
  out["recording"] = report.recording;
  out["started"] = report.started ? OrderedJson(format_utc(*report.started)) : OrderedJson(nullptr);
  out["duration_ms"] = rounded(report.duration_ms);
  out["tracks"] = list(report.tracks);
  out["notes"] = list(report.notes);
  return text(out);
}

std::string serialize_report(const OutputReport& report) {
  OrderedJson out;
  out["version"] = 1;
  out["id"] = report.id;
  out["file"] = report.file;
  out["offset_ms"] = rounded(report.offset_ms);
  out["duration_ms"] = rounded(report.duration_ms);
  out["parts"] = list(report.parts);
  out["tracks"] = list(report.tracks);
  return text(out);
}

}  // namespace rtpx
