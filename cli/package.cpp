// rtpx package: a recording becomes playlists and segments for any web server.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "e2ee_keys.hpp"
#include "identity_arguments.hpp"
#include "notes.hpp"
#include "play/package.hpp"
#include "remote.hpp"
#include "report/notes.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct PackageArguments {
  std::string recording, e2ee_keys;
  std::filesystem::path output;
  IdentityArguments identities;
};

const char* const kPackageFooter =
    R"(Writes HLS playlists (index.m3u8) and DASH manifests (manifest.mpd) with their segments, cut at keyframes from the
packets as they were recorded: nothing is encoded. Each simulcast layer is a rendition, sound and picture are apart.
A recording of several media streams has a playlist for each: index.m3u8, index-2.m3u8, …

Examples:
  rtpx package call -o site/call
  rtpx package call -o site/call --e2ee-keys keys.json    a call that was encrypted end to end
  ffplay site/call/index.m3u8)";

int run(const PackageArguments& arguments, Program& program) {
  auto keys = load_e2ee_keys(arguments.e2ee_keys);
  if (!keys) return report("package", keys.error());
  auto identities = arguments.identities.load();
  if (!identities) return report("package", identities.error());
  auto downloader = downloader_for(arguments.recording);
  if (!downloader) return report("package", downloader.error());
  std::error_code failed;
  const bool made = std::filesystem::create_directories(arguments.output, failed);
  if (failed)
    return report("package",
                  {Errc::io, "cannot make the folder " + arguments.output.string() + ": " + failed.message()});
  auto presentation = Presentation::open(arguments.recording, {.temporary = arguments.output,
                                                               .stop = program.stop(),
                                                               .identities = std::move(*identities),
                                                               .e2ee_keys = std::move(*keys),
                                                               .downloader = std::move(*downloader)});
  if (!presentation) {
    if (made) std::filesystem::remove(arguments.output, failed);
    return report("package", presentation.error());
  }
  const auto written = package(**presentation, arguments.output, program.stop());
  if (!written) return report("package", written.error());
  for (std::size_t i = 0; i < written->playlists.size(); ++i)
    std::printf("%s\n%s\n", written->playlists[i].c_str(), written->manifests[i].c_str());
  const auto view = (*presentation)->view();
  for (const std::string& why : view->left_out)
    std::fprintf(stderr, "rtpx package: %s; it is left out\n", printable(why).c_str());
  print_notes("package", view->notes);
  return view->left_out.empty() && std::ranges::none_of(view->notes, tells_a_loss) ? kDone : kLosses;
}

}  // namespace

void add_package(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<PackageArguments>();
  CLI::App* command = app.add_subcommand("package", "Write playlists and segments (HLS, DASH)");
  command->footer(kPackageFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  command->add_option("-o,--output", arguments->output, "Folder for the files")->required();
  add_e2ee_keys(*command, arguments->e2ee_keys);
  arguments->identities.add_to(*command);
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
