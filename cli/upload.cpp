// rtpx upload: a recording goes to S3.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "progress.hpp"
#include "s3/queue_file.hpp"
#include "s3_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

namespace fs = std::filesystem;

struct UploadArguments {
  S3Arguments s3;
  std::string folder, url;
  int progress_fd = -1;  // -1: the terminal
  bool resume = false, check = false, delete_after_upload = false, allow_outside = false, json = false;
};

const char* const kUploadFooter =
    R"(Files are stored as PREFIX/<folder name>/<file>, the manifest last. An object of other content is not overwritten. What
an interruption leaves is gone on with by the same command, or by --resume for everything below a folder; that also ends
what recordings left at the service which were deleted meanwhile. Nothing local is deleted unless asked, and then only what
the service proves, right before, to have in the same size and checksum.

Examples:
  rtpx upload recordings/20261122-100000 s3://archive/calls
  rtpx upload --resume recordings
  rtpx upload --check recordings/20261122-100000 s3://archive/calls     is it all there? (exit status 1: no))";

int check(const UploadArguments& arguments, const S3Url& prefix, const S3TransferOptions& options) {
  const auto checked = check_stored(arguments.folder, prefix, options);
  if (!checked) return report("upload", checked.error());
  const bool proven = checked->missing.empty() && checked->different.empty() && checked->unverified.empty();
  if (arguments.json) {
    const nlohmann::json out = {{"proven", checked->proven},
                                {"unverified", checked->unverified},
                                {"missing", checked->missing},
                                {"different", checked->different}};
    std::printf("%s\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    const auto say = [](const std::vector<std::string>& objects, const char* what) {
      for (const std::string& object : objects) std::printf("%-10s  %s\n", what, printable(object).c_str());
    };
    say(checked->proven, "the same");
    say(checked->unverified, "same size");
    say(checked->missing, "missing");
    say(checked->different, "different");
  }
  if (!proven)
    std::fprintf(
        stderr,
        "rtpx upload: not all of %s is proven to be stored: %zu missing, %zu different, %zu of the same size "
        "whose checksum the service does not tell.\n",
        printable(arguments.folder).c_str(), checked->missing.size(), checked->different.size(),
        checked->unverified.size());
  return proven ? kDone : kLosses;
}

/// Whether something of a recording, or of a folder of recordings, waits for `--resume`.
bool is_queued(const fs::path& folder) {
  fs::path place = fs::absolute(folder).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  for (const fs::path& queue : {place / s3::kQueueFolder, place.parent_path() / s3::kQueueFolder / place.filename()}) {
    std::error_code failed;
    if (fs::is_directory(queue, failed) && !fs::is_empty(queue, failed)) return true;
  }
  return false;
}

int upload(const UploadArguments& arguments, const std::stop_token& stop) {
  S3TransferOptions options = transfer_options(arguments.s3, stop);
  options.delete_after_upload = arguments.delete_after_upload;
  options.allow_outside = arguments.allow_outside;
  std::optional<S3Url> prefix;
  if (!arguments.resume) {
    auto url = parse_s3_url(arguments.url);
    if (!url) return report("upload", url.error()), kUsage;
    prefix = *url;
  }
  if (arguments.check) return check(arguments, *prefix, options);
  const auto done = with_progress(
      options,
      [&](const S3TransferOptions& given) {
        return prefix ? upload_recording(arguments.folder, *prefix, given)
                      : resume_uploads(arguments.folder, given);
      },
      arguments.progress_fd);
  if (!done) {
    const int status = report("upload", done.error());
    if (status == kFailed)
      std::fprintf(stderr, is_queued(arguments.folder) ? "What was not stored is still queued: rtpx upload --resume %s\n"
                                                       : "Nothing of %s is queued: give the same command again.\n",
                   printable(arguments.folder).c_str());
    return status;
  }
  print_report(*done, "uploaded", arguments.json);
  for (const std::string& object : done->given_up)
    std::fprintf(stderr, "rtpx upload: %s is not stored: its recording was deleted before.\n",
                 printable(object).c_str());
  return done->given_up.empty() ? kDone : kLosses;
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
  command->add_flag("--check", arguments->check, "Store nothing: compare what is stored with the files here")
      ->excludes(resume);
  command->add_flag("--delete-after-upload", arguments->delete_after_upload,
                    "Delete local media files that are proven to be stored");
  command->add_flag("--allow-outside", arguments->allow_outside,
                    "Bring what the manifest names elsewhere into the folder first: as a hard link, or a copy");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  add_progress_fd(*command, arguments->progress_fd,
                  "Write progress, and why nothing moves, to this descriptor, a line of JSON each");
  add_s3_options(*command, arguments->s3);
  command->callback([arguments, resume, &program] {
    if (resume->count() == 0 && arguments->url.empty())
      throw CLI::RequiredError("url (s3://BUCKET/PREFIX), or --resume");
    program.exit_code = upload(*arguments, program.stop());
  });
}

}  // namespace rtpx::cli
