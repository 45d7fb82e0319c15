#include "record_framed.hpp"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "program.hpp"
#include "recording_start.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct FramedOutcome {
  FramedStats received;
  Recorder::Stats recorded;

  [[nodiscard]] std::uint64_t refused() const {
    return recorded.queue_full + recorded.disk_full + recorded.failed + recorded.unknown_rid + recorded.ended +
           recorded.too_large;
  }
  [[nodiscard]] bool lost() const {
    return refused() + recorded.lost_after_accept + received.unknown_track + received.unknown_frames +
               received.malformed_frames + received.cut_bytes >
           0;
  }
};

void print_json(const FramedOutcome& outcome, const std::string& folder) {
  nlohmann::json errors = nlohmann::json::array();
  for (const Error& error : outcome.received.errors)
    errors.push_back({{"code", to_string(error.code)}, {"message", error.message}});
  const nlohmann::json out = {{"folder", folder},
                              {"packets", outcome.recorded.packets},
                              {"rtcp_packets", outcome.recorded.rtcp_packets},
                              {"refused_packets", outcome.refused()},
                              {"unknown_tracks", outcome.received.unknown_track},
                              {"unknown_frames", outcome.received.unknown_frames},
                              {"malformed_frames", outcome.received.malformed_frames},
                              {"cut_bytes", outcome.received.cut_bytes},
                              {"limit", outcome.received.limit.empty() ? nlohmann::json() : nlohmann::json(outcome.received.limit)},
                              {"errors", errors}};
  std::printf("%s\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_text(const FramedOutcome& outcome, const std::string& folder) {
  std::printf("%s and %s recorded into %s\n", count_text(outcome.recorded.packets, "packet").c_str(),
              count_text(outcome.recorded.rtcp_packets, "RTCP packet").c_str(), folder.c_str());
  if (!outcome.received.limit.empty())
    std::printf("ended by --%s\n", outcome.received.limit == "max_bytes" ? "max-bytes" : "max-duration");
  const auto remark = [](std::uint64_t count, const char* noun, const char* what) {
    if (count > 0) std::fprintf(stderr, "rtpx record: %s %s.\n", count_text(count, noun).c_str(), what);
  };
  remark(outcome.refused(), "packet", "refused: the disk is full, or the track has no such rid or has ended");
  remark(outcome.recorded.lost_after_accept, "packet", "lost with a failing disk");
  remark(outcome.received.unknown_track, "frame", "left out: no track has that number");
  remark(outcome.received.unknown_frames, "frame", "left out: this version does not know their kind");
  remark(outcome.received.malformed_frames, "frame", "left out: too short for their kind");
  remark(outcome.received.cut_bytes, "byte", "left out: the input ended inside of a frame");
  for (const Error& error : outcome.received.errors)
    std::fprintf(stderr, "rtpx record: %s An input was read no further; what came before is recorded.\n",
                 printable(error.message).c_str());
}

}  // namespace

int record_framed_packets(const std::string& socket, const std::string& folder, const Description& about,
                          const std::vector<std::string>& recipients, const FramedLimits& limits, bool json,
                          const std::stop_token& stop) {
  auto recorder = start_recording(folder, about, recipients);
  if (!recorder) return report("record", recorder.error());
  int listener = -1;
  if (!socket.empty()) {
    const auto listening = listen_at(socket);
    if (!listening) return report("record", listening.error());
    listener = *listening;
    if (!json) std::printf("listening at %s\n", socket.c_str());
    std::fflush(stdout);
  }
  auto received = record_framed(socket.empty() ? STDIN_FILENO : -1, listener, **recorder, limits, stop);
  if (listener >= 0) {
    ::unlink(socket.c_str());
    ::close(listener);
  }
  if (!received) return report("record", received.error());
  const FramedOutcome outcome{*std::move(received), (*recorder)->stats()};
  recorder->reset();
  if (json)
    print_json(outcome, folder);
  else
    print_text(outcome, folder);
  if (outcome.recorded.packets + outcome.recorded.rtcp_packets == 0) return kUnusable;
  return outcome.lost() || !outcome.received.errors.empty() ? kLosses : kDone;
}

}  // namespace rtpx::cli
