// Dispatches to the subcommands; each of them lives in a file of its own.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "commands.hpp"
#include "help.hpp"
#include "near_miss.hpp"
#include "rtpx/version.hpp"
#include "text.hpp"

using namespace rtpx;

#ifdef RTPX_UNDER_TSAN
/// Pango has Fontconfig read its files in a thread of its own; neither shows ThreadSanitizer how they wait for each other.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:rtpx::film::draw_label\nrace:libfontconfig"; }
#endif
#ifdef RTPX_UNDER_ASAN
/// Fontconfig keeps what it has read to the end of the process.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig"; }
#endif

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
    cli::add_frame,     //
    cli::add_package,   //
    cli::add_compose,   //
    cli::add_verify,    //
    cli::add_recover,   //
    cli::add_export,    //
    cli::add_upload,    //
    cli::add_download,  //
    cli::add_list,      //
    cli::add_worker,    //
    cli::add_fleet,     //
    cli::add_keygen,    //
    cli::add_open,      //
    cli::add_index,     //
    cli::add_rewrap,    //
};

const char* const kFooter = R"(A recording is a folder with a manifest.json, or the path of one.

Examples:
  rtpx import call.pcapng --sdp offer.sdp -o call     a capture becomes a recording
  rtpx inspect call                                   what is in it, track by track
  rtpx convert call -o videos                         files that play

Exit status: 0 done, 1 done with losses that are reported, 2 wrong usage, 3 input unusable, 4 failed.
`rtpx help COMMAND` says more about each command; `rtpx help --man COMMAND` is its manual page, and
`rtpx help --completion bash` (or zsh, fish) a script that completes words of the command line.)";

/// The option that may have been meant by the first word that is none.
std::string meant_option(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const std::string& word : command.remaining(true))
    if (word.starts_with("--"))
      if (const std::string meant = cli::near_miss(word.substr(0, word.find('=')), names); !meant.empty())
        return "; did you mean `" + meant + "`?";
  return {};
}

/// What is wrong, and where help is: a command's page of options would hide it.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string name = app->get_name();
  const CLI::App* last = app;
  for (const CLI::App* command : app->get_subcommands()) {
    name += " " + command->get_name();
    last = command;
  }
  const bool unknown = !app->remaining(true).empty();
  const std::string what = name + ": " + error.what() + (unknown ? meant_option(*last) : "") + "\n";
  if (app->get_subcommands().empty() && !unknown) return what + app->help();
  return what + "`" + name + " --help` says how it is used.\n";
}

/// The words of the command line, with `help COMMAND` as `COMMAND --help`.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words.front() != "help") return words;
  words.erase(words.begin());
  words.insert(words.begin() + (words.empty() ? 0 : 1), "--help");
  return words;
}

/// Whether the first word is a command; says on stderr which one may have been meant where it is not.
bool names_a_command(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty() || words.front().starts_with("-")) return true;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  if (std::ranges::find(names, words.front()) != names.end()) return true;
  const std::string meant = cli::near_miss(words.front(), names);
  std::fprintf(stderr, "rtpx: there is no command \"%s\"%s\n`rtpx --help` lists them.\n",
               cli::printable(words.front()).c_str(),
               meant.empty() ? "" : ("; did you mean `rtpx " + meant + "`?").c_str());
  return false;
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
  if (const auto done = cli::make_help(app, {argv + 1, argv + argc})) return *done;
  std::vector<std::string> words = words_of(argc, argv);
  if (!names_a_command(app, words)) return cli::kUsage;
  std::ranges::reverse(words);  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kDone : cli::kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rtpx: %s\n", error.what());
    return cli::kFailed;
  }
  return program.exit_code;
}
