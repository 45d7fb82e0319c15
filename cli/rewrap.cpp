// rtpx rewrap: who opens a sealed recording.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct RewrapArguments {
  std::string recording;
  std::vector<std::string> add, remove;
  IdentityArguments identities;
  bool list = false, json = false;
};

const char* const kRewrapFooter =
    R"(Media are not rewritten: each file's header has places for several recipients. To add one takes an identity that opens the
recording; to remove one takes none. Who was removed keeps what they had copied or opened before.

Examples:
  rtpx rewrap call --list
  rtpx rewrap call --add @bob.pub --identity alice.identity
  rtpx rewrap call --remove @alice.pub)";

int list(const RewrapArguments& arguments) {
  const auto recipients = recipients_of(arguments.recording);
  if (!recipients) return report("rewrap", recipients.error());
  nlohmann::json all = nlohmann::json::array();
  for (const Recipient& one : *recipients) all.push_back(one.text());
  if (arguments.json) {
    std::printf("%s\n", nlohmann::json{{"recipients", all}}.dump(2).c_str());
    return kDone;
  }
  if (recipients->empty()) std::printf("%s is not sealed.\n", printable(arguments.recording).c_str());
  for (const Recipient& one : *recipients) std::printf("%s\n", one.text().c_str());
  return kDone;
}

int run(const RewrapArguments& arguments) {
  if (arguments.list || (arguments.add.empty() && arguments.remove.empty())) return list(arguments);
  const auto add = parse_recipients(arguments.add);
  if (!add) return report("rewrap", add.error());
  const auto remove = parse_recipients(arguments.remove);
  if (!remove) return report("rewrap", remove.error());
  const auto identities = arguments.identities.load();
  if (!identities) return report("rewrap", identities.error());
  const auto changed = rewrap(arguments.recording, *identities, *add, *remove);
  if (!changed) return report("rewrap", changed.error());
  if (arguments.json)
    std::printf("%s\n", nlohmann::json{{"changed_files", *changed}}.dump(2).c_str());
  else
    std::printf("%s changed\n", count_text(*changed, "file").c_str());
  return kDone;
}

}  // namespace

void add_rewrap(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<RewrapArguments>();
  CLI::App* command = app.add_subcommand("rewrap", "Add or remove who opens a sealed recording");
  command->footer(kRewrapFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or one sealed file")->required();
  add_recipients(*command, arguments->add, "--add", "A public key that opens it from now on; repeatable");
  add_recipients(*command, arguments->remove, "--remove", "A public key that opens it no more; repeatable");
  command->add_flag("--list", arguments->list, "Print for whom it is sealed; so does neither --add nor --remove");
  arguments->identities.add_to(*command);
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([arguments, &program] { program.exit_code = run(*arguments); });
}

}  // namespace rtpx::cli
