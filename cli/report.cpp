// rtpx report: the quality of a recording as a page.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file_system.hpp"
#include "commands.hpp"
#include "inspected.hpp"
#include "report_page.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::cli {
namespace {

struct ReportArguments {
  std::string recording, output;
};

const char* const kReportFooter =
    R"(One HTML file that needs nothing else: for each track a timeline of bit rate, losses before and after repair, gaps,
freezes and changes of the picture.

Examples:
  rtpx report call -o report.html)";

int run(const ReportArguments& arguments, const Program& program) {
  const auto inspected = inspect_with_progress(arguments.recording, program);
  if (!inspected) return report("report", inspected.error());
  const std::string page = report_page(*inspected);
  if (auto written = write_file_atomically(real_file_system(), arguments.output, as_bytes(page)); !written)
    return report("report", written.error());
  std::printf("%s\n", arguments.output.c_str());
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command = app.add_subcommand("report", "Draw the quality of a recording as an HTML page");
  command->footer(kReportFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  command->add_option("-o,--output", arguments->output, "HTML file")->required();
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
