#include "identity_arguments.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/file_system.hpp"
#include "sealed/identities.hpp"

namespace rtpx::cli {
namespace {

constexpr std::size_t kMostPassphraseBytes = 1024;

/// A line without its end. Byte by byte: what follows is not ours.
Result<std::string> read_line(int descriptor, const std::string& from) {
  std::string line;
  line.reserve(kMostPassphraseBytes + 1);  // so that no copy of it is left elsewhere
  char c = 0;
  ssize_t got = 0;
  while ((got = ::read(descriptor, &c, 1)) == 1 && c != '\n') {
    if (line.size() == kMostPassphraseBytes)
      return fail(Errc::invalid_argument, "the passphrase from " + from + " is too long");
    line.push_back(c);
  }
  if (got < 0 || (got == 0 && line.empty()))
    return fail(Errc::invalid_argument, "no passphrase could be read from " + from);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

/// The terminal, showing nothing of what is typed.
class Terminal {
 public:
  Terminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (descriptor_ < 0 || ::tcgetattr(descriptor_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent_ = ::tcsetattr(descriptor_, TCSAFLUSH, &silent) == 0;
  }
  ~Terminal() {
    if (silent_) ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  Result<std::string> ask(const std::string& question) {
    if (!silent_)
      return fail(Errc::invalid_argument, "there is no terminal to ask for a passphrase: use --passphrase-fd N");
    write(question + ": ");
    auto line = read_line(descriptor_, "the terminal");
    write("\n");
    return line;
  }

 private:
  void write(const std::string& text) const {
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, text.data(), text.size());
  }
  const int descriptor_;
  termios before_{};
  bool silent_ = false;
};

Result<void> add_from_file(const std::string& file, std::vector<Recipient>& out) {
  const auto text = read_whole_file(real_file_system(), file, 1U << 20);
  if (!text) return std::unexpected(text.error());
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string::npos || line.starts_with('#')) continue;
    auto recipient = Recipient::parse(line);
    if (!recipient) return fail(recipient.error().code, file + ": " + recipient.error().message);
    out.push_back(*recipient);
  }
  return {};
}

}  // namespace

Passphrase ask_passphrase(std::optional<int> descriptor) {
  if (!descriptor)
    return [](const std::string& of_what) { return Terminal().ask("Passphrase of " + of_what); };
  return [descriptor, known = std::make_shared<std::optional<std::string>>()](
             const std::string&) -> Result<std::string> {
    if (!*known) {
      auto line = read_line(*descriptor, "descriptor " + std::to_string(*descriptor));
      if (!line) return line;
      *known = std::move(*line);
    }
    return **known;
  };
}

Result<std::string> new_passphrase(std::optional<int> descriptor, const std::string& of_what) {
  if (descriptor) {
    auto line = read_line(*descriptor, "descriptor " + std::to_string(*descriptor));
    if (line && line->empty()) return fail(Errc::invalid_argument, "the passphrase is empty");
    return line;
  }
  Terminal terminal;
  auto first = terminal.ask("New passphrase of " + of_what);
  if (!first) return first;
  if (first->empty())
    return fail(Errc::invalid_argument, "the passphrase is empty; --no-passphrase makes an identity without one");
  const auto second = terminal.ask("Once more");
  if (!second) return second;
  if (*first != *second) return fail(Errc::invalid_argument, "these are two passphrases");
  return first;
}

void IdentityArguments::add_to(CLI::App& command) {
  command.add_option("--identity", files, "Open a sealed recording with this identity file; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_option("--identity-fd", descriptors, "The same from an open descriptor")
      ->type_name("N")
      ->allow_extra_args(false);
  command.add_option("--passphrase-fd", passphrase_descriptor,
                     "Read the identity's passphrase from this descriptor, not from the terminal")
      ->type_name("N");
}

Result<Identities> IdentityArguments::load() const {
  Identities out;
  const Passphrase passphrase = ask_passphrase(passphrase_descriptor);
  std::vector<std::string> paths = files;
  for (const int descriptor : descriptors) paths.push_back("/dev/fd/" + std::to_string(descriptor));
  for (const std::string& path : paths) {
    auto loaded = sealed::load_identities(path, passphrase);
    if (!loaded) return std::unexpected(std::move(loaded).error());
    out.insert(out.end(), loaded->begin(), loaded->end());
  }
  return out;
}

void add_recipients(CLI::App& command, std::vector<std::string>& texts, const char* name, const char* help) {
  command.add_option(name, texts, help)->type_name("KEY")->allow_extra_args(false);
}

Result<std::vector<Recipient>> parse_recipients(const std::vector<std::string>& texts) {
  std::vector<Recipient> out;
  for (const std::string& text : texts) {
    if (text.starts_with('@')) {
      if (auto added = add_from_file(text.substr(1), out); !added) return std::unexpected(added.error());
      continue;
    }
    auto recipient = Recipient::parse(text);
    if (!recipient) return std::unexpected(recipient.error());
    out.push_back(*recipient);
  }
  std::vector<Recipient> unique;
  for (const Recipient& one : out)
    if (std::ranges::find(unique, one) == unique.end()) unique.push_back(one);
  if (unique.empty() && !texts.empty()) return fail(Errc::invalid_argument, "the file names no recipient");
  return unique;
}

}  // namespace rtpx::cli
