// rtpx worker: does the jobs of a fleet.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "nats_arguments.hpp"
#include "s3_arguments.hpp"
#include "server/fleet/fleet_worker.hpp"
#include "server/log.hpp"

namespace rtpx::cli {
namespace {

struct WorkerArguments {
  server::WorkerOptions options;
  S3Arguments s3;
  IdentityArguments identities;
  std::string store, classes = "hi,norm,low", log_level = "info", log_format = "text";
  int drain_seconds = 300;
};

const char* const kWorkerFooter =
    R"(A worker reads recordings below STORE/recordings, works on them in a process without network, and writes what it makes
below STORE/results. It may be started, stopped, killed and paused at any time: a job has one result whatever happens to
those who work on it. SIGTERM lets jobs under way end (--drain); what is not done by then goes to others at once.

With RTPX_INDEX_KEY, the key file that the nodes have too, a recording is read where it lies, by ranges, and is not fetched;
reports and verification read all of it here, and so does whoever meets a recording without a packet index.

Example:
  rtpx worker --nats nats://10.0.0.5:4222 --store s3://calls/fleet --jobs 2)";

int run(CLI::App& command, WorkerArguments& arguments, const std::stop_token& stop) {
  server::WorkerOptions& options = arguments.options;
  if (auto checked = check_nats_options(command, options.nats); !checked)
    return report("worker", checked.error()), kUsage;
  const auto store = parse_s3_url(arguments.store);
  if (!store) return report("worker", store.error()), kUsage;
  options.store = *store;
  options.classes.clear();
  for (const std::string& name : CLI::detail::split(arguments.classes, ',')) {
    const auto one = fleet::job_class(name);
    if (!one)
      return report("worker", Error{Errc::invalid_argument, "\"" + name + "\" is none of hi, norm, low."}),
             kUsage;
    options.classes.push_back(*one);
  }
  auto identities = arguments.identities.load();
  if (!identities) return report("worker", identities.error());
  options.limits.identities = *std::move(identities);
  options.s3 = transfer_options(arguments.s3, stop).config;
  options.drain = std::chrono::seconds(arguments.drain_seconds);
  if (options.limits.program.empty())
    options.limits.program = std::filesystem::read_symlink("/proc/self/exe");
  options.limits.in_place = std::getenv("RTPX_INDEX_KEY") != nullptr;
  server::set_up_log(arguments.log_level, arguments.log_format);
  const auto done = server::run_worker(options, stop);
  if (done) return kDone;
  report("worker", done.error());
  return done.error().code == Errc::invalid_argument ? kUsage : kFailed;
}

}  // namespace

void add_worker(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<WorkerArguments>();
  server::WorkerOptions& options = arguments->options;
  options.name = host_name();
  options.limits.folder = "./rtpx-worker";
  CLI::App* const command =
      app.add_subcommand("worker", "Convert and compose what the nodes of a fleet record");
  command->footer(kWorkerFooter);
  add_nats_options(*command, options.nats, true);
  command
      ->add_option("--store", arguments->store,
                   "Where the fleet's recordings and results lie: --upload of its nodes")
      ->envname("RTPX_STORE")
      ->type_name("s3://BUCKET/PREFIX")
      ->required();
  command->add_option("--name", options.name, "Of this worker in the fleet (default: the host's)")
      ->type_name("NAME");
  command
      ->add_option("--classes", arguments->classes,
                   "Classes of jobs that it takes, the first before the others")
      ->type_name("hi,norm,low");
  command->add_option("--jobs", options.jobs, "Jobs at once (default 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  command
      ->add_option("--folder", options.limits.folder,
                   "For recordings while they are worked on (default ./rtpx-worker)")
      ->type_name("DIR");
  command->add_option("--memory", options.limits.memory_bytes, "Of a job (default 4G)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command
      ->add_option("--max-recording", options.limits.max_bytes,
                   "Largest recording that it fetches; 0: what the disk has")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--min-free", options.limits.min_free_bytes, "Disk that it leaves free (default 1G)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command
      ->add_option("--drain", arguments->drain_seconds,
                   "Time for jobs under way when it is to stop (default 300)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, 86'400));
  arguments->identities.add_to(*command);
  add_s3_options(*command, arguments->s3);
  command->add_option("--log-level", arguments->log_level, "debug, info (default), warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL");
  command->add_option("--log-format", arguments->log_format, "text (default) or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  command->callback(
      [arguments, command, &program] { program.exit_code = run(*command, *arguments, program.stop()); });
}

}  // namespace rtpx::cli
