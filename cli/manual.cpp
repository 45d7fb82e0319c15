// Man pages, from the command's own definitions.
#include "manual.hpp"

#include <algorithm>
#include <sstream>

#include "rtpx/version.hpp"

namespace rtpx::cli {
namespace {

/// Text as roff takes it: hyphens that are hyphens, no request at the beginning of a line.
std::string roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string page_name(const CommandDefinition& command) {
  return command.name.empty() ? "rtpx" : "rtpx-" + command.name;
}

void put_synopsis(std::ostringstream& out, const CommandDefinition& command) {
  out << ".SH SYNOPSIS\n.B rtpx" << (command.name.empty() ? "" : " " + roff(command.name)) << "\n";
  if (command.name.empty()) {
    out << ".I COMMAND\n[\\fIOPTIONS\\fR]\n";
    return;
  }
  out << "[\\fIOPTIONS\\fR]\n";
  for (const OptionDefinition& option : command.options)
    if (option.positional)
      out << (option.required ? "" : "[") << "\\fI" << roff(option.names.front()) << "\\fR"
          << (option.several ? "..." : "") << (option.required ? "" : "]") << "\n";
}

void put_option(std::ostringstream& out, const OptionDefinition& option) {
  out << ".TP\n";
  const char* separator = "";
  for (const std::string& name : option.names) {
    out << separator << (option.positional ? "\\fI" : "\\fB") << roff(name) << "\\fR";
    separator = ", ";
  }
  if (!option.positional && !option.value.empty())
    out << (option.optional_value ? "[=\\fI" : " \\fI") << roff(option.value) << "\\fR"
        << (option.optional_value ? "]" : "") << (option.several ? "..." : "");
  out << "\n" << roff(option.help) << "\n";
  if (!option.choices.empty() && option.value.find('|') == option.value.npos) {
    out << ".br\nOne of";
    for (const std::string& choice : option.choices)
      out << (choice == option.choices.front() ? " " : ", ") << roff(choice);
    out << ".\n";
  }
  if (!option.variable.empty()) out << ".br\nIn the environment: \\fB" << roff(option.variable) << "\\fR\n";
  if (option.required && !option.positional) out << ".br\nRequired.\n";
}

/// What stands after "Example:", as it is; what stands before, as text.
void put_footer(std::ostringstream& out, const std::string& footer) {
  const auto examples = footer.find("Example");
  if (const std::string text = footer.substr(0, examples); !text.empty()) out << ".SH NOTES\n" << roff(text) << "\n";
  if (examples == footer.npos) return;
  out << ".SH EXAMPLES\n.nf\n";
  std::istringstream lines(footer.substr(examples));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) out << roff(line) << "\n";
  out << ".fi\n";
}

}  // namespace

std::string man_page(const CommandDefinition& command, std::span<const CommandDefinition> all) {
  std::ostringstream out;
  out << ".TH " << upper(page_name(command)) << " 1 \"\" \"rtpx " << version() << "\" \"rtpx\"\n";
  std::string line = command.help.substr(0, command.help.find('\n'));
  if (line.ends_with('.')) line.pop_back();
  out << ".SH NAME\n" << roff(page_name(command)) << " \\- " << roff(line) << "\n";
  put_synopsis(out, command);
  out << ".SH DESCRIPTION\n" << roff(command.help) << "\n";
  if (command.name.empty()) {
    out << ".SH COMMANDS\n";
    for (const CommandDefinition& one : all)
      if (!one.name.empty()) out << ".TP\n\\fBrtpx " << roff(one.name) << "\\fR\n" << roff(one.help) << "\n";
  }
  out << ".SH OPTIONS\n";
  for (const OptionDefinition& option : command.options) put_option(out, option);
  put_footer(out, command.footer);
  out << ".SH \"EXIT STATUS\"\n0 done, 1 done with losses that are reported, 2 wrong usage, 3 input unusable, 4 failed.\n"
         ".SH \"SEE ALSO\"\n";
  const char* separator = "";
  for (const CommandDefinition& one : all)
    if (one.name != command.name) {
      out << separator << ".BR " << roff(page_name(one)) << " (1)";
      separator = ",\n";
    }
  out << "\n";
  return out.str();
}

}  // namespace rtpx::cli
