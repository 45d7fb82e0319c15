// rtpx record: plain RTP, as a session description announces it, becomes a recording.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "commands.hpp"
#include "ingest/udp/receiver.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::cli {
namespace {

struct RecordArguments {
  std::string sdp, folder, listen, name;
  double idle_seconds = 10, wait_seconds = 0;
  bool keep_after_bye = false, json = false;
};

const char* const kRecordFooter =
    R"(FILE is the session description (SDP) that the sender wrote, "-" for standard input. Recording ends on SIGINT or
SIGTERM, when all streams said BYE, or after --idle seconds without a packet.

Examples:
  ffmpeg -re -i film.mkv -c copy -map 0:v -f rtp rtp://127.0.0.1:5004 -sdp_file film.sdp
  rtpx record --sdp film.sdp -o film
  rtpx convert film -o videos)";

Result<std::string> read_description(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::ifstream("/dev/stdin").rdbuf();
    return text.str();
  }
  const std::ifstream file(path);
  if (!file) return fail(Errc::not_found, "Cannot read " + path + ".");
  text << file.rdbuf();
  return text.str();
}

std::chrono::milliseconds to_ms(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

struct Outcome {
  UdpEnd reason = UdpEnd::stopped;
  UdpReceiver::Stats received;
  Recorder::Stats recorded;
};

void print(const RecordArguments& arguments, const Outcome& outcome) {
  const auto refused = outcome.recorded.queue_full + outcome.recorded.disk_full + outcome.recorded.failed;
  if (arguments.json) {
    const nlohmann::json out = {{"folder", arguments.folder},
                                {"ended", to_string(outcome.reason)},
                                {"packets", outcome.received.packets},
                                {"rtcp_packets", outcome.received.rtcp_packets},
                                {"unknown_packets", outcome.received.unknown},
                                {"undecryptable_packets", outcome.received.undecryptable},
                                {"dropped_by_kernel", outcome.received.socket_drops},
                                {"refused_packets", refused}};
    std::printf("%s\n", out.dump().c_str());
    return;
  }
  std::printf("%llu packets and %llu RTCP packets recorded into %s (ended: %s)\n",
              static_cast<unsigned long long>(outcome.received.packets),
              static_cast<unsigned long long>(outcome.received.rtcp_packets), arguments.folder.c_str(),
              to_string(outcome.reason));
  const auto remark = [](std::uint64_t count, const char* what) {
    if (count > 0)
      std::fprintf(stderr, "rtpx record: %llu packets %s.\n", static_cast<unsigned long long>(count), what);
  };
  remark(outcome.received.socket_drops, "were dropped by the kernel: the machine is too busy");
  remark(refused, "were refused: the disk is full or too slow");
  remark(outcome.received.undecryptable, "could not be decrypted with the key of the description");
  remark(outcome.received.unknown, "belong to no stream of the description");
}

int record(const RecordArguments& arguments, const std::stop_token& stop) {
  const auto description = read_description(arguments.sdp);
  if (!description) return report("record", description.error());
  UdpReceiver::Options options;
  options.listen = arguments.listen;
  options.idle_timeout = to_ms(arguments.idle_seconds);
  options.start_timeout = to_ms(arguments.wait_seconds);
  options.end_on_bye = !arguments.keep_after_bye;
  auto receiver = UdpReceiver::open(*description, options);
  if (!receiver) return report("record", receiver.error());

  Recorder::Options recorder_options;
  recorder_options.folder = arguments.folder;
  recorder_options.name = arguments.name;
  auto recorder = Recorder::start(std::move(recorder_options));
  if (!recorder) return report("record", recorder.error());
  const auto& tracks = (*receiver)->tracks();
  if (const auto added = (*recorder)->add_tracks(tracks); !added) return report("record", added.error());
  const auto sink = make_recorder_sink(**recorder, tracks);
  if (!sink) return report("record", sink.error());

  for (std::size_t i = 0; i < tracks.size() && !arguments.json; ++i) {
    const auto port = (*receiver)->ports()[i];
    std::printf("%s: %s on %s, RTP port %u, RTCP port %u\n", tracks[i].id.c_str(),
                tracks[i].codecs[0].mime_type.c_str(), port.address.c_str(), port.rtp, port.rtcp);
  }
  std::fflush(stdout);

  Outcome outcome;
  outcome.reason = (*receiver)->run(**sink, stop);
  outcome.received = (*receiver)->stats();
  std::vector<std::string> ids;
  for (const MediaStreamTrack& track : tracks) ids.push_back(track.id);
  if (const auto ended = (*recorder)->end_tracks(ids, to_string(outcome.reason)); !ended)
    return report("record", ended.error());
  outcome.recorded = (*recorder)->stats();
  recorder->reset();
  print(arguments, outcome);
  const bool lost = outcome.received.socket_drops > 0 ||
                    outcome.recorded.queue_full + outcome.recorded.disk_full + outcome.recorded.failed +
                            outcome.recorded.lost_after_accept >
                        0;
  if (outcome.received.packets == 0) return kUnusable;
  return lost ? kLosses : kDone;
}

}  // namespace

void add_record(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<RecordArguments>();
  CLI::App* const command =
      app.add_subcommand("record", "Record plain RTP or SRTP that a session description announces");
  command->footer(kRecordFooter);
  command->add_option("--sdp", arguments->sdp, "Session description of the sender")
      ->required()
      ->type_name("FILE");
  command->add_option("-o,--output", arguments->folder, "Folder of the recording; must be new or empty")
      ->required()
      ->type_name("DIR");
  command->add_option("--listen", arguments->listen, "Address to listen on (default: from the description)")
      ->type_name("ADDRESS");
  command
      ->add_option("--idle", arguments->idle_seconds,
                   "End after so long without a packet; 0: never (default 10)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e6));
  command
      ->add_option("--wait", arguments->wait_seconds,
                   "End when no packet comes for so long; 0: wait (default)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e6));
  command->add_option("--name", arguments->name, "A name, kept in recording.json");
  command->add_flag("--ignore-bye", arguments->keep_after_bye, "Go on after all streams said BYE");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->callback([arguments, &program] { program.exit_code = record(*arguments, program.stop()); });
}

}  // namespace rtpx::cli
