#include "report_page.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/markup.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

constexpr int kWidth = 1000;           // of a timeline, in SVG units
constexpr std::size_t kColumns = 500;  // at most, of its bars
// Three lanes below each other, each under a line of text.
constexpr int kText = 14, kRateTop = kText, kRateHeight = 56;
constexpr int kLossTop = kRateTop + kRateHeight + kText + 4, kLossHeight = 26;
constexpr int kEventTop = kLossTop + kLossHeight + kText + 4, kEventHeight = 12, kFreezeHeight = 6;
constexpr int kAxis = kEventTop + kEventHeight + kFreezeHeight + 6, kHeight = kAxis + 18;

const char* const kStyle = R"(<style>
:root{--bg:#fff;--fg:#1c2024;--dim:#687076;--line:#d7dbdf;--card:#f6f7f8;--rate:#3b82c4;--before:#e8b04a;--after:#c92a25;
--dtx:#9aa5ad;--mute:#6f7fd0;--pause:#b58a3c;--freeze:#a13fb0;--change:#0f7a4e}
@media(prefers-color-scheme:dark){:root{--bg:#15181b;--fg:#e6e9ec;--dim:#9aa3ab;--line:#343a40;--card:#1d2125;
--rate:#5aa2e0;--before:#d9a441;--after:#ff6159;--dtx:#737f88;--mute:#8f9df0;--pause:#d0a552;--freeze:#d07ae0;--change:#42c48d}}
body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1.5rem}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:0 0 .3rem;overflow-wrap:anywhere}p{margin:.2rem 0}
.dim{color:var(--dim)}section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem;margin:1rem 0}
.bad{color:var(--after);font-weight:600}.good{color:var(--change);font-weight:600}svg{width:100%;height:auto;display:block;margin:.6rem 0}
svg text{font:11px system-ui,sans-serif;fill:var(--dim)}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0;font-weight:400}th{color:var(--dim)}.scroll{overflow-x:auto}
.scroll svg{min-width:42rem}code{color:var(--dim);overflow-wrap:anywhere}
@media(max-width:40rem){body{padding:.8rem}section{padding:.7rem}tr,th,td{display:block;padding:0}td{margin-bottom:.4rem}}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#555;--line:#bbb;--card:#fff;--rate:#3b82c4;--before:#c78a20;
--after:#c2241f;--dtx:#8a959d;--mute:#5a69b8;--pause:#8f6a20;--freeze:#8a2f98;--change:#0f6b45}*{print-color-adjust:exact}
body{max-width:none;padding:0;font-size:10pt}section{break-inside:avoid;border:0;border-top:1px solid var(--line);border-radius:0}
.scroll{overflow:visible}.scroll svg{min-width:0}}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 .9em}
</style>)";

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

/// Maps the recording's time to the timeline, and to the wall clock where that is known.
class Scale {
 public:
  Scale(double duration_ms, std::optional<UtcTime> started)
      : duration_ms_(std::max(duration_ms, 1.0)), started_(started) {}
  /// "14:46:23", UTC; empty: unknown.
  [[nodiscard]] std::string clock(double ms) const {
    if (!started_) return {};
    const auto time = *started_ + std::chrono::microseconds(static_cast<std::int64_t>(ms * 1000));
    return utc_text(std::chrono::floor<std::chrono::seconds>(time)).substr(11, 8);
  }
  [[nodiscard]] double x(double ms) const { return std::clamp(ms / duration_ms_, 0.0, 1.0) * kWidth; }
  [[nodiscard]] double duration_ms() const { return duration_ms_; }

 private:
  double duration_ms_;
  std::optional<UtcTime> started_;
};

std::string rect(double x, double y, double width, double height, const char* color,
                 const std::string& title) {
  return "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(std::max(width, 0.8)) +
         "\" height=\"" + number(height) + "\" fill=\"var(--" + color + ")\"><title>" + escape_markup(title) +
         "</title></rect>";
}

std::string at_text(double ms) {
  return duration_text(ms / 1000);
}

/// The seconds of a track gathered into at most kColumns columns.
struct Columns {
  std::size_t seconds_each = 1;
  std::vector<double> values;  // sum of each

  explicit Columns(const std::vector<std::uint32_t>& seconds)
      : seconds_each(std::max<std::size_t>(1, (seconds.size() + kColumns - 1) / kColumns)),
        values((seconds.size() + seconds_each - 1) / seconds_each) {
    for (std::size_t i = 0; i < seconds.size(); ++i) values[i / seconds_each] += seconds[i];
  }
  [[nodiscard]] double highest() const { return values.empty() ? 0 : *std::ranges::max_element(values); }
};

std::string bars(const TrackReport& track, const std::vector<std::uint32_t>& seconds, const Scale& scale,
                 int top, int height, double highest, const char* color, bool rate) {
  const Columns columns(seconds);
  std::string out;
  const double each = 1000.0 * static_cast<double>(columns.seconds_each);
  for (std::size_t i = 0; i < columns.values.size(); ++i) {
    const double value = columns.values[i];
    if (value <= 0 || highest <= 0) continue;
    const double from = track.start_ms + each * static_cast<double>(i);
    const double tall = std::max(1.0, value / highest * height);
    const std::string what = rate ? bit_rate_text(value / static_cast<double>(columns.seconds_each))
                                  : count_text(static_cast<std::uint64_t>(value), "packet") + " lost";
    out += rect(scale.x(from), top + height - tall, scale.x(from + each) - scale.x(from), tall, color,
                at_text(from) + ": " + what);
  }
  return out;
}

