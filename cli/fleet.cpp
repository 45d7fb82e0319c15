// rtpx fleet: sets up and looks after nodes and workers that share their work over NATS.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/utc_time.hpp"
#include "commands.hpp"
#include "fleet/job_json.hpp"
#include "fleet/order.hpp"
#include "nats_arguments.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

using namespace fleet;
using nlohmann::json;

struct FleetArguments {
  NatsOptions nats;
  FleetSetup setup;
  int lease_seconds = 60, retry_seconds = 5;
  std::string state, member, key;
  bool json = false, undo = false, all_failed = false, drop = false;
};

const char* const kFleetFooter =
    R"(The dead letters of a fleet are its jobs in state "failed": tried until --max-attempts, or found hopeless.

Examples:
  rtpx fleet init --nats nats://10.0.0.5:4222 --replicas 3     once, and again after an upgrade
  rtpx fleet status                                            who is there, what waits, for how long
  rtpx fleet jobs --state failed
  rtpx fleet retry --failed
  rtpx fleet drain worker-3                                    takes no more jobs; `--undo` ends it)";

void print(const json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<Milliseconds>(utc_now().time_since_epoch()).count();
}

using Records = std::map<std::string, Stored>;

/// How many slices of the film are made; nullopt: it is not made in slices.
std::optional<int> slices_made(const Records& records, const Job& film) {
  if (film.kind != JobKind::compose || film.slices <= 1) return std::nullopt;
  int made = 0;
  for (int number = 1; number <= film.slices; ++number) {
    const auto slice = records.find(key_of(slice_of(film, number)));
    if (slice == records.end() || !is_slice_of(slice->second.record.job, film)) continue;
    if (slice->second.record.state == JobState::done) ++made;
  }
  return made;
}

/// What a line says of a film besides.
std::string film_text(const Records& records, const Job& job) {
  std::string out;
  if (const auto made = slices_made(records, job))
    out = std::to_string(*made) + " of " + std::to_string(job.slices) + " slices are made";
  for (const RecordingName& part : job.parts)
    out += (out.empty() ? "with " : ", with ") + part.node + "/" + part.recording;
  return out;
}

json view_of(const Records& records, const std::string& key, const Stored& stored) {
  const JobRecord& record = stored.record;
  json out = {{"key", key},
              {"kind", to_string(record.job.kind)},
              {"class", to_string(record.job.priority)},
              {"node", record.job.node},
              {"recording", record.job.recording},
              {"generation", record.job.generation},
              {"state", to_string(record.state)},
              {"attempts", record.attempts},
              {"unchanged_seconds", std::max<std::int64_t>(stored.age.count(), 0) / 1000}};
  if (!record.worker.empty()) out["worker"] = record.worker;
  if (!record.error.empty()) out["error"] = record.error;
  if (record.job.slices > 1) out["slices"] = record.job.slices;
  if (record.job.kind == JobKind::slice) out["slice"] = record.job.slice;
  if (const auto made = slices_made(records, record.job)) out["slices_made"] = *made;
  for (const RecordingName& part : record.job.parts)
    out["parts"].push_back({{"node", part.node}, {"recording", part.recording}});
  if (record.state == JobState::running) out["fraction"] = record.fraction;
  if (record.state == JobState::done)
    out["result"] = to_json(record.result);
  return out;
}

json view_of(const Member& member) {
  json out = {{"name", member.name},
              {"heartbeat_seconds", std::max<std::int64_t>(now_ms() - member.time_ms, 0) / 1000},
              {"free_bytes", member.free_bytes},
              {"draining", member.draining}};
  if (member.is_worker) {
    out["running"] = member.running;
    out["slots"] = member.slots;
  } else {
    out["address"] = member.address;
    out["sessions"] = member.sessions;
    out["most_sessions"] = member.most_sessions;
    out["unproven"] = member.unproven;
  }
  return out;
}

int given_up(const Error& error) {
  report("fleet", error);
  return error.code == Errc::invalid_argument ? kUsage : kFailed;
}

Result<std::shared_ptr<Bus>> connect(FleetArguments& arguments) {
  arguments.nats.name = "rtpx-fleet";
  arguments.nats.on_message = [](const std::string& text) {
    if (text != "NATS is away") std::fprintf(stderr, "rtpx fleet: %s\n", printable(text).c_str());
  };
  return connect_nats(arguments.nats);
}

int init(FleetArguments& arguments) {
  arguments.nats.name = "rtpx-fleet";
  arguments.setup.rules.lease = std::chrono::seconds(arguments.lease_seconds);
  arguments.setup.rules.retry_delay = std::chrono::seconds(arguments.retry_seconds);
  const auto done = set_up_fleet(arguments.nats, arguments.setup);
  if (!done) return given_up(done.error());
  if (arguments.json)
    print({{"done", *done}});
  else
    for (const std::string& line : *done) std::printf("%s\n", line.c_str());
  return kDone;
}

