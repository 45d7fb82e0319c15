#include "help.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "manual.hpp"
#include "program.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<const char*, const char*> kShells[] = {
    {"bash", "bash-completion/completions/rtpx"}, {"zsh", "zsh/site-functions/_rtpx"}, {"fish", "fish/vendor_completions.d/rtpx.fish"}};

bool write_help(const fs::path& file, const std::string& text) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (out) return true;
  std::fprintf(stderr, "rtpx help: Cannot write %s.\n", file.c_str());
  return false;
}

int write_all(const fs::path& folder, const std::vector<CommandDefinition>& all) {
  bool good = true;
  for (const CommandDefinition& command : all)
    good = write_help(folder / "man/man1" / ((command.name.empty() ? "rtpx" : "rtpx-" + command.name) + ".1"), man_page(command, all)) && good;
  for (const auto& [shell, place] : kShells) good = write_help(folder / place, completion(shell, all)) && good;
  return good ? kDone : kFailed;
}

int wrong(const std::string& what) {
  std::fprintf(stderr, "rtpx help: %s\n`rtpx --help` says more.\n", printable(what).c_str());
  return kUsage;
}

}  // namespace

std::optional<int> make_help(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.size() < 2 || words[0] != "help" || !words[1].starts_with("--")) return std::nullopt;
  const std::string argument = words.size() > 2 ? words[2] : "";
  if (words.size() > 3) return wrong("That is too much.");
  const auto all = definitions_of(app);
  if (words[1] == "--man") {
    const auto command = std::ranges::find(all, argument, &CommandDefinition::name);
    if (command == all.end()) return wrong("There is no command \"" + argument + "\".");
    std::fputs(man_page(*command, all).c_str(), stdout);
    return kDone;
  }
  if (words[1] == "--completion") {
    const std::string script = completion(argument, all);
    if (script.empty()) return wrong("--completion is for bash, zsh or fish.");
    std::fputs(script.c_str(), stdout);
    return kDone;
  }
  if (words[1] == "--write" && !argument.empty()) return write_all(argument, all);
  return std::nullopt;
}

}  // namespace rtpx::cli