std::string losses(const TrackReport& track, const Scale& scale) {
  const double highest = Columns(track.lost_per_second).highest();
  return bars(track, track.lost_per_second, scale, kLossTop, kLossHeight, highest, "before", false) +
         bars(track, track.lost_after_repair_per_second, scale, kLossTop, kLossHeight, highest, "after",
              false);
}

const char* color_of(ReportGap::Kind kind) {
  return kind == ReportGap::Kind::loss ? "after" : to_string(kind);
}

std::string events(const TrackReport& track, const Scale& scale) {
  std::string out;
  for (const ReportGap& gap : track.gaps)
    out += rect(scale.x(gap.start_ms), kEventTop,
                scale.x(gap.start_ms + gap.duration_ms) - scale.x(gap.start_ms), kEventHeight,
                color_of(gap.kind),
                at_text(gap.start_ms) + ": " + to_string(gap.kind) + " of " + at_text(gap.duration_ms));
  for (const ReportGap& freeze : track.freezes)
    out += rect(scale.x(freeze.start_ms), kEventTop + kEventHeight,
                scale.x(freeze.start_ms + freeze.duration_ms) - scale.x(freeze.start_ms), kFreezeHeight,
                "freeze", at_text(freeze.start_ms) + ": picture frozen for " + at_text(freeze.duration_ms));
  for (const ReportChange& change : track.changes)
    out += rect(scale.x(change.time_ms), kRateTop, 1.5, kAxis - kRateTop, "change",
                at_text(change.time_ms) + ": " + change.what + " from " + change.from + " to " + change.to);
  for (std::size_t i = 1; i < track.segments.size(); ++i)
    out += rect(scale.x(track.segments[i].start_ms), kRateTop, 1, kAxis - kRateTop, "dim",
                at_text(track.segments[i].start_ms) + ": new segment, " + track.segments[i].why);
  return out;
}

std::string label(double x, double y, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\">" + escape_markup(text) + "</text>";
}

std::string axis(const Scale& scale) {
  static constexpr double kSteps[] = {1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400};
  double step = kSteps[std::size(kSteps) - 1];
  for (const double candidate : kSteps)
    if (scale.duration_ms() / 1000 / candidate <= 12) {
      step = candidate;
      break;
    }
  std::string out = "<line x1=\"0\" x2=\"1000\" y1=\"" + number(kAxis) + "\" y2=\"" + number(kAxis) +
                    "\" stroke=\"var(--line)\"/>";
  for (double s = 0; s * 1000 < scale.duration_ms() && s / step < 100; s += step) {
    constexpr double kRoom = 45;  // for the last one
    if (const double x = scale.x(s * 1000) + 2; x < kWidth - kRoom)
      out += label(x, kHeight - 4, scale.clock(s * 1000).empty() ? (s == 0 ? "0" : at_text(s * 1000)) : scale.clock(s * 1000));
  }
  return out;
}

std::string timeline(const TrackReport& track, const Scale& scale) {
  const Columns rate(track.bits_per_second);
  const double highest = rate.highest();
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Timeline\"><svg role=\"img\" aria-label=\"Bit rate, losses and gaps over time\" viewBox=\"0 0 " + std::to_string(kWidth) +
                    " " + std::to_string(kHeight) + "\">";
  out += bars(track, track.bits_per_second, scale, kRateTop, kRateHeight, highest, "rate", true);
  out += losses(track, scale) + events(track, scale) + axis(scale);
  const auto most = [](const std::vector<std::uint32_t>& seconds) {
    return seconds.empty() ? 0 : *std::ranges::max_element(seconds);
  };
  out += label(2, kRateTop - 4,
               "bit rate, up to " + bit_rate_text(highest / static_cast<double>(rate.seconds_each)));
  if (const auto lost = std::max(most(track.lost_per_second), most(track.lost_after_repair_per_second));
      lost > 0)
    out += label(2, kLossTop - 4, "lost, up to " + count_text(lost, "packet") + " a second");
  if (!track.gaps.empty() || !track.freezes.empty())
    out += label(2, kEventTop - 4, "gaps and frozen pictures");
  return out + "</svg></div>";
}

std::string row(const std::string& name, const std::string& value) {
  return value.empty() ? "" : "<tr><th>" + escape_markup(name) + "</th><td>" + escape_markup(value) + "</td></tr>";
}

