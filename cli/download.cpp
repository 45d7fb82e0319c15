// rtpx download: a recording comes back from S3.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "s3_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct DownloadArguments {
  S3Arguments s3;
  std::string url, folder;
  std::uint64_t max_bytes = 0;
  bool json = false;
};

const char* const kDownloadFooter =
    R"(URL is a recording's prefix or its manifest.json. A download that was interrupted goes on where it was; files appear
under their names only when whole and compared with the object's checksum. Names that begin with a dot are refused before
anything is fetched. Where there is no manifest.json, what is there is fetched, and the exit status is 1.

Example:
  rtpx download s3://archive/calls/20261122-100000 call)";

int download(const DownloadArguments& arguments, const std::stop_token& stop) {
  const auto url = parse_s3_url(arguments.url);
  if (!url) return report("download", url.error()), kUsage;
  S3TransferOptions options = transfer_options(arguments.s3, stop);
  options.max_bytes = arguments.max_bytes;
  const auto done = with_progress(options, [&](const S3TransferOptions& given) {
    return download_recording(*url, arguments.folder, given);
  });
  if (!done) {
    const int status = report("download", done.error());
    if (status == kFailed) std::fputs("The same command goes on where this one stopped.\n", stderr);
    return status;
  }
  print_report(*done, "downloaded", arguments.json);
  if (done->has_manifest) return kDone;
  std::fprintf(
      stderr,
      "rtpx download: there is no manifest.json at %s: this is no recording, or its upload did not end. "
      "(rtpx list shows what is there; rtpx recover makes a manifest for media files.)\n",
      printable(arguments.url).c_str());
  return kLosses;
}

}  // namespace

void add_download(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<DownloadArguments>();
  CLI::App* const command = app.add_subcommand("download", "Fetch a recording from S3");
  command->footer(kDownloadFooter);
  command->add_option("url", arguments->url, "s3://BUCKET/PREFIX/RECORDING")->required()->type_name("URL");
  command->add_option("folder", arguments->folder, "Folder for it")->required()->type_name("DIR");
  command
      ->add_option("--max-bytes", arguments->max_bytes, "Receive no more than this (default: what is free)")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(false));
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  add_s3_options(*command, arguments->s3);
  command->callback([arguments, &program] { program.exit_code = download(*arguments, program.stop()); });
}

}  // namespace rtpx::cli
