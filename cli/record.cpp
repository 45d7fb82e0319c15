// rtpx record: plain RTP, as a session description announces it, framed packets of a pipe, or what a WHEP server plays
// become a recording.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "ingest/reception.hpp"
#include "ingest/udp/receiver.hpp"
#include "record_framed.hpp"
#include "record_whep.hpp"
#include "recording_start.hpp"
#include "rtpx/describe.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::cli {
namespace {

struct RecordArguments {
  std::string sdp, folder, listen, socket;
  Description about;
  std::vector<std::string> metadata;  // NAME=VALUE
  double idle_seconds = 10, wait_seconds = 0;
  int max_duration = 0;
  std::uint64_t max_bytes = 0, max_bit_rate = 0;
  WhepArguments whep;
  std::vector<std::string> recipients;
  bool keep_after_bye = false, json = false, standard_input = false;
};

const char* const kRecordFooter =
    R"(FILE is the session description (SDP) that the sender wrote, "-" for standard input. Recording ends on SIGINT or
SIGTERM, when all streams said BYE, after --idle seconds without a packet, or at --max-duration or --max-bytes.

With --stdin or --socket packets come framed from any other program (docs/ingest.md says how) and recording ends with its
input, or at --max-duration (by the times that the frames tell) or --max-bytes.

With --whep what a server plays by WHEP is recorded. When the connection is lost the server is asked again, and the
recording goes on in the same tracks; it ends on SIGINT or SIGTERM, --retry seconds after the last connection, when the
server refuses, or at --max-duration or --max-bytes.

Examples:
  ffmpeg -re -i film.mkv -c copy -map 0:v -f rtp rtp://127.0.0.1:5004 -sdp_file film.sdp
  rtpx record --sdp film.sdp -o film
  rtpx record --whep https://sfu.example.net/whep/room7 --token-file token -o room7
  rtpx convert film -o videos)";