int status(FleetArguments& arguments) {
  const auto bus = connect(arguments);
  if (!bus) return given_up(bus.error());
  const auto members = (*bus)->members();
  const auto backlog = (*bus)->backlog();
  const auto records = (*bus)->records();
  for (const Error* error : {members ? nullptr : &members.error(), backlog ? nullptr : &backlog.error(),
                             records ? nullptr : &records.error()})
    if (error != nullptr) return given_up(*error);
  std::map<std::string, std::uint64_t> states;
  std::int64_t oldest = 0;
  for (const auto& [key, stored] : *records) {
    ++states[to_string(stored.record.state)];
    if (stored.record.state == JobState::waiting)
      oldest = std::max<std::int64_t>(oldest, stored.age.count() / 1000);
  }
  json out = {{"nodes", json::array()},
              {"workers", json::array()},
              {"jobs", states},
              {"oldest_waiting_seconds", oldest},
              {"backlog", json::object()}};
  for (const Member& member : *members)
    out[member.is_worker ? "workers" : "nodes"].push_back(view_of(member));
  for (const auto& [priority, one] : *backlog)
    out["backlog"][to_string(priority)] = {{"waiting", one.waiting}, {"delivered", one.delivered}};
  if (arguments.json) {
    print(out);
    return kDone;
  }
  for (const Member& member : *members) {
    if (member.is_worker)
      std::printf("worker  %-24s %u of %u jobs, %s free%s\n", member.name.c_str(), member.running,
                  member.slots, bytes_text(member.free_bytes).c_str(), member.draining ? ", draining" : "");
    else
      std::printf("node    %-24s %llu of %llu sessions, %s free, %llu recordings not proven to be stored%s\n",
                  member.name.c_str(), static_cast<unsigned long long>(member.sessions),
                  static_cast<unsigned long long>(member.most_sessions),
                  bytes_text(member.free_bytes).c_str(), static_cast<unsigned long long>(member.unproven),
                  member.draining ? ", draining" : "");
  }
  for (const auto& [state, count] : states)
    std::printf("jobs    %-24s %llu\n", state.c_str(), static_cast<unsigned long long>(count));
  if (oldest > 0) std::printf("the oldest job has waited for %lld s\n", static_cast<long long>(oldest));
  return kDone;
}

int jobs(FleetArguments& arguments) {
  const auto bus = connect(arguments);
  if (!bus) return given_up(bus.error());
  const auto records = (*bus)->records();
  if (!records) return given_up(records.error());
  json out = json::array();
  for (const auto& [key, stored] : *records) {
    if (!arguments.state.empty() && arguments.state != to_string(stored.record.state)) continue;
    if (arguments.json) {
      out.push_back(view_of(*records, key, stored));
      continue;
    }
    const JobRecord& record = stored.record;
    std::printf("%-9s %-40s attempt %u", to_string(record.state), printable(key).c_str(), record.attempts);
    for (const std::string& text : {record.worker, record.error, film_text(*records, record.job)})
      if (!text.empty()) std::printf(" %s", printable(text).c_str());
    std::printf("\n");
  }
  if (arguments.json) print({{"jobs", out}});
  return kDone;
}

/// One record at a revision, so that nobody's change is lost.
bool change(Bus& bus, const std::string& key, const std::function<bool(JobRecord&)>& how,
            JobRecord& changed) {
  for (int i = 0; i < 10; ++i) {
    const auto stored = bus.read(key);
    if (!stored || !*stored) return false;
    changed = (*stored)->record;
    if (!how(changed)) return false;
    if (bus.write(changed, (*stored)->revision).first == Wrote::yes) return true;
  }
  return false;
}

/// Those that must be made again before their film can be joined again.
std::vector<std::string> slices_to_retry(const Records& records, const JobRecord& film) {
  std::vector<std::string> out, made;
  if (film.job.kind != JobKind::compose || film.job.slices <= 1) return out;
  for (int number = 0; number <= film.job.slices; ++number) {
    const auto slice = records.find(key_of(slice_of(film.job, number)));
    if (slice == records.end()) continue;
    const JobRecord& record = slice->second.record;
    if (is_settled(record.state)) (record.state == JobState::done ? made : out).push_back(slice->first);
  }
  // Once the film is made its slices are gone; where it failed although all were made, they may be.
  const bool are_gone = film.state == JobState::done || (film.state == JobState::failed && out.empty());
  if (are_gone) out.insert(out.end(), made.begin(), made.end());
  return out;
}

