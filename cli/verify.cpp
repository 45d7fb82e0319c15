// rtpx verify: is a recording on disk what was recorded?
#include "rtpx/verify.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/utc_time.hpp"
#include "commands.hpp"
#include "identity_arguments.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

using nlohmann::json;

struct VerifyArguments {
  std::string recording;
  IdentityArguments identities;
  bool json = false, allow_outside = false;
};

const char* const kVerifyFooter =
    R"(Every block of the recording is proven (its checksum agrees), unproven (no checksum speaks of it) or damaged. The
exit status is 0 when all is proven, or when only the tail of a track that was not ended is unproven, as after a
crash; else 1. Of a sealed recording this is told without a key too: that all blocks are there, in order.

Examples:
  rtpx verify call
  rtpx verify call --json | jq .problems)";

void print_ranges(const VerifiedFile& file) {
  for (const VerifiedRange& range : file.ranges) {
    if (range.proof == Proof::proven) continue;
    std::printf("  %s: %s of %s at byte %llu%s%s%s%s\n", printable(file.track_id).c_str(),
                to_string(range.proof), bytes_text(range.length).c_str(),
                static_cast<unsigned long long>(range.offset), file.rtcp ? " of the RTCP" : "",
                range.utc ? (", from " + utc_text(*range.utc)).c_str() : "", range.reason.empty() ? "" : ": ",
                range.reason.c_str());
  }
  if (file.further_ranges > 0)
    std::printf("  %s: %llu more ranges%s are in the sums and not named\n", printable(file.track_id).c_str(),
                static_cast<unsigned long long>(file.further_ranges), file.rtcp ? " of the RTCP" : "");
}

void print_text(const VerifyReport& report) {
  Table table({"track", "file", "bytes", "proven", "unproven", "damaged"});
  for (const VerifiedFile& file : report.files)
    table.add({printable(file.track_id), printable(file.file.filename().string()), bytes_text(file.bytes),
               bytes_text(file.proven_bytes), bytes_text(file.unproven_bytes),
               bytes_text(file.damaged_bytes)});
  std::printf("%s", table.text().c_str());
  for (const VerifiedFile& file : report.files) print_ranges(file);
  for (const std::string& note : report.notes) std::printf("note: %s\n", note.c_str());
  for (const std::string& problem : report.problems) std::printf("problem: %s\n", problem.c_str());
  std::printf("%s\n",
              report.exit_code() != 0 ? "The recording is not proven whole."
              : report.sealed ? "All blocks are there and in order; what they hold is proven with an identity."
                              : "The recording is whole.");
}

json range_json(const VerifiedRange& range) {
  json out = {{"proof", to_string(range.proof)},
              {"offset", range.offset},
              {"length", range.length},
              {"tail", range.tail}};
  if (range.receive_time_ms) out["receive_time_ms"] = *range.receive_time_ms;
  if (range.utc) out["utc"] = format_utc(*range.utc);
  if (!range.reason.empty()) out["reason"] = range.reason;
  return out;
}

void print_json(const VerifyReport& report) {
  json files = json::array();
  for (const VerifiedFile& file : report.files) {
    json ranges = json::array();
    for (const VerifiedRange& range : file.ranges) ranges.push_back(range_json(range));
    files.push_back({{"track_id", file.track_id},
                     {"file", file.file.string()},
                     {"rtcp", file.rtcp},
                     {"bytes", file.bytes},
                     {"proven_bytes", file.proven_bytes},
                     {"unproven_bytes", file.unproven_bytes},
                     {"damaged_bytes", file.damaged_bytes},
                     {"ranges", ranges},
                     {"further_ranges", file.further_ranges}});
  }
  const json out = {{"whole", report.exit_code() == 0},
                    {"sealed", report.sealed},
                    {"files", files},
                    {"notes", report.notes},
                    {"problems", report.problems}};
  std::printf("%s\n", out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

int run(const VerifyArguments& arguments, const Program& program) {
  VerifyOptions options;
  options.stop = program.stop();
  auto identities = arguments.identities.load();
  if (!identities) return report("verify", identities.error());
  options.identities = std::move(*identities);
  options.allow_outside = arguments.allow_outside;
  const auto verified = [&] {
    Progress progress;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      progress.show(total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total), "verifying");
    };
    return verify(arguments.recording, options);
  }();
  if (!verified) return report("verify", verified.error());
  if (arguments.json)
    print_json(*verified);
  else
    print_text(*verified);
  return verified->exit_code();
}

}  // namespace

void add_verify(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand("verify", "Compare a recording with its checksums");
  command->footer(kVerifyFooter);
  command->add_option("RECORDING", arguments->recording, "Folder or manifest.json")->required();
  arguments->identities.add_to(*command);
  command->add_flag("--allow-outside", arguments->allow_outside, kAllowOutsideHelp);
  command->add_flag("--json", arguments->json, "Print the findings as JSON");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
