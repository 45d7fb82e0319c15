// rtpx upload: a recording goes to S3.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "s3_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct UploadArguments {
  S3Arguments s3;
  std::string folder, url;
  bool resume = false, delete_after_upload = false, json = false;
};

const char* const kUploadFooter =
    R"(Files are stored as PREFIX/<folder name>/<file>, the manifest last. What an interruption leaves is gone on with by the
same command, or by --resume for everything below a folder. Nothing local is deleted unless asked.

Examples:
  rtpx upload recordings/20261122-100000 s3://archive/calls
  rtpx upload --resume recordings)";

int upload(const UploadArguments& arguments, const std::stop_token& stop) {
  S3TransferOptions options = transfer_options(arguments.s3, stop);
  options.delete_after_upload = arguments.delete_after_upload;
  std::optional<S3Url> prefix;
  if (!arguments.resume) {
    auto url = parse_s3_url(arguments.url);
    if (!url) return report("upload", url.error()), kUsage;
    prefix = *url;
  }
  const auto done = with_progress(options, [&](const S3TransferOptions& given) {
    return prefix ? upload_recording(arguments.folder, *prefix, given)
                  : resume_uploads(arguments.folder, given);
  });
  if (!done) {
    const int status = report("upload", done.error());
    if (status == kFailed)
      std::fprintf(stderr, "What was not stored is still queued: rtpx upload --resume %s\n",
                   printable(arguments.folder).c_str());
    return status;
  }
  print_report(*done, "uploaded", arguments.json);
  return kDone;
}

}  // namespace

void add_upload(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<UploadArguments>();
  CLI::App* const command = app.add_subcommand("upload", "Store a recording on S3");
  command->footer(kUploadFooter);
  command
      ->add_option("recording", arguments->folder, "Folder of a recording (with --resume: or of recordings)")
      ->required()
      ->type_name("RECORDING");
  auto* url = command->add_option("url", arguments->url, "s3://BUCKET/PREFIX")->type_name("URL");
  auto* resume =
      command->add_flag("--resume", arguments->resume, "Finish what earlier uploads left")->excludes(url);
  command->add_flag("--delete-after-upload", arguments->delete_after_upload,
                    "Delete local media files once verified");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  add_s3_options(*command, arguments->s3);
  command->callback([arguments, resume, &program] {
    if (resume->count() == 0 && arguments->url.empty())
      throw CLI::RequiredError("url (s3://BUCKET/PREFIX), or --resume");
    program.exit_code = upload(*arguments, program.stop());
  });
}

}  // namespace rtpx::cli
