// rtpx list: what is stored on S3.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "s3_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct ListArguments {
  S3Arguments s3;
  std::string url;
  bool json = false;
};

int list(const ListArguments& arguments, const std::stop_token& stop) {
  const auto url = parse_s3_url(arguments.url);
  if (!url) return report("list", url.error()), kUsage;
  const auto objects = list_objects(*url, transfer_options(arguments.s3, stop));
  if (!objects) return report("list", objects.error());
  if (arguments.json) {
    nlohmann::json out = nlohmann::json::array();
    for (const S3Object& object : *objects)
      out.push_back({{"url", S3Url{url->bucket, object.key}.text()},
                     {"bytes", object.bytes},
                     {"modified", object.modified},
                     {"etag", object.etag}});
    std::printf("%s\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return kDone;
  }
  Table table({"bytes", "modified", "object"});
  for (const S3Object& object : *objects)
    table.add({std::to_string(object.bytes), printable(object.modified),
               printable(S3Url{url->bucket, object.key}.text())});
  std::fputs(table.text().c_str(), stdout);
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<ListArguments>();
  CLI::App* const command = app.add_subcommand("list", "List what is stored on S3");
  command->footer("Example:\n  rtpx list s3://archive/calls");
  command->add_option("url", arguments->url, "s3://BUCKET/PREFIX")->required()->type_name("URL");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  add_s3_options(*command, arguments->s3);
  command->callback([arguments, &program] { program.exit_code = list(*arguments, program.stop()); });
}

}  // namespace rtpx::cli
