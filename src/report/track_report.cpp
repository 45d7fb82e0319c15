#include "report/track_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "codec/depacketizer.hpp"
#include "e2ee/key_indexes.hpp"
#include "packets/limits.hpp"
#include "packets/scanned_recording.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kInsteadOfMedia = 10;  // packets in a row
constexpr std::uint64_t kManyStrays = 10, kStrayShare = 20;  // packets, and one in so many: more are no strays
constexpr const char* kNoMedia = "it holds no media packets";
constexpr const char* kOnlyEvents = "it holds no media packets, only telephone events";
constexpr double kDigitTellsMs = 40;  // by which arrival and RTP time may differ
constexpr double kEndsEarlyMs = 1'000;    // between the ends of layers

double ms_of(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

ReportDigit digit_of(const DigitSpan& span, double time_ms) {
  return {time_ms, span.press.event, dtmf_digit(span.press.event).value_or('?'),
          1000.0 * span.press.duration / span.clock_rate};
}

/// Adds what the scan knows of one layer, in time.
class LayerReporter {
 public:
  LayerReporter(const PlacedLayer& placed, TrackReport& out)
      : placed_(placed), layer_(*placed.layer), out_(out) {}

  void run() {
    counts();
    segments();
    steps();
    losses();
    quiet();
    pauses();
    early_end();
    digits();
    encryption();
    unknown_media();
    std::ranges::sort(out_.gaps, {}, &ReportGap::start_ms);
    if (out_.gaps.size() > kMaxListed) out_.gaps.resize(kMaxListed);
  }

  /// Of a layer that ended while others went on: it holds its last picture.
  [[nodiscard]] const std::optional<ReportGap>& early_freeze() const { return early_freeze_; }

 private:
  [[nodiscard]] double at(std::size_t segment, std::int64_t timestamp) const {
    return ms_of(placed_.maps[segment].time_ns(timestamp));
  }

  void counts() {
    out_.packets = layer_.packets;
    out_.bytes = layer_.bytes;
    out_.repair_packets = layer_.repair_packets;
    out_.unknown_packets = layer_.unknown_packets;
    out_.malformed_packets = layer_.malformed_packets;
    out_.duplicates = layer_.duplicates;
    out_.reordered = layer_.reordered;
    out_.parallel_packets = layer_.parallel_packets;
    const auto recovered = [&](RepairSource source) {
      return layer_.by_source[static_cast<std::size_t>(source)];
    };
    out_.lost.by_rtx = recovered(RepairSource::rtx);
    out_.lost.by_red = recovered(RepairSource::red);
    out_.lost.by_ulpfec = recovered(RepairSource::ulpfec);
    out_.lost.by_flexfec = recovered(RepairSource::flexfec);
    out_.lost.after_repair = layer_.missing();
    out_.lost.before_repair = out_.lost.after_repair + out_.lost.by_rtx + out_.lost.by_red +
                              out_.lost.by_ulpfec + out_.lost.by_flexfec;
    out_.bits_per_second = layer_.bits_per_second.sums();
    out_.lost_per_second = layer_.lost_per_second.sums();
    out_.start_ms = ms_of(start_of(placed_));
    out_.end_ms = ms_of(end_of(placed_));
  }

  void segments() {
    for (std::size_t i = 0; i < layer_.segments.size(); ++i) {
      const Segment& segment = *layer_.segments[i];
      const SegmentMap& map = placed_.maps[i];
      out_.segments.push_back(
          {segment.ssrc, to_string(segment.why), at(i, segment.line.first_timestamp()),
           at(i, segment.line.highest_timestamp()), segment.packets, to_string(map.source), map.residual_ms,
           map.drift_ppm, map.clock_rate != 0 ? map.clock_rate : segment.clock_rate, segment.clock_rate});
    }
  }

  // Where nothing was to be recorded.
  void pauses() {
    for (std::size_t i = 1; i < layer_.segments.size(); ++i) {
      if (!layer_.segments[i]->after_pause) continue;
      const double from = at(i - 1, layer_.segments[i - 1]->line.highest_timestamp());
      out_.gaps.push_back({ReportGap::Kind::pause, from,
                           std::max(0.0, at(i, layer_.segments[i]->line.first_timestamp()) - from), 0});
    }
  }

  void steps() {
    for (std::size_t i = 0; i < layer_.segments.size(); ++i)
      for (const SegmentMap::Step& step : placed_.maps[i].steps)
        if (out_.steps.size() < kMaxListed)
          out_.steps.push_back({at(i, step.slides ? step.rtp_time : step.rtp_time - 1),
                                ms_of(step.duration_ns), to_string(step.source), step.slides});
  }

  // What stays lost: one entry for losses that touch each other.
  void losses() {
    auto& per_second = out_.lost_after_repair_per_second;
    per_second.assign(out_.lost_per_second.size(), 0);
    for (std::size_t i = 0; i < layer_.segments.size(); ++i) {
      const SequenceTracker& line = layer_.segments[i]->line;
      const double ticks_a_packet =
          static_cast<double>(line.highest_timestamp() - line.first_timestamp()) /
          static_cast<double>(std::max<std::int64_t>(1, line.highest() - line.first()));
      for (const GapTable::Gap& gap : line.gaps().gaps()) {
        if (gap.count == 0) continue;
        const double end = at(i, gap.timestamp_after);
        const double start = at(i, gap.timestamp_after - std::llround(gap.count * ticks_a_packet));
        const auto second = static_cast<std::size_t>(std::max(0.0, (end - out_.start_ms) / 1000));
        if (second < per_second.size()) per_second[second] += gap.count;
        note_loss(start, end, gap.count);
      }
    }
  }

  void note_loss(double start, double end, std::uint32_t packets) {
    if (!out_.gaps.empty() && start <= out_.gaps.back().start_ms + out_.gaps.back().duration_ms + 1) {
      ReportGap& last = out_.gaps.back();
      last.duration_ms = std::max(last.duration_ms, end - last.start_ms);
      last.packets += packets;
    } else if (out_.gaps.size() < kMaxListed) {
      out_.gaps.push_back({ReportGap::Kind::loss, start, end - start, packets});
    }
  }

  void quiet() {
    for (const QuietSpan& span : layer_.quiet) {
      const double from = at(span.segment, span.from_timestamp);
      out_.gaps.push_back({span.kind, from, at(span.segment, span.to_timestamp) - from, 0});
    }
  }

  // A simulcast layer that was switched off, while others went on.
  void early_end() {
    const double missing_ms = ms_of(placed_.track_end_ns) - out_.end_ms;
    if (missing_ms <= kEndsEarlyMs) return;
    out_.gaps.push_back({ReportGap::Kind::pause, out_.end_ms, missing_ms, 0});
    if (out_.kind == MediaKind::video)
      early_freeze_ = ReportGap{ReportGap::Kind::pause, out_.end_ms, missing_ms, 0};
  }

  // What was sent in the place of media, under a payload type that says nothing.
  void unknown_media() {
    for (const auto& [type, unknown] : layer_.unknown_types)
      if (unknown.longest_run >= kInsteadOfMedia)
        out_.left_out.push_back({type, "", unknown.packets,
                                 static_cast<double>(unknown.first_receive_ms) - placed_.zero_receive_ms,
                                 static_cast<double>(unknown.last_receive_ms) - placed_.zero_receive_ms});
  }

  void digits() {
    const DigitSpan* before = nullptr;
    double before_ms = 0;
    for (const DigitSpan& span : layer_.digits) {
      double time_ms = static_cast<double>(span.receive_ms) - placed_.zero_receive_ms;
      if (span.place) {
        time_ms = before_step(span.place->segment, span.place->timestamp);
        if (before != nullptr && stood_over(*before, span)) {
          const double by_arrival = before_ms + static_cast<double>(span.receive_ms - before->receive_ms);
          if (std::abs(by_arrival - time_ms) > kDigitTellsMs) time_ms = by_arrival;
        }
        before = &span;
        before_ms = time_ms;
      }
      out_.digits.push_back(digit_of(span, time_ms));
    }
  }

  /// Whether RTP time stood still over the first, so that only arrival tells when the next one began. With
  /// little or nothing between them no step of the media's time shows each.
  [[nodiscard]] static bool stood_over(const DigitSpan& before, const DigitSpan& span) {
    return before.place->segment == span.place->segment &&
           span.place->timestamp - before.place->timestamp < before.press.duration;
  }

  /// Where RTP time stood still over a digit, what follows has the digit's own RTP time.
  [[nodiscard]] double before_step(std::size_t segment, std::int64_t timestamp) const {
    const auto& steps = placed_.maps[segment].steps;
    const auto step = std::ranges::lower_bound(steps, timestamp, {}, &SegmentMap::Step::rtp_time);
    const bool stood = step != steps.end() && step->rtp_time == timestamp && !step->slides;
    if (!stood) return at(segment, timestamp);
    return at(segment, timestamp - 1) + 1e3 / layer_.segments[segment]->clock_rate;
  }

  void encryption() {
    for (const EncryptedSpan& span : layer_.encrypted) {
      out_.encryption.push_back({at(span.segment, span.from_timestamp), at(span.segment, span.to_timestamp),
                                 span.frames, to_string(span.format), span.key_indexes});
    }
  }

  const PlacedLayer& placed_;
  const LayerScan& layer_;
  TrackReport& out_;
  std::optional<ReportGap> early_freeze_;
};

void describe_track(const TrackScan& track, TrackReport& out) {
  out.track_id = track.files.track_id;
  out.kind = track.files.track.kind;
  out.streams = track.files.track.streams;
  out.participant = track.files.track.participant.value_or("");
  out.participant_name = track.files.participant_name;
  out.codec_recognised = track.codecs.recognised;
  out.refused = track.refused;
  out.damaged_bytes = track.damaged_bytes;
  out.torn_bytes = track.torn_bytes;
  out.missing_packets = missing_packets(track);
  out.refused_packets = track.files.track.refused_packets.value_or(0);
}

std::string clock_time(double ms) {
  ms = std::max(ms, 0.0);  // what came before the first media was sent with it
  const auto seconds = static_cast<long long>(ms / 1000);
  char text[48];
  std::snprintf(text, sizeof text, "%lld:%02lld:%06.3f", seconds / 3600, seconds / 60 % 60,
                ms / 1000 - static_cast<double>(seconds / 60 * 60));
  return text;
}

std::string layer_name(const TrackReport& report) {
  return "track " + report.track_id + (report.rid ? " (rid " + *report.rid + ")" : "");
}

/// "key index 0", "key indexes 0, 1 and 4".
std::string indexes_in_words(const std::vector<std::uint64_t>& indexes) {
  constexpr std::size_t kMostNamed = 8;
  std::string out = indexes.size() == 1 ? "key index " : "key indexes ";
  for (std::size_t i = 0; i < std::min(indexes.size(), kMostNamed); ++i)
    out += (i == 0 ? "" : i + 1 == indexes.size() ? " and " : ", ") + std::to_string(indexes[i]);
  return out + (indexes.size() > kMostNamed ? " and others" : "");
}

/// Of all stretches of some states: how many frames, of which format and key indexes, from when on.
struct EncryptionSum {
  std::uint64_t frames = 0;
  std::string format, key;
  std::vector<std::uint64_t> indexes;
  double start_ms = 0, end_ms = 0;

  void add(const ReportEncryption& span) {
    if (frames == 0) start_ms = span.start_ms;
    frames += span.frames;
    end_ms = span.end_ms;
    if (format.empty()) format = span.format;
    if (!span.key.empty() && key.find(span.key) == std::string::npos && key.size() < 200)
      key += (key.empty() ? "" : ", ") + span.key;
    for (const std::uint64_t index : span.key_indexes) note_key_index(indexes, index);
  }
  [[nodiscard]] std::string in_words(const TrackReport& report) const {
    const char* name = format == "jitsi"     ? "Jitsi"
                       : format == "medooze" ? "Medooze SFrame"
                       : format == "sframe"  ? "SFrame"
                                             : "LiveKit";
    std::string out = std::string("end-to-end encrypted (") + name + " format)";
    if (!indexes.empty()) out += ", " + indexes_in_words(indexes);
    return out + ", " + when(report);
  }
  [[nodiscard]] std::string when(const TrackReport& report) const {
    constexpr double kToTheEndMs = 500;
    const bool to_the_end = report.end_ms - end_ms < kToTheEndMs;
    return "from " + clock_time(start_ms) + (to_the_end ? " on" : " to " + clock_time(end_ms));
  }
};

/// What is to be said of a track's end-to-end encryption; empty: nothing.
struct EncryptionTold {
  std::string opened, left_out, plain;
};
EncryptionTold tell_encryption(const TrackReport& report) {
  EncryptionSum opened, no_key, wrong_key, plain;
  bool keys_given = false;
  for (const ReportEncryption& span : report.encryption) {
    keys_given = keys_given || span.state != "no_key";
    if (span.state == "decrypted") opened.add(span);
    if (span.state == "no_key") no_key.add(span);
    if (span.state == "wrong_key") wrong_key.add(span);
    if (span.state == "plain") plain.add(span);
  }
  const auto frames = [](std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " frame" : " frames");
  };
  EncryptionTold told;
  if (opened.frames > 0)
    told.opened = opened.in_words(report) + ": " + frames(opened.frames) + " decrypted, key " + opened.key;
  if (plain.frames > 0) told.plain = frames(plain.frames) + " of it were sent plain, " + plain.when(report);
  if (no_key.frames > 0)
    told.left_out = no_key.in_words(report) + ": " + frames(no_key.frames) +
                    (keys_given ? " cannot be read with the keys given, of which none is for this index,"
                                : " cannot be read without the call's keys") +
                    " and are left out";
  if (wrong_key.frames > 0)
    told.left_out += (told.left_out.empty() ? "" : "; ") + wrong_key.in_words(report) +
                     ": none of the keys given fits " + frames(wrong_key.frames) + ", which are left out";
  return told;
}

