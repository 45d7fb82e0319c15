#include "definitions.hpp"

#include <CLI/CLI.hpp>
#include <sstream>

namespace rtpx::cli {
namespace {

/// "keep|drop|freeze", and "TEXT:{a,b}" as CLI::IsMember writes it.
std::vector<std::string> choices_in(std::string type) {
  char separator = '|';
  if (const auto open = type.find('{'); open != type.npos && type.ends_with('}')) {
    type = type.substr(open + 1, type.size() - open - 2);
    separator = ',';
  }
  std::vector<std::string> out;
  std::istringstream words(type);
  for (std::string word; std::getline(words, word, separator);) out.push_back(word);
  const auto is_choice = [](const std::string& word) {
    return !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == word.npos;
  };
  return out.size() > 1 && std::ranges::all_of(out, is_choice) ? out : std::vector<std::string>();
}

OptionDefinition definition_of(const CLI::Option& option) {
  OptionDefinition out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  out.positional = option.get_positional() && out.names.empty();
  if (out.positional) out.names.push_back(option.get_name(true));
  if (option.get_items_expected_max() > 0) out.value = option.get_type_name();
  out.choices = choices_in(out.value);
  if (const auto brace = out.value.find(":{"); brace != out.value.npos) out.value.resize(brace);
  if (const auto range = out.value.find(":"); range != out.value.npos && !out.value.starts_with("HOST") && !out.value.starts_with("s3"))
    out.value.resize(range);
  out.help = option.get_description();
  out.variable = option.get_envname();
  out.required = option.get_required();
  out.several = option.get_items_expected_max() > 1;
  out.optional_value = option.get_items_expected_min() == 0 && option.get_items_expected_max() > 0;
  return out;
}

void add_options(const CLI::App& app, std::vector<OptionDefinition>& out) {
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty()) out.push_back(definition_of(*option));
  for (const CLI::App* group : app.get_subcommands(nullptr))
    if (group->get_name().empty()) add_options(*group, out);  // an option group
}

CommandDefinition definition_of(const CLI::App& app, const std::string& name) {
  CommandDefinition out{name, app.get_description(), app.get_footer(), {}};
  add_options(app, out.options);
  return out;
}

}  // namespace

std::vector<CommandDefinition> definitions_of(const CLI::App& app) {
  std::vector<CommandDefinition> out{definition_of(app, "")};
  for (const CLI::App* command : app.get_subcommands(nullptr))
    if (!command->get_name().empty()) out.push_back(definition_of(*command, command->get_name()));
  return out;
}

}  // namespace rtpx::cli
