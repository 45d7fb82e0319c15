// rtpx keygen: a key pair for sealed recordings.
#include <sodium.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "base/file_system.hpp"
#include "commands.hpp"
#include "identity_arguments.hpp"

namespace rtpx::cli {
namespace {

struct KeygenArguments {
  std::string output, public_of;
  bool no_passphrase = false;
  std::optional<int> passphrase_descriptor;
};

const char* const kKeygenFooter =
    R"(The public key, one line, goes to standard output: give it to `rtpx record --recipient`. The identity file opens what
was sealed for it, and should never be on a machine that records. Who loses it, or its passphrase, loses what was sealed
for it alone: name several recipients.

Examples:
  rtpx keygen -o alice.identity > alice.pub
  rtpx record --sdp camera.sdp -o recordings --recipient @alice.pub
  rtpx keygen --public-of alice.identity          its public key once more)";

/// Readable by its owner only, and never in place of another file.
Result<void> write_secret(const std::string& file, std::string_view text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return Unexpected<Error>(os_error("create", file, errno));
  bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = ::fsync(descriptor) == 0 && written;
  const int error_number = errno;
  ::close(descriptor);
  if (written) return {};
  (void)::unlink(file.c_str());
  return Unexpected<Error>(os_error("write", file, error_number));
}

Result<Recipient> make(const KeygenArguments& arguments) {
  const auto identity = Identity::generate();
  std::string passphrase;
  if (!arguments.no_passphrase) {
    auto asked = new_passphrase(arguments.passphrase_descriptor, arguments.output);
    if (!asked) return std::unexpected(asked.error());
    passphrase = std::move(*asked);
  }
  auto text = identity->text(passphrase);
  sodium_memzero(passphrase.data(), passphrase.size());
  if (!text) return std::unexpected(text.error());
  const auto written = write_secret(arguments.output, *text);
  sodium_memzero(text->data(), text->size());
  if (!written) return std::unexpected(written.error());
  return identity->recipient();
}

int run(const KeygenArguments& arguments) {
  if (!arguments.public_of.empty()) {
    const auto identity = Identity::load(arguments.public_of, ask_passphrase(arguments.passphrase_descriptor));
    if (!identity) return report("keygen", identity.error());
    std::printf("%s\n", (*identity)->recipient().text().c_str());
    return kDone;
  }
  if (arguments.output.empty())
    return report("keygen", Error{Errc::invalid_argument, "name the identity file to make: -o FILE"});
  const auto recipient = make(arguments);
  if (!recipient) return report("keygen", recipient.error());
  std::printf("%s\n", recipient->text().c_str());
  return kDone;
}

}  // namespace

void add_keygen(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<KeygenArguments>();
  CLI::App* command = app.add_subcommand("keygen", "Make a key pair for sealed recordings");
  command->footer(kKeygenFooter);
  command->add_option("-o,--output", arguments->output, "The identity file, which is secret; must not exist")
      ->type_name("FILE");
  command->add_option("--public-of", arguments->public_of, "Print the public key of an identity file")
      ->type_name("FILE");
  command->add_flag("--no-passphrase", arguments->no_passphrase, "Protect the file by nothing but its permissions");
  command
      ->add_option("--passphrase-fd", arguments->passphrase_descriptor,
                   "Read the passphrase from this descriptor, not from the terminal")
      ->type_name("N");
  command->callback([arguments, &program] { program.exit_code = run(*arguments); });
}

}  // namespace rtpx::cli