std::string packets(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " packet" : " packets");
}

/// What came for the repair of a layer of which there are no media.
std::vector<ReportLeftOut> repairs_alone(const TrackScan& track, const LayerScan& layer, double zero_receive_ms) {
  std::vector<ReportLeftOut> out;
  if (!layer.segments.empty()) return out;
  for (const auto& [type, came] : layer.repairs_alone) {
    const Codec* codec = track.types->codec(type);
    out.push_back({type, codec != nullptr ? codec->mime_type : "", came.packets,
                   static_cast<double>(came.first_receive_ms) - zero_receive_ms,
                   static_cast<double>(came.last_receive_ms) - zero_receive_ms});
  }
  return out;
}

}  // namespace

TrackReport report_layer(const PlacedLayer& placed, const FrameLog& log) {
  TrackReport report;
  describe_track(*placed.track, report);
  report.rid = rid_of(*placed.track, placed.layer->rid_index);
  if (placed.layer->first_media_type)
    if (const Codec* codec = placed.track->types->codec(*placed.layer->first_media_type))
      report.codec = codec->mime_type;
  LayerReporter reporter(placed, report);
  reporter.run();
  log.report(report);
  if (reporter.early_freeze()) report.freezes.push_back(*reporter.early_freeze());
  return report;
}