std::string in_words(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string figures(const TrackReport& track) {
  const double seconds = (track.end_ms - track.start_ms) / 1000;
  const ReportLoss& lost = track.lost;
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Figures\"><table>";
  out += row("length", duration_text(seconds) + ", starts at " + at_text(track.start_ms));
  out += row("packets", std::to_string(track.packets) + ", " + std::to_string(track.duplicates) + " twice, " +
                            std::to_string(track.reordered) + " out of order, " +
                            std::to_string(track.repair_packets) + " for repair");
  out +=
      row("lost", std::to_string(lost.before_repair) + " before repair, " +
                      std::to_string(lost.after_repair) + " after (RTX " + std::to_string(lost.by_rtx) +
                      ", RED " + std::to_string(lost.by_red) + ", ULPFEC " + std::to_string(lost.by_ulpfec) +
                      ", FlexFEC " + std::to_string(lost.by_flexfec) + ")");
  out += row("frames", std::to_string(track.frames) + ", " + std::to_string(track.keyframes) +
                           " keyframes, " + std::to_string(track.dropped_count) + " dropped, " +
                           std::to_string(track.damaged_count) + " damaged");
  for (const ReportSegment& segment : track.segments)
    out += row("segment", at_text(segment.start_ms) + " to " + at_text(segment.end_ms) + " (" +
                              in_words(segment.why) + "): time from " + in_words(segment.clock_source) +
                              ", residual " + number(segment.residual_ms) + " ms, drift " +
                              number(segment.drift_ppm) + " ppm");
  for (const ReportStep& step : track.steps)
    out += row(step.duration_ms < 0 ? "clock leapt" : "clock stood still",
               "by " + number(std::abs(step.duration_ms)) + " ms at " + at_text(step.time_ms) + ", seen by " +
                   in_words(step.source));
  for (const ReportChange& change : track.changes)
    out += row(change.what, "from " + change.from + " to " + change.to + " at " + at_text(change.time_ms));
  return out + "</table></div>";
}

std::string verdict(const TrackReport& track) {
  if (!track.refused.empty())
    return "<span class=\"bad\">cannot be converted: " + escape_markup(track.refused) + "</span>";
  if (track.lost.after_repair + track.damaged_bytes > 0)
    return "<span class=\"bad\">" + escape_markup(count_text(track.lost.after_repair, "packet")) +
           " lost for good</span>";
  if (track.lost.before_repair > 0)
    return "<span class=\"good\">all of " + escape_markup(count_text(track.lost.before_repair, "lost packet")) +
           " repaired</span>";
  return "<span class=\"good\">nothing lost</span>";
}

/// "Ann: picture, layer f"; numbered where there are several alike.
std::vector<std::string> titles_of(const std::vector<TrackReport>& tracks) {
  std::vector<std::string> out;
  for (const TrackReport& track : tracks) {
    std::string title = track.kind == MediaKind::audio ? "sound" : "picture";
    title = track.participant_name.empty() ? title : track.participant_name + ": " + title;
    if (track.participant_name.empty()) title.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(title.front())));
    out.push_back(title + (track.rid ? ", layer " + *track.rid : ""));
  }
  const std::vector<std::string> plain = out;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (std::ranges::count(plain, plain[i]) > 1)
      out[i] += " " + std::to_string(1 + std::count(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(i), plain[i]));
  return out;
}

std::string section(const TrackReport& track, const std::string& title, const Scale& scale) {
  std::string out = "<section><h2>" + escape_markup(title) + "</h2><p class=\"dim\">" +
                    escape_markup(track.codec.empty() ? "codec unknown" : track.codec);
  if (track.width > 0)
    out += escape_markup(", " + std::to_string(track.width) + " x " + std::to_string(track.height));
  out += " · " + verdict(track) + " · <code>" + escape_markup(track.track_id) + "</code></p>";
  return out + timeline(track, scale) + figures(track) + "</section>\n";
}

std::string legend() {
  std::string out = "<p class=\"dim\">";
  for (const auto& [color, name] : {std::pair{"rate", "bit rate"},
                                    {"before", "lost, repaired"},
                                    {"after", "lost for good"},
                                    {"dtx", "silence (DTX)"},
                                    {"mute", "mute"},
                                    {"pause", "pause"},
                                    {"freeze", "frozen picture"},
                                    {"change", "change"}})
    out += std::string("<span class=\"key\" style=\"background:var(--") + color + ")\"></span>" + name;
  return out + "</p>";
}

}  // namespace

std::string report_page(const RecordingReport& report, const std::string& name) {
  std::string out =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>" +
      escape_markup(name) + "</title>" + kStyle + "</head><body><main>\n<h1>" + escape_markup(name) +
      "</h1><p class=\"dim\">" + escape_markup(duration_text(report.duration_ms / 1000));
  if (report.started) out += escape_markup(", from " + utc_text(*report.started) + "; times below are UTC");
  out += "</p>" + legend() + "\n";
  const Scale scale(report.duration_ms, report.started);
  const std::vector<std::string> titles = titles_of(report.tracks);
  for (std::size_t i = 0; i < report.tracks.size(); ++i) out += section(report.tracks[i], titles[i], scale);
  if (!report.notes.empty()) {
    out += "<section><h2>Notes</h2>";
    for (const ConvertNote& note : report.notes) out += "<p>" + escape_markup(note.message) + "</p>";
    out += "</section>";
  }
  return out + "</main></body></html>\n";
}

}  // namespace rtpx::cli
