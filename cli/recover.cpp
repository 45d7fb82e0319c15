// rtpx recover: a whole recording of what a crash or damage left.
#include "rtpx/recover.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct RecoverArguments {
  std::string recording, output;
  IdentityArguments identities;
  bool json = false, allow_outside = false;
};

const char* const kRecoverFooter =
    R"(Torn tails and damaged stretches are cut out, a missing or broken manifest is rebuilt from the record files, and tracks
that were never ended are ended. Works on ex_webrtc_recorder's recordings too. In place, each file that changes is
first kept as NAME.damaged (of one that only ends in an unfinished record these bytes, as NAME.torn); with -o the recording is not touched. A recording that is being written is refused; the
message says by which process.

The exit status is 1 when something had to be cut out, or is missing.

Examples:
  rtpx recover call
  rtpx recover call -o call-repaired)";

void print(const RecoverReport& report) {
  for (const std::string& note : report.notes) std::printf("%s\n", printable(note).c_str());
  for (const RecoveredFile& file : report.files)
    for (const auto& cut : file.cuts)
      std::printf("%s: cut out %s at byte %llu%s\n", printable(file.file.filename().string()).c_str(),
                  bytes_text(cut.length).c_str(), static_cast<unsigned long long>(cut.offset),
                  cut.tail ? " (an unfinished record at the end)" : "");
  if (!report.changed() && report.missing_packets > 0)
    std::printf("What is missing is not there to be mended; nothing was changed.\n");
  else if (!report.changed())
    std::printf("The recording was whole; nothing was changed.\n");
  else
    std::printf("Recovered into %s; the report is %s\n", report.folder.c_str(), report.report.c_str());
}

void print_json(const RecoverReport& report) {
  using nlohmann::json;
  json files = json::array();
  for (const RecoveredFile& file : report.files) {
    json cuts = json::array();
    for (const auto& cut : file.cuts)
      cuts.push_back({{"offset", cut.offset}, {"length", cut.length}, {"tail", cut.tail}});
    files.push_back({{"track_id", file.track_id},
                     {"file", file.file.string()},
                     {"rtcp", file.rtcp},
                     {"changed", file.changed},
                     {"records", file.records},
                     {"bytes_before", file.bytes_before},
                     {"bytes", file.bytes},
                     {"suspect_records", file.suspect_records},
                     {"cuts", cuts}});
  }
  const json out = {{"folder", report.folder.string()},
                    {"changed", report.changed()},
                    {"report", report.report.string()},
                    {"rebuilt_tracks", report.rebuilt_tracks},
                    {"ended_tracks", report.ended_tracks},
                    {"missing_packets", report.missing_packets},
                    {"files", files},
                    {"notes", report.notes}};
  std::printf("%s\n", out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

bool lost_something(const RecoverReport& report) {
  for (const RecoveredFile& file : report.files)
    if (file.changed || file.suspect_records > 0) return true;
  return report.missing_packets > 0;
}

int run(const RecoverArguments& arguments, const Program& program) {
  RecoverOptions options;
  options.output = arguments.output;
  options.stop = program.stop();
  auto identities = arguments.identities.load();
  if (!identities) return report("recover", identities.error());
  options.identities = std::move(*identities);
  options.allow_outside = arguments.allow_outside;
  const auto recovered = recover(arguments.recording, options);
  if (!recovered) return report("recover", recovered.error());
  arguments.json ? print_json(*recovered) : print(*recovered);
  return lost_something(*recovered) ? kLosses : kDone;
}

}  // namespace

void add_recover(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<RecoverArguments>();
  CLI::App* command = app.add_subcommand("recover", "Repair what a crash or damage left of a recording");
  command->footer(kRecoverFooter);
  command->add_option("RECORDING", arguments->recording, "Folder or manifest.json")->required();
  command->add_option("-o,--output", arguments->output,
                      "Write a repaired copy there and leave the recording alone");
  arguments->identities.add_to(*command);
  command->add_flag("--allow-outside", arguments->allow_outside, kAllowOutsideHelp);
  command->add_flag("--json", arguments->json, "Print what was done as JSON");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