TrackReport report_unusable(const TrackScan& track, double zero_receive_ms) {
  TrackReport report;
  describe_track(track, report);
  for (const auto& [rid, layer] : track.layers) {
    report.repair_packets += layer->repair_packets;
    report.unknown_packets += layer->unknown_packets;
    for (const DigitSpan& span : layer->digits)
      report.digits.push_back(digit_of(span, static_cast<double>(span.receive_ms) - zero_receive_ms));
    for (ReportLeftOut& out : repairs_alone(track, *layer, zero_receive_ms)) report.left_out.push_back(std::move(out));
  }
  report.malformed_packets = track.not_rtp;
  if (report.refused.empty() && track.codecs.doubt.empty())
    report.refused = report.digits.empty() ? kNoMedia : kOnlyEvents;
  else if (report.refused.empty())
    report.refused = track.codecs.doubt;
  return report;
}

std::vector<ConvertNote> notes_of(const TrackReport& report) {
  std::vector<ConvertNote> notes;
  const auto add = [&](ConvertNote::Severity severity, std::string message) {
    notes.push_back({severity, report.track_id, layer_name(report) + ": " + std::move(message)});
  };
  using Severity = ConvertNote::Severity;
  if (report.lost.after_repair > 0) {
    std::string text = packets(report.lost.after_repair) + " lost for good";
    if (report.lost.before_repair > report.lost.after_repair)
      text += " (of " + std::to_string(report.lost.before_repair) + " before repair)";
    const auto first = std::ranges::find(report.gaps, ReportGap::Kind::loss, &ReportGap::kind);
    if (first != report.gaps.end()) text += ", first at " + clock_time(first->start_ms);
    add(Severity::loss, text);
  }
  if (!report.encryption.empty()) {
    const EncryptionTold told = tell_encryption(report);
    if (!told.opened.empty()) add(Severity::info, told.opened);
    if (!told.plain.empty()) add(Severity::info, told.plain);
    if (!told.left_out.empty()) add(report.frames > 0 ? Severity::loss : Severity::skipped, told.left_out);
    if (report.frames == 0 && !told.left_out.empty()) return notes;
  }
  std::uint64_t waiting = 0;
  bool sets_missing = false;
  const ReportFrame* cut = nullptr;
  for (const ReportFrame& frame : report.dropped) {
    sets_missing = sets_missing || frame.detail == kSetsMissing;
    if (frame.reason == "before_keyframe")
      ++waiting;
    else if (frame.reason != "layer" && frame.reason != "encrypted" && frame.reason != "pause" && cut == nullptr)
      cut = &frame;
  }
  if (waiting > 0 && report.frames > 0)
    add(Severity::info, "the picture starts with the first keyframe; " + std::to_string(waiting) +
                            " frames before it cannot be decoded and are left out");
  if (cut != nullptr)
    add(Severity::loss, "frames are left out, first at " + clock_time(cut->time_ms) + ": " + cut->reason +
                            (cut->detail.empty() ? "" : " (" + cut->detail + ")"));
  if (report.damaged_count > 0)
    add(Severity::loss, std::to_string(report.damaged_count) +
                            " frames are kept although what they refer to is missing, first at " +
                            clock_time(report.damaged.front().time_ms));
  const auto odd = std::ranges::find_if(
      report.segments, [](const ReportSegment& s) { return s.clock_rate != s.negotiated_rate; });
  if (odd != report.segments.end())
    add(Severity::info, "its RTP clock runs at " + std::to_string(odd->clock_rate) + " Hz, not at the " +
                            std::to_string(odd->negotiated_rate) +
                            " Hz that were negotiated; the rate found gives its times");
  for (const ReportLeftOut& out : report.left_out)
    add(Severity::loss, packets(out.packets) + " of payload type " + std::to_string(out.payload_type) + " (" +
                            (out.codec.empty() ? "which the manifest does not name" : out.codec) +
                            ") cannot be converted and are left out, from " + clock_time(out.start_ms) +
                            " to " + clock_time(out.end_ms));
  if (report.malformed_packets >= kManyStrays && report.malformed_packets * kStrayShare > report.packets)
    add(Severity::loss, packets(report.malformed_packets) +
                            " fit neither the numbers nor the times of the others and are left out");
  if (report.parallel_packets > 0)
    add(Severity::skipped, packets(report.parallel_packets) +
                               " of a source that went on sending beside a newer one are left out");
  if (report.frames == 0 && report.packets > 0)
    add(Severity::skipped, !report.refused.empty() ? report.refused
                           : sets_missing
                               ? "its keyframes need parameter sets that are neither in the packets nor "
                                 "in the manifest (sprop-… of sdp_fmtp_line)"
                           : waiting > 0 ? "it holds no keyframe, so nothing in it can be decoded"
                                         : "nothing in it can be decoded");
  return notes;
}

