#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compose/call.hpp"
#include "compose/live_speech.hpp"
#include "compose/open_call.hpp"
#include "rtpx/reader.hpp"

namespace rtpx::film {

/// Who is in a call that goes on, as far as is known by now: participants and pictures are added, and none changes its
/// index. What lies further back than LiveSpeech::kRememberedNs is forgotten, but for who spoke last. Times are the film's.
class LiveCall {
 public:
  /// `recording`: its folder, whose manifest tells whose a track is.
  explicit LiveCall(std::filesystem::path recording) : recording_(std::move(recording)) {}

  /// A track that has come.
  struct Arrived {
    std::size_t participant = 0;
    int picture = -1;  ///< index of the participant's; -1: it is sound
    std::string track;
  };
  [[nodiscard]] std::vector<Arrived> look_for_tracks(const std::vector<ReaderTrack>& tracks);

  void saw(std::size_t participant, int picture, std::int64_t time_ns);
  void heard(std::size_t participant, std::int64_t time_ns);
  /// How loud somebody's decoded sound was; -127: digital silence.
  void measured(std::size_t participant, std::int64_t time_ns, double dbov);
  /// All is known up to `now_ns`; `over`: and nothing more comes.
  void know_until(std::int64_t now_ns, bool over);

  [[nodiscard]] const Call& call() const noexcept { return call_; }
  /// With the ids of tracks, one for each participant.
  [[nodiscard]] const std::vector<ParticipantSources>& sources() const noexcept { return sources_; }

 private:
  [[nodiscard]] std::size_t participant_of(const ReaderTrack& track);
  void there(std::size_t participant, std::int64_t time_ns);

  const std::filesystem::path recording_;
  Call call_;
  std::vector<ParticipantSources> sources_;
  LiveSpeech speech_;
  std::vector<Span> heard_;  // first and last media of each participant
  std::set<std::string> known_;
  std::map<std::string, std::size_t> ids_;
};

}  // namespace rtpx::film
