// rtpx index: makes the packet index of a recording, so that it opens without being read.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "commands.hpp"
#include "remote.hpp"
#include "rtpx/packet_index.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct IndexArguments {
  std::string recording, copy;
  bool json = false;
};

const char* const kIndexFooter =
    R"(Looks through a recording that has ended, and writes what it found beside it (packets.rtpxp): the order of its packets,
its losses, its timeline, what its playlists say. From then on convert, package, frame and the server open it at once.
The index is a cache for whoever made it: where the recording or the index has changed, or is elsewhere, the recording is
read as if there were none. Sealed recordings get none. The key that tells that an index is one's own lies in
~/.local/state/rtpx/index.key, or where RTPX_INDEX_KEY says. The index of a recording on S3 is an object beside it, for all
who have the same key: with it, a picture or a cut takes a few requests.

Examples:
  rtpx index call
  rtpx index s3://bucket/calls/call --copy call)";

int run(const IndexArguments& arguments, Program& program) {
  auto downloader = downloader_for(arguments.recording);
  if (!downloader) return report("index", downloader.error());
  const auto made = make_packet_index(arguments.recording, {.temporary = {},
                                                            .stop = program.stop(),
                                                            .downloader = *downloader,
                                                            .copy = arguments.copy});
  if (!made) return report("index", made.error());
  const auto there = (*downloader ? *(*downloader)->objects() : real_file_system()).stat(*made);
  const std::uint64_t bytes = there && *there ? (*there)->size : 0;
  if (arguments.json)
    std::printf("%s\n", nlohmann::json{{"index", made->string()}, {"bytes", bytes}}
                            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                            .c_str());
  else
    std::printf("%s  %s\n", printable(made->string()).c_str(), bytes_text(bytes).c_str());
  return kDone;
}

}  // namespace

void add_index(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<IndexArguments>();
  CLI::App* command = app.add_subcommand("index", "Make a recording open at once");
  command->footer(kIndexFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  command->add_option("--copy", arguments->copy, "Folder that was stored there: read in place of the objects")->type_name("FOLDER");
  command->add_flag("--json", arguments->json, "Say as JSON what was written");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