std::vector<ConvertNote> notes_of(const TrackScan& track, double zero_receive_ms) {
  std::vector<ConvertNote> notes;
  const std::string& id = track.files.track_id;
  const auto add = [&](ConvertNote::Severity severity, std::string message) {
    notes.push_back({severity, id, "track " + id + ": " + std::move(message)});
  };
  using Severity = ConvertNote::Severity;
  if (!track.refused.empty()) add(Severity::skipped, track.refused);
  if (track.refused.empty() && !track.files.missing.empty()) add(Severity::skipped, track.files.missing);
  if (!track.read_error.empty())
    add(Severity::skipped, "the file could not be read to its end: " + track.read_error);
  if (!track.rtcp_error.empty())
    add(Severity::loss, "its RTCP could not be read to its end, so its time may be off: " + track.rtcp_error);
  if (const std::uint64_t missing = missing_packets(track); missing > 0)
    add(Severity::loss, packets(missing) + " of " + std::to_string(*track.files.track.packets) +
                            " that were recorded are not in the file: it was cut, or parts of it are damaged");
  if (const auto refused = track.files.track.refused_packets.value_or(0); refused > 0)
    add(Severity::loss, packets(refused) + (refused == 1 ? " was" : " were") +
                            " refused while it was recorded: the disk was full or too slow, or the rid is none of the track's");
  if (const auto& pauses = track.files.track.pauses; !pauses.empty() && !pauses.back().to_ms && track.files.track.ended_at)
    add(Severity::info, "it was paused from " +
                            clock_time(static_cast<double>(pauses.back().from_ms) - zero_receive_ms) + " to the end");
  if (track.damaged_bytes > 0)
    add(Severity::loss,
        std::to_string(track.damaged_bytes) + " bytes of the file are damaged and were passed over");
  if (track.torn_bytes > 0)
    add(Severity::info, "the file ends inside a record; its last " + std::to_string(track.torn_bytes) +
                            " bytes are left out");
  if (track.unknown_rid_packets > 0)
    add(Severity::info, packets(track.unknown_rid_packets) + " of a rid that the manifest does not name");
  if (track.codecs.recognised && !track.codecs.codecs.empty())
    add(Severity::info,
        "the manifest names no codec; the payload is " + track.codecs.codecs.front().mime_type);
  for (const Codec& codec : track.found_codecs)
    add(Severity::info, "payload type " + std::to_string(codec.payload_type) +
                            ", which the manifest does not name, is " + codec.mime_type);
  if (track.routes.size() > 0)
    add(Severity::info, std::to_string(track.routes.size()) +
                            (track.routes.size() == 1 ? " source was" : " sources were") +
                            " recorded under the rid of another layer and put right" +
                            (track.routes.guessed ? ", in the order in which they came: none says its rid"
                                                  : ", as the packets say"));
  if (!track.rtx_media.empty())
    add(Severity::info, "no packet of its media has come as it was first sent: they are taken from retransmissions (RTX)");
  if (!track.made_times.empty())
    add(Severity::info, std::string("its RTP time stands still or counts packets: ") +
                            (track.files.track.kind == MediaKind::audio ? "sound is placed by what its packets play and by when they came"
                                                                        : "pictures are placed by when they came"));
  std::uint64_t media = 0, unknown = 0;
  std::size_t digits = 0;
  std::vector<ReportLeftOut> repairs;
  for (const auto& [rid, layer] : track.layers) {
    media += layer->packets;
    unknown += layer->unknown_packets;
    digits += layer->digits.size();
    std::ranges::move(repairs_alone(track, *layer, zero_receive_ms), std::back_inserter(repairs));
  }
  for (const auto& [name, index] : track.files.track.rid_map) {
    const auto layer = track.layers.find(index);
    if (name && media > 0 && (layer == track.layers.end() || layer->second->packets == 0))
      add(Severity::info, "rid " + *name + " has no packets");
  }
  for (const ReportLeftOut& out : repairs)
    if (track.refused.empty() && media == 0)
      add(Severity::skipped, packets(out.packets) + " of payload type " + std::to_string(out.payload_type) + " (" +
                                 out.codec + ") repair media of which nothing has come, from " +
                                 clock_time(out.start_ms) + " to " + clock_time(out.end_ms) +
                                 ": nothing can be made of them alone");
  if (track.refused.empty() && media == 0 && unknown == 0 && track.not_rtp == 0)
    add(Severity::info, digits > 0 ? kOnlyEvents : kNoMedia);
  else if (track.refused.empty() && media == 0)
    add(Severity::skipped, track.codecs.doubt.empty() ? kNoMedia : track.codecs.doubt);
  else if (unknown > 0)
    add(Severity::info, packets(unknown) + " of payload types that the manifest does not name" +
                            (track.codecs.doubt.empty() ? "" : ": " + track.codecs.doubt));
  return notes;
}

}  // namespace rtpx
