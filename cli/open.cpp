// rtpx open: the plain files of a sealed recording.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct OpenArguments {
  std::string recording, output;
  IdentityArguments identities;
  bool json = false;
};

const char* const kOpenFooter =
    R"(Writes the files of a sealed recording as they would be if they had not been sealed, byte for byte; single files too, such as
sealed outputs of a conversion. What is damaged becomes zeros and is named; the exit status is 1 then.

Examples:
  rtpx open call --identity alice.identity -o plain
  rtpx open call/output/alice.webm --identity alice.identity -o plain)";

int run(const OpenArguments& arguments, const Program& program) {
  const auto identities = arguments.identities.load();
  if (!identities) return report("open", identities.error());
  const auto opened = open_sealed(arguments.recording, arguments.output, *identities, program.stop());
  if (!opened) return report("open", opened.error());
  nlohmann::json files = nlohmann::json::array();
  for (const OpenedFile& file : opened->files) {
    if (arguments.json)
      files.push_back({{"file", file.file.string()}, {"bytes", file.bytes}, {"problems", file.problems}});
    else
      std::printf("%s  %s\n", printable(file.file.string()).c_str(), bytes_text(file.bytes).c_str());
    for (const std::string& problem : file.problems)
      if (!arguments.json) std::printf("problem: %s\n", printable(problem).c_str());
  }
  if (arguments.json)
    std::printf("%s\n", nlohmann::json{{"whole", opened->whole()}, {"files", files}}
                            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                            .c_str());
  return opened->whole() ? kDone : kLosses;
}

}  // namespace

void add_open(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<OpenArguments>();
  CLI::App* command = app.add_subcommand("open", "Write the plain files of a sealed recording");
  command->footer(kOpenFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or one sealed file")->required();
  command->add_option("-o,--output", arguments->output, "Folder for the plain files; new or empty")
      ->required()
      ->type_name("DIR");
  arguments->identities.add_to(*command);
  command->add_flag("--json", arguments->json, "Say as JSON what was written");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