int retry(FleetArguments& arguments) {
  const auto bus = connect(arguments);
  if (!bus) return given_up(bus.error());
  const auto records = (*bus)->records();
  if (!records) return given_up(records.error());
  std::vector<std::string> keys;
  const auto add = [&](const std::string& key) {
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  };
  for (const auto& [key, stored] : *records) {
    if (key != arguments.key && !(arguments.all_failed && stored.record.state == JobState::failed)) continue;
    if (!arguments.drop)
      for (const std::string& slice : slices_to_retry(*records, stored.record)) add(slice);
    add(key);
  }
  if (keys.empty() && !arguments.key.empty()) {
    report("fleet",
           Error{Errc::not_found, "There is no job " + arguments.key + ". `rtpx fleet jobs` lists them."});
    return kUnusable;
  }
  json done = json::array();
  bool all = true;
  for (const std::string& key : keys) {
    JobRecord record;
    const bool changed = change(
        **bus, key,
        [&](JobRecord& there) {
          if (arguments.drop && is_settled(there.state)) return false;
          there.token.clear();
          there.attempts = 0;
          there.fraction = 0;
          there.state = arguments.drop ? JobState::cancelled : JobState::waiting;
          if (arguments.drop) return true;
          there.job.generation += 1;
          there.job.publication = 1;
          return true;
        },
        record);
    bool ordered = changed;
    if (changed && !arguments.drop) ordered = (*bus)->publish(record.job).has_value();  // else its node does
    all = all && ordered;
    if (ordered) done.push_back(key);
    if (!arguments.json)
      std::printf("%-9s %s\n", ordered ? (arguments.drop ? "dropped" : "ordered") : "unchanged",
                  printable(key).c_str());
  }
  if (arguments.json) print({{arguments.drop ? "dropped" : "ordered", done}});
  return all ? kDone : kLosses;
}

int drain(FleetArguments& arguments) {
  if (!is_member_name(arguments.member)) {
    report("fleet",
           Error{Errc::invalid_argument, "\"" + arguments.member + "\" is no name of a node or worker."});
    return kUsage;
  }
  const auto bus = connect(arguments);
  if (!bus) return given_up(bus.error());
  if (const auto done = (*bus)->set_drain(arguments.member, !arguments.undo); !done)
    return given_up(done.error());
  if (arguments.json) print({{"member", arguments.member}, {"drain", !arguments.undo}});
  return kDone;
}

}  // namespace

void add_fleet(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<FleetArguments>();
  CLI::App* const command =
      app.add_subcommand("fleet", "Set up and look after nodes and workers that share work over NATS");
  command->footer(kFleetFooter);
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(FleetArguments&)) {
    CLI::App* const step = command->add_subcommand(name, help);
    add_nats_options(*step, arguments->nats, true);
    step->add_flag("--json", arguments->json, "Print the result as JSON");
    step->callback([arguments, step, run, &program] {
      const auto checked = check_nats_options(*step, arguments->nats);
      program.exit_code = checked ? run(*arguments) : (report("fleet", checked.error()), kUsage);
    });
    return step;
  };
  CLI::App* const first = add("init", "Create streams, consumers and buckets; the only step that does", init);
  first->add_option("--replicas", arguments->setup.replicas, "3 where there are three servers (default 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 5));
  first
      ->add_option("--lease", arguments->lease_seconds,
                   "Silence after which a job is given to another worker (default 60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(2, 3600));
  first
      ->add_option("--max-attempts", arguments->setup.rules.max_attempts,
                   "Then a job is a dead letter (default 5)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  first
      ->add_option("--retry-delay", arguments->retry_seconds,
                   "After a first failure; doubles with each (default 5)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600));
  first->add_flag("--update", arguments->setup.update, "Change what is there and different");
  add("status", "Nodes, workers, what waits and for how long", status);
  add("jobs", "Every job and its state", jobs)
      ->add_option("--state", arguments->state, "Only these")
      ->check(CLI::IsMember({"waiting", "running", "done", "failed", "cancelled"}))
      ->type_name("STATE");
  CLI::App* const again = add("retry", "Order jobs again, or drop them", retry);
  CLI::Option* const key = again->add_option("KEY", arguments->key, "Of one job, as `jobs` lists it");
  again->add_flag("--failed", arguments->all_failed, "All dead letters")->excludes(key);
  again->add_flag("--drop", arguments->drop, "Cancel a job that waits or runs");
  CLI::App* const leave = add("drain", "Give a node or worker nothing new", drain);
  leave->add_option("NAME", arguments->member, "Of the node or worker")->required();
  leave->add_flag("--undo", arguments->undo, "It takes jobs again");
}

}  // namespace rtpx::cli
