#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "rtpx/s3.hpp"

namespace CLI {
class App;
}

namespace rtpx::cli {

/// What the S3 commands have in common. Keys and secrets come from the environment or the shared files, never
/// from the command line, where others could read them.
struct S3Arguments {
  std::string endpoint, region, profile, ca_file, part_size = "8M";
  bool path_style = false, virtual_host = false, no_checksum = false;
  int parallel = 4;
  double retry_for = 30;
};

void add_s3_options(CLI::App& command, S3Arguments& arguments);

[[nodiscard]] S3TransferOptions transfer_options(const S3Arguments& arguments, const std::stop_token& stop);

/// Shows progress, and why nothing moves, while `work` runs with options that report to it: on the terminal,
/// or as lines of JSON to a descriptor.
[[nodiscard]] Result<S3TransferReport> with_progress(
    S3TransferOptions options, const std::function<Result<S3TransferReport>(const S3TransferOptions&)>& work,
    int progress_fd = -1);

/// Prints what was moved, for a person or as JSON. `verb` is "uploaded" or "downloaded".
void print_report(const S3TransferReport& report, const char* verb, bool json);

}  // namespace rtpx::cli
