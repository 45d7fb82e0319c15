// rtpx inspect: what is in a recording, track by track and layer by layer.
#include "rtpx/inspect.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "e2ee_keys.hpp"
#include "inspected.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct InspectArguments {
  std::string recording, e2ee_keys;
  IdentityArguments identities;
  bool json = false, allow_outside = false;
};

const char* const kInspectFooter =
    R"(Lost: packet numbers that are missing, and how many stay so after repair by RTX, RED and FEC. Gaps are loss, pauses,
mutes and DTX (silence that a sender does not send). `rtpx report` draws the same as a page. The exit status is 1 when a
track, or a part of one, cannot be converted or is missing from its file.

Examples:
  rtpx inspect call
  rtpx inspect call --json | jq '.tracks[].packets')";

std::string name_of(const TrackReport& track) {
  return printable(track.track_id + (track.rid ? " " + *track.rid : ""));
}

std::string codec_text(const TrackReport& track) {
  if (track.codec.empty()) return "unknown";
  return track.codec + (track.codec_recognised ? " (recognised)" : "");
}

std::string picture_text(const TrackReport& track) {
  if (track.kind == MediaKind::audio)
    return track.sample_rate == 0
               ? ""
               : std::to_string(track.sample_rate) + " Hz, " + std::to_string(track.channels) + " ch";
  return track.width == 0 ? "" : std::to_string(track.width) + "x" + std::to_string(track.height);
}

double seconds_of(const TrackReport& track) {
  return (track.end_ms - track.start_ms) / 1000;
}

std::string rate_text(const TrackReport& track) {
  const double seconds = seconds_of(track);
  return seconds <= 0 ? "" : bit_rate_text(8 * static_cast<double>(track.bytes) / seconds);
}

void print_packets(const RecordingReport& report) {
  Table table({"track", "codec", "", "packets", "length", "starts", "bit rate", "lost", "after repair", "dup",
               "reord"});
  for (const TrackReport& track : report.tracks)
    table.add({name_of(track), codec_text(track), picture_text(track), std::to_string(track.packets),
               duration_text(seconds_of(track)), duration_text(track.start_ms / 1000), rate_text(track),
               std::to_string(track.lost.before_repair), std::to_string(track.lost.after_repair),
               std::to_string(track.duplicates), std::to_string(track.reordered)});
  std::printf("%s\n", table.text().c_str());
}

std::string residual_text(const TrackReport& track) {
  if (track.segments.empty()) return "";
  double worst = 0;
  for (const ReportSegment& segment : track.segments) worst = std::max(worst, segment.residual_ms);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %.1f ms", track.segments[0].clock_source.c_str(), worst);
  return text;
}

void print_frames(const RecordingReport& report) {
  Table table({"track", "frames", "keyframes", "dropped", "damaged", "gaps", "freezes", "repair packets",
               "segments", "time from"});
  for (const TrackReport& track : report.tracks)
    table.add({name_of(track), std::to_string(track.frames), std::to_string(track.keyframes),
               std::to_string(track.dropped_count), std::to_string(track.damaged_count),
               std::to_string(track.gaps.size()), std::to_string(track.freezes.size()),
               std::to_string(track.repair_packets), std::to_string(track.segments.size()),
               residual_text(track)});
  std::printf("%s", table.text().c_str());
}

void print_gaps(const TrackReport& track) {
  constexpr std::size_t kMost = 5;
  std::vector<ReportGap> longest = track.gaps;
  std::ranges::stable_sort(longest,
                           [](const auto& a, const auto& b) { return a.duration_ms > b.duration_ms; });
  longest.resize(std::min(longest.size(), kMost));
  std::ranges::sort(longest, {}, &ReportGap::start_ms);
  for (const ReportGap& gap : longest)
    std::printf("%s: %s of %s at %s%s\n", name_of(track).c_str(), to_string(gap.kind),
                duration_text(gap.duration_ms / 1000).c_str(), duration_text(gap.start_ms / 1000).c_str(),
                gap.packets == 0 ? "" : (" (" + count_text(gap.packets, "packet") + ")").c_str());
  if (track.gaps.size() > kMost)
    std::printf("%s: and %zu shorter gaps\n", name_of(track).c_str(), track.gaps.size() - kMost);
}

void print_events(const RecordingReport& report) {
  for (const TrackReport& track : report.tracks) {
    if (!track.refused.empty())
      std::printf("%s: cannot be converted: %s\n", name_of(track).c_str(), printable(track.refused).c_str());
    if (track.damaged_bytes > 0)
      std::printf("%s: %s of the record file are damaged\n", name_of(track).c_str(),
                  bytes_text(track.damaged_bytes).c_str());
    if (track.torn_bytes > 0)
      std::printf("%s: ends in an unfinished record of %s\n", name_of(track).c_str(),
                  bytes_text(track.torn_bytes).c_str());
    if (track.unknown_packets > 0)
      std::printf("%s: %s of payload types that nobody negotiated\n", name_of(track).c_str(),
                  count_text(track.unknown_packets, "packet").c_str());
    print_gaps(track);
    for (const ReportChange& change : track.changes)
      std::printf("%s: %s from %s to %s at %s\n", name_of(track).c_str(), change.what.c_str(),
                  printable(change.from).c_str(), printable(change.to).c_str(),
                  duration_text(change.time_ms / 1000).c_str());
  }
  for (const ConvertNote& note : report.notes) std::printf("%s\n", printable(note.message).c_str());
}

void print_text(const RecordingReport& report) {
  std::printf("%s: %s", printable(report.recording).c_str(),
              duration_text(report.duration_ms / 1000).c_str());
  if (report.started) std::printf(", from %s", utc_text(*report.started).c_str());
  std::printf("\n\n");
  print_packets(report);
  print_frames(report);
  std::printf("\n");
  print_events(report);
}

int run(const InspectArguments& arguments, const Program& program) {
  const auto inspected =
      inspect_with_progress(arguments.recording, arguments.e2ee_keys, arguments.identities,
                            arguments.allow_outside, program);
  if (!inspected) return report("inspect", inspected.error());
  if (arguments.json)
    std::printf("%s\n", serialize_report(*inspected).c_str());
  else
    print_text(*inspected);
  return leaves_out(*inspected) ? kLosses : kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a recording holds and how good it is");
  command->footer(kInspectFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  add_e2ee_keys(*command, arguments->e2ee_keys);
  arguments->identities.add_to(*command);
  command->add_flag("--allow-outside", arguments->allow_outside, kAllowOutsideHelp);
  command->add_flag("--json", arguments->json, "Print the report as JSON");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
