#include "record_whep.hpp"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ingest/reception.hpp"
#include "ingest/streams/returning_tracks.hpp"
#include "ingest/whep/receiver.hpp"
#include "program.hpp"
#include "recording_start.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

constexpr std::size_t kMaxTokenBytes = 16U << 10;

/// The first line of the file.
Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line.size() > kMaxTokenBytes)
    return fail(Errc::not_found, "Cannot read a token from " + path + ".");
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

/// The recording, which begins with the first answer of the server, so that a server that refuses leaves nothing.
class WhepRecording {
 public:
  explicit WhepRecording(const WhepArguments& arguments) : arguments_(arguments) {}

  Result<std::shared_ptr<PacketSink>> open(std::span<const MediaStreamTrack> offered) {
    if (recorder_ == nullptr) {
      auto started = start_recording(arguments_.folder, arguments_.about, arguments_.recipients);
      if (!started) return std::unexpected(started.error());
      recorder_ = *std::move(started);
    }
    const ReturningTracks::Plan plan = known_.plan(offered);
    if (!plan.fresh.empty())
      if (const auto added = recorder_->add_tracks(plan.fresh); !added) return std::unexpected(added.error());
    known_.keep(plan, offered);
    for (const MediaStreamTrack& track : plan.fresh) {
      ids_.push_back(track.id);
      if (!arguments_.json)
        std::printf("%s: %s\n", printable(track.id).c_str(), printable(track.codecs[0].mime_type).c_str());
    }
    std::fflush(stdout);
    return make_recorder_sink(*recorder_, plan.all);
  }

  [[nodiscard]] bool began() const { return recorder_ != nullptr; }

  /// All is on disk when it returns.
  Result<Recorder::Stats> end(const char* reason, const WhepReceiver::Stats& received) {
    if (const auto ended = recorder_->end_tracks(ids_, reason); !ended) return std::unexpected(ended.error());
    const Recorder::Stats out = recorder_->stats();
    recorder_.reset();
    if (const auto noted = note_reception(arguments_.folder, received.dropped, received.tracks); !noted)
      return std::unexpected(noted.error());
    return out;
  }

 private:
  const WhepArguments& arguments_;
  std::shared_ptr<Recorder> recorder_;
  ReturningTracks known_;
  std::vector<std::string> ids_;
};

void print_whep_result(const WhepArguments& arguments, WhepEnd reason, const WhepReceiver::Stats& received,
                       const Recorder::Stats& recorded) {
  const std::uint64_t refused = recorded.queue_full + recorded.disk_full + recorded.failed;
  if (!arguments.json) {
    std::printf("%s and %s recorded into %s over %s (ended: %s)\n", count_text(recorded.packets, "packet").c_str(),
                count_text(recorded.rtcp_packets, "RTCP packet").c_str(), arguments.folder.c_str(),
                count_text(received.connections, "connection").c_str(), to_string(reason));
    if (refused > 0)
      std::fprintf(stderr, "rtpx record: %s refused: the disk is full or too slow.\n",
                   count_text(refused, "packet").c_str());
    return;
  }
  nlohmann::json dropped = nlohmann::json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i)
    if (const auto why = static_cast<Drop>(i); received.dropped[why] > 0)
      dropped[to_string(why)] = received.dropped[why];
  const nlohmann::json out = {
      {"folder", arguments.folder},           {"ended", to_string(reason)},
      {"connections", received.connections},  {"packets", recorded.packets},
      {"rtcp_packets", recorded.rtcp_packets}, {"dropped", dropped},
      {"refused_packets", refused},
      {"last_error", received.last_error ? nlohmann::json(received.last_error->message) : nlohmann::json(nullptr)}};
  std::printf("%s\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace

int record_whep(const WhepArguments& arguments, const std::stop_token& stop) {
  WhepReceiver::Options options;
  options.url = arguments.url;
  options.token = arguments.token;
  if (!arguments.token_file.empty()) {
    auto token = read_token(arguments.token_file);
    if (!token) return report("record", token.error());
    options.token = *std::move(token);
  }
  options.stun = arguments.stun;
  options.listen = arguments.listen;
  options.retry_for = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.retry_seconds * 1000));
  options.max_duration = std::chrono::seconds(arguments.max_duration);
  options.max_bytes = arguments.max_bytes;
  options.max_bits_per_second = arguments.max_bit_rate;

  WhepRecording recording(arguments);
  WhepReceiver::Handlers handlers;
  handlers.open = [&](std::span<const MediaStreamTrack> tracks) { return recording.open(tracks); };
  handlers.connected = [&] {
    if (!arguments.json) std::printf("connected\n");
    std::fflush(stdout);
  };
  handlers.lost = [&](const Error& why, std::optional<std::chrono::milliseconds> again_in) {
    std::string message = printable(why.message);
    if (again_in) message += " It is asked again in " + std::to_string((again_in->count() + 999) / 1000) + " s.";
    std::fprintf(stderr, "rtpx record: %s\n", message.c_str());
  };
  auto receiver = WhepReceiver::create(std::move(options), std::move(handlers));
  if (!receiver) return report("record", receiver.error());

  const WhepEnd reason = (*receiver)->run(stop);
  const WhepReceiver::Stats received = (*receiver)->stats();
  receiver->reset();
  Recorder::Stats recorded;
  if (recording.began()) {
    const auto ended = recording.end(to_string(reason), received);
    if (!ended) return report("record", ended.error());
    recorded = *ended;
  }
  print_whep_result(arguments, reason, received, recorded);
  const bool nothing = recorded.packets + recorded.rtcp_packets == 0;
  if (reason == WhepEnd::sink_failed || (nothing && received.last_error)) return exit_code(*received.last_error);
  if (nothing) return kUnusable;
  const bool lost = received.dropped[Drop::kernel] + received.dropped[Drop::over_bit_rate] +
                        received.dropped[Drop::too_many_streams] + recorded.queue_full + recorded.disk_full +
                        recorded.failed + recorded.lost_after_accept >
                    0;
  return lost || reason == WhepEnd::refused ? kLosses : kDone;
}

}  // namespace rtpx::cli
