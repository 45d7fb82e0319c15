// rtpx report: the quality of a recording as a page.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "commands.hpp"
#include "inspected.hpp"
#include "report_page.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::cli {
namespace {

struct ReportArguments {
  std::string recording, output;
  bool json = false;
};

const char* const kReportFooter =
    R"(One HTML file that needs nothing else: for each track a timeline of bit rate, losses before and after repair, gaps,
freezes and changes of the picture.

Examples:
  rtpx report call -o report.html
  rtpx report call -o - | less        on standard output)";

int run(const ReportArguments& arguments, const Program& program) {
  const auto inspected = inspect_with_progress(arguments.recording, program);
  if (!inspected) return report("report", inspected.error());
  const std::string page = report_page(*inspected);
  if (arguments.output == "-") {
    const bool whole =
        std::fwrite(page.data(), 1, page.size(), stdout) == page.size() && std::fflush(stdout) == 0;
    return whole ? kDone : report("report", Error{Errc::io, "standard output took only a part of the page"});
  }
  if (auto written = write_file_atomically(real_file_system(), arguments.output, as_bytes(page)); !written)
    return report("report", written.error());
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
  command->add_flag("--json", arguments->json, "Say as JSON where the page is");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
