// Dispatches to the subcommands; each of them lives in a file of its own.
#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "rtpx/version.hpp"

using namespace rtpx;

namespace {

using AddCommand = void (*)(CLI::App&, cli::Program&);
// In the order in which help lists them.
constexpr AddCommand kCommands[] = {
    cli::add_record,    //
    cli::add_serve,     //
    cli::add_import,    //
    cli::add_inspect,   //
    cli::add_report,    //
    cli::add_convert,   //
    cli::add_verify,    //
    cli::add_recover,   //
    cli::add_export,    //
    cli::add_upload,    //
    cli::add_download,  //
    cli::add_list,      //
};

const char* const kFooter = R"(A recording is a folder with a manifest.json, or the path of one.

Examples:
  rtpx import call.pcapng --sdp offer.sdp -o call     a capture becomes a recording
  rtpx inspect call                                   what is in it, track by track
  rtpx convert call -o videos                         files that play

Exit status: 0 done, 1 done with losses that are reported, 2 wrong usage, 3 input unusable, 4 failed.
`rtpx COMMAND --help` says more about each command.)";

/// What is wrong, and where help is: a command's page of options would hide it.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string name = app->get_name();
  for (const CLI::App* command : app->get_subcommands()) name += " " + command->get_name();
  const std::string what = name + ": " + error.what() + "\n";
  if (app->get_subcommands().empty()) return what + app->help();
  return what + "`" + name + " --help` says how it is used.\n";
}

}  // namespace

int main(int argc, char** argv) {
  cli::Program program;
  program.watch_signals();
  CLI::App app("rtpx records the RTP packets of WebRTC tracks and turns them into files that play.", "rtpx");
  app.set_version_flag("--version", std::string("rtpx ") + version());
  app.footer(kFooter);
  app.require_subcommand(1);
  app.failure_message(usage_error);
  app.get_formatter()->column_width(28);
  for (const AddCommand add : kCommands) add(app, program);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kDone : cli::kUsage;
  }
  return program.exit_code;
}