Result<std::string> description_in(const std::string& path) {
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
    nlohmann::json dropped = nlohmann::json::object();
    for (std::size_t i = 0; i < kDropReasons; ++i)
      if (const auto reason = static_cast<Drop>(i); outcome.received.dropped[reason] > 0)
        dropped[to_string(reason)] = outcome.received.dropped[reason];
    const nlohmann::json out = {{"folder", arguments.folder},
                                {"ended", to_string(outcome.reason)},
                                {"packets", outcome.received.packets},
                                {"rtcp_packets", outcome.received.rtcp_packets},
                                {"unknown_packets", outcome.received.dropped[Drop::unknown_stream]},
                                {"undecryptable_packets", outcome.received.dropped[Drop::undecryptable]},
                                {"dropped_by_kernel", outcome.received.dropped[Drop::kernel]},
                                {"dropped", dropped},
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
  const DropCounts& dropped = outcome.received.dropped;
  remark(dropped[Drop::kernel], "were dropped by the kernel: the machine is too busy");
  remark(refused, "were refused: the disk is full or too slow");
  remark(dropped[Drop::oversized], "were larger than a datagram may be");
  remark(dropped[Drop::over_bit_rate], "were beyond --max-bit-rate");
  remark(dropped[Drop::undecryptable], "could not be decrypted with the key of the description");
  remark(dropped[Drop::replayed], "had been received already (SRTP)");
  remark(dropped[Drop::unknown_stream], "belong to no stream of the description");
  remark(dropped[Drop::too_many_streams], "came from more sources than there may be");
  remark(dropped[Drop::unassigned_report], "are reports about streams that never came");
  remark(dropped[Drop::unknown_protocol] + dropped[Drop::malformed], "are neither RTP nor RTCP");
}

int record(const RecordArguments& arguments, const std::stop_token& stop) {
  const auto description = description_in(arguments.sdp);
  if (!description) return report("record", description.error());
  UdpReceiver::Options options;
  options.listen = arguments.listen;
  options.idle_timeout = to_ms(arguments.idle_seconds);
  options.start_timeout = to_ms(arguments.wait_seconds);
  options.end_on_bye = !arguments.keep_after_bye;
  options.max_duration = std::chrono::seconds(arguments.max_duration);
  options.max_bytes = arguments.max_bytes;
  options.max_bits_per_second = arguments.max_bit_rate;
  auto receiver = UdpReceiver::open(*description, options);
  if (!receiver) return report("record", receiver.error());

  auto recorder = start_recording(arguments.folder, arguments.about, arguments.recipients);
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
  if (const auto noted = note_reception(arguments.folder, outcome.received.dropped, outcome.received.tracks);
      !noted)
    return report("record", noted.error());
  print(arguments, outcome);
  const bool lost = outcome.received.dropped[Drop::kernel] + outcome.received.dropped[Drop::oversized] +
                            outcome.received.dropped[Drop::over_bit_rate] +
                            outcome.received.dropped[Drop::too_many_streams] >
                        0 ||
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
      app.add_subcommand("record", "Record plain RTP or SRTP that a session description announces, a pipe's packets, or from a WHEP server");
  command->footer(kRecordFooter);
  CLI::Option_group* const source = command->add_option_group("Source", "where packets come from");
  source->add_option("--sdp", arguments->sdp, "Session description of the sender")->type_name("FILE");
  CLI::Option* const input =
      source->add_flag("--stdin", arguments->standard_input, "Framed packets of many tracks on standard input");
  CLI::Option* const socket =
      source->add_option("--socket", arguments->socket, "The same from programs that connect to this Unix socket")
          ->type_name("PATH");
  CLI::Option* const whep = source->add_option("--whep", arguments->whep.url, "What this WHEP endpoint plays")
                                ->type_name("URL");
  source->require_option(1);
  CLI::Option* const token =
      command->add_option("--token", arguments->whep.token, "Bearer token for --whep; other users see it in `ps`")
          ->needs(whep);
  command->add_option("--token-file", arguments->whep.token_file, "The same, from the first line of a file")
      ->type_name("FILE")
      ->needs(whep)
      ->excludes(token);
  command
      ->add_option("--stun", arguments->whep.stun,
                   "STUN server for --whep, as stun:HOST:PORT, besides those that the server names; repeatable")
      ->type_name("URI")
      ->needs(whep);
  command
      ->add_option("--retry", arguments->whep.retry_seconds,
                   "With --whep, end after so long without a connection; 0: at the first failure (default 60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9))
      ->needs(whep);
  command->add_option("-o,--output", arguments->folder, "Folder of the recording; must be new or empty")
      ->required()
      ->type_name("DIR");
  // Whoever writes to a pipe decides when and how fast.
  const auto of_a_network = [&](CLI::Option* option) { option->excludes(input)->excludes(socket); };
  of_a_network(command->add_option("--listen", arguments->listen, "Address to listen on (default: from the description)")
                   ->type_name("ADDRESS"));
  of_a_network(command
                   ->add_option("--idle", arguments->idle_seconds,
                                "End after so long without a packet; 0: never (default 10)")
                   ->type_name("SECONDS")
                   ->check(CLI::Range(0.0, 1e6)));
  of_a_network(command
                   ->add_option("--wait", arguments->wait_seconds,
                                "End when no packet comes for so long; 0: wait (default)")
                   ->type_name("SECONDS")
                   ->check(CLI::Range(0.0, 1e6)));
  command
      ->add_option("--max-duration", arguments->max_duration,
                   "End so long after the first packet; 0: no limit (default)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, 1 << 30));
  command
      ->add_option("--max-bytes", arguments->max_bytes,
                   "End after so much RTP and RTCP; 0: no limit (default)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  of_a_network(command
                   ->add_option("--max-bit-rate", arguments->max_bit_rate,
                                "Drop what exceeds so many bits a second by half; 0: no limit (default)")
                   ->type_name("SIZE")
                   ->transform(CLI::AsSizeValue(false)));
  command->add_option("--name", arguments->about.name, "A name, kept in recording.json and in the tags of files");
  command->add_option("--label", arguments->about.labels, "A word to find it by, kept there too; several")
      ->type_name("WORD")
      ->expected(1)
      ->take_all();
  command->add_option("--metadata", arguments->metadata, "Whatever else belongs to it; several")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all()
      ->check([](const std::string& text) {
        const auto equals = text.find('=');
        return equals == 0 || equals == text.npos ? "\"" + text + "\" is no NAME=VALUE" : std::string();
      });
  add_recipients(*command, arguments->recipients);
  of_a_network(command->add_flag("--ignore-bye", arguments->keep_after_bye, "Go on after all streams said BYE"));
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->callback([arguments, &program] {
    for (const std::string& one : arguments->metadata)
      arguments->about.metadata[one.substr(0, one.find('='))] = one.substr(one.find('=') + 1);
    if (!arguments->whep.url.empty()) {
      WhepArguments from = arguments->whep;
      from.listen = arguments->listen;
      from.folder = arguments->folder;
      from.about = arguments->about;
      from.recipients = arguments->recipients;
      from.max_duration = arguments->max_duration;
      from.max_bytes = arguments->max_bytes;
      from.max_bit_rate = arguments->max_bit_rate;
      from.json = arguments->json;
      program.exit_code = record_whep(from, program.stop());
      return;
    }
    program.exit_code = arguments->sdp.empty()
                            ? record_framed_packets(arguments->socket, arguments->folder, arguments->about, arguments->recipients,
                                                    {arguments->max_bytes, std::chrono::seconds(arguments->max_duration)},
                                                    arguments->json, program.stop())
                            : record(*arguments, program.stop());
  });
}

}  // namespace rtpx::cli
