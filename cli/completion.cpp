// Completions of bash, zsh and fish, from the command's own definitions.
#include <algorithm>
#include <sstream>

#include "manual.hpp"

namespace rtpx::cli {
namespace {

/// In single quotes of any of the three shells.
std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string names_of(const CommandDefinition& command) {
  std::string out;
  for (const OptionDefinition& option : command.options)
    if (!option.positional) out += (out.empty() ? "" : " ") + joined(option.names);
  return out;
}

std::string commands_of(std::span<const CommandDefinition> all) {
  std::string out = "help";
  for (const CommandDefinition& command : all)
    if (!command.name.empty()) out += " " + command.name;
  return out;
}

std::string for_bash(std::span<const CommandDefinition> all) {
  std::ostringstream out;
  out << "# bash completion of rtpx, made by `rtpx help --completion bash`\n"
         "_rtpx() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=\n"
         "  [ \"$before\" != = ] || before=${COMP_WORDS[COMP_CWORD-2]}\n"
         "  [ \"$word\" != = ] || word=\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ] || { [ \"$command\" = help ] && [ \"$COMP_CWORD\" -eq 2 ]; }; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W "
      << shell_word(commands_of(all) + " " + names_of(all.front()))
      << " -- \"$word\")\n    return\n  fi\n"
         "  case \"$command $before\" in\n";
  for (const CommandDefinition& command : all)
    for (const OptionDefinition& option : command.options)
      if (!option.choices.empty() && !option.positional)
        for (const std::string& name : option.names)
          out << "    " << shell_word(command.name + " " + name) << ") words=" << shell_word(joined(option.choices)) << " ;;\n";
  out << "  esac\n  if [ -z \"$words\" ] && [[ $word = -* ]]; then\n    case $command in\n";
  for (const CommandDefinition& command : all)
    if (!command.name.empty())
      out << "      " << command.name << ") words=" << shell_word(names_of(command)) << " ;;\n";
  out << "    esac\n  fi\n"
         "  if [ -n \"$words\" ]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "  else\n"
         "    compopt -o filenames\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "  fi\n"
         "}\n"
         "complete -F _rtpx rtpx\n";
  return out.str();
}

/// In the descriptions of _arguments.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string for_zsh(std::span<const CommandDefinition> all) {
  std::ostringstream out;
  out << "#compdef rtpx\n# zsh completion of rtpx, made by `rtpx help --completion zsh`\n"
         "_rtpx() {\n  local -a commands\n  commands=(\n    'help:Says how a command is used'\n";
  for (const CommandDefinition& command : all)
    if (!command.name.empty()) out << "    " << shell_word(command.name + ":" + zsh_text(command.help)) << "\n";
  out << "  )\n"
         "  if (( CURRENT == 2 )) || [[ $words[2] = help && CURRENT -eq 3 ]]; then\n"
         "    _describe command commands\n    return\n  fi\n"
         "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const CommandDefinition& command : all) {
    if (command.name.empty()) continue;
    out << "    " << command.name << ")\n      _arguments \\\n";
    for (const OptionDefinition& option : command.options) {
      if (option.positional) continue;
      const std::string value = option.value.empty() ? ""
                                : (option.optional_value ? "::" : ":") + zsh_text(option.value) + ":" +
                                      (option.choices.empty() ? "_files" : "(" + joined(option.choices) + ")");
      for (const std::string& name : option.names)
        out << "        " << shell_word("*" + name + (option.optional_value ? "=-" : "") + "[" + zsh_text(option.help) + "]" + value) << " \\\n";
    }
    out << "        '*:file:_files'\n      ;;\n";
  }
  out << "  esac\n}\nif [ \"$funcstack[1]\" = _rtpx ]; then _rtpx \"$@\"; else compdef _rtpx rtpx; fi\n";
  return out.str();
}

std::string for_fish(std::span<const CommandDefinition> all) {
  std::ostringstream out;
  out << "# fish completion of rtpx, made by `rtpx help --completion fish`\n"
         "complete -c rtpx -n __fish_use_subcommand -f -a help -d 'Says how a command is used'\n";
  for (const CommandDefinition& command : all) {
    const std::string when = command.name.empty() ? "__fish_use_subcommand" : shell_word("__fish_seen_subcommand_from " + command.name);
    if (!command.name.empty())
      out << "complete -c rtpx -n __fish_use_subcommand -f -a " << command.name << " -d " << shell_word(command.help) << "\n";
    for (const OptionDefinition& option : command.options) {
      if (option.positional) continue;
      out << "complete -c rtpx -n " << when;
      for (const std::string& name : option.names)
        out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      if (!option.value.empty() && !option.optional_value) out << " -r";
      if (!option.choices.empty()) out << " -f -a " << shell_word(joined(option.choices));
      out << " -d " << shell_word(option.help) << "\n";
    }
  }
  return out.str();
}

}  // namespace

std::string completion(const std::string& shell, std::span<const CommandDefinition> all) {
  if (shell == "bash") return for_bash(all);
  if (shell == "zsh") return for_zsh(all);
  if (shell == "fish") return for_fish(all);
  return {};
}

}  // namespace rtpx::cli
