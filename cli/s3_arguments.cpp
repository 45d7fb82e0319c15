#include "s3_arguments.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "progress.hpp"
#include "text.hpp"

namespace rtpx::cli {

void add_s3_options(CLI::App& command, S3Arguments& arguments) {
  command.add_option("--endpoint", arguments.endpoint, "Service to use instead of AWS (AWS_ENDPOINT_URL_S3)")
      ->type_name("URL");
  command.add_option("--region", arguments.region, "Region (AWS_REGION; default us-east-1)")
      ->type_name("NAME");
  command.add_option("--profile", arguments.profile, "Profile of the shared credentials file (AWS_PROFILE)")
      ->type_name("NAME");
  command.add_option("--ca-file", arguments.ca_file, "Certificate authorities, PEM (AWS_CA_BUNDLE)")
      ->type_name("FILE");
  command.add_flag("--path-style", arguments.path_style, "Bucket in the path (default with --endpoint)");
  command.add_flag("--virtual-host", arguments.virtual_host, "Bucket in the host name (default with AWS)")
      ->excludes("--path-style");
  command.add_flag("--no-checksum", arguments.no_checksum, "Send payloads unsigned");
  command.add_option("--part-size", arguments.part_size, "Bytes of a part (default 8M, at least 5M)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command.add_option("--parallel", arguments.parallel, "Parts at once (default 4)")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  command
      .add_option("--retry-for", arguments.retry_for,
                  "Give up after so long without a success; 0: never (default 30)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9));
}

S3TransferOptions transfer_options(const S3Arguments& arguments, const std::stop_token& stop) {
  S3TransferOptions options;
  options.config.endpoint = arguments.endpoint;
  options.config.region = arguments.region;
  options.config.profile = arguments.profile;
  options.config.ca_file = arguments.ca_file;
  if (arguments.path_style) options.config.path_style = true;
  if (arguments.virtual_host) options.config.path_style = false;
  if (arguments.no_checksum) options.config.payload_checksum = S3Config::Checksum::none;
  const auto digits = arguments.part_size.find_first_not_of("0123456789");
  const std::uint64_t size = std::stoull(arguments.part_size) << (digits == std::string::npos ? 0 : 20);
  options.config.part_bytes = std::max<std::uint64_t>(size, 5U << 20);
  options.config.parallel = arguments.parallel;
  options.retry_for = std::chrono::seconds(static_cast<std::int64_t>(arguments.retry_for));
  options.stop = stop;
  return options;
}

Result<S3TransferReport> with_progress(
    S3TransferOptions options, const std::function<Result<S3TransferReport>(const S3TransferOptions&)>& work,
    int progress_fd) {
  Progress progress(progress_fd);
  options.on_waiting = [&](const std::string& cause) { progress.show_waiting(cause); };
  options.progress = [&](const S3Progress& now) {
    if (now.total_bytes > 0)
      progress.show(static_cast<double>(now.bytes) / static_cast<double>(now.total_bytes),
                    printable(now.object));
  };
  return work(options);
}

void print_report(const S3TransferReport& report, const char* verb, bool json) {
  if (json) {
    const nlohmann::json out = {{"objects", report.objects},
                                {"bytes", report.bytes},
                                {"unverified", report.unverified},
                                {"given_up", report.given_up},
                                {"has_manifest", report.has_manifest}};
    std::printf("%s\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  for (const std::string& object : report.objects) std::printf("%s\n", printable(object).c_str());
  std::printf("%s, %s %s\n", count_text(report.objects.size(), "object").c_str(),
              bytes_text(report.bytes).c_str(), verb);
  for (const std::string& object : report.unverified)
    std::fprintf(stderr, "rtpx: the server tells no checksum of %s; only its size was compared.\n",
                 printable(object).c_str());
}

}  // namespace rtpx::cli
