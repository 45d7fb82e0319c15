// rtpx report: the quality of a recording as a page.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "e2ee_keys.hpp"
#include "inspected.hpp"
#include "output_file.hpp"
#include "report_page.hpp"
#include "rtpx/describe.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::cli {
namespace {

struct ReportArguments {
  std::string recording, output, e2ee_keys;
  IdentityArguments identities;
  bool json = false, allow_outside = false;
};

const char* const kReportFooter =
    R"(One HTML file that needs nothing else: for each track a timeline of bit rate, losses before and after repair, gaps,
freezes and changes of the picture.

Examples:
  rtpx report call -o report.html
  rtpx report call -o - | less        on standard output)";

/// What people call it, else the folder's name.
std::string title_of_recording(const std::string& recording) {
  std::filesystem::path folder = recording;
  if (folder.filename() == "manifest.json") folder = folder.parent_path();
  if (const auto description = description_of_recording(folder); description && !description->name.empty())
    return description->name;
  while (folder.has_relative_path() && folder.filename().empty()) folder = folder.parent_path();
  const std::string name = folder.filename();
  return name.empty() || name == "." || name == ".." ? std::filesystem::absolute(folder).lexically_normal().parent_path().filename().string() : name;
}

int run(const ReportArguments& arguments, const Program& program) {
  const auto inspected =
      inspect_with_progress(arguments.recording, arguments.e2ee_keys, arguments.identities,
                            arguments.allow_outside, program);
  if (!inspected) return report("report", inspected.error());
  const std::string page = report_page(*inspected, title_of_recording(arguments.recording));
  if (auto written = write_output(arguments.output, as_bytes(page)); !written) return report("report", written.error());
  if (arguments.output == "-") return leaves_out(*inspected) ? kLosses : kDone;
  if (arguments.json)
    std::printf("%s\n", nlohmann::json{{"page", arguments.output}, {"bytes", page.size()}}
                            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                            .c_str());
  else
    std::printf("%s\n", arguments.output.c_str());
  return leaves_out(*inspected) ? kLosses : kDone;
}

}  // namespace

void add_report(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command = app.add_subcommand("report", "Draw the quality of a recording as an HTML page");
  command->footer(kReportFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  command->add_option("-o,--output", arguments->output, "HTML file; - for standard output")->required();
  add_e2ee_keys(*command, arguments->e2ee_keys);
  arguments->identities.add_to(*command);
  command->add_flag("--allow-outside", arguments->allow_outside, kAllowOutsideHelp);
  command->add_flag("--json", arguments->json, "Say as JSON where the page is");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
