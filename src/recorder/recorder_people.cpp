// Those who are recorded together.

#include <algorithm>

#include "recorder/recorder_impl.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostIdBytes = 64;

bool is_participant_id(std::string_view id) {
  const auto plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= kMostIdBytes && std::ranges::all_of(id, plain);
}

std::string free_id(const RecordingFacts& facts) {
  std::size_t number = facts.participants.size();
  std::string id;
  do {
    id = "p" + std::to_string(++number);
  } while (facts.participant(id) != nullptr);
  return id;
}

}  // namespace

Result<Recorder::Participant> RecorderImpl::add_participant(std::string_view name, std::string_view wanted) {
  if (!wanted.empty() && !is_participant_id(wanted))
    return fail(Errc::invalid_argument,
                "A participant's id is of 1 to 64 letters, digits, hyphens and underscores.");
  if (name.size() > kMostFactBytes)
    return fail(Errc::invalid_argument, "A participant's name has at most " +
                                            std::to_string(kMostFactBytes) + " bytes.");
  Recorder::Participant out;
  {
    const std::lock_guard guard(control_mutex);
    if (const auto running = check_running(); !running) return std::unexpected(running.error());
    if (facts.participants.size() >= kMostFacts)
      return fail(Errc::invalid_argument,
                  "A recording has at most " + std::to_string(kMostFacts) + " participants.");
    out.id_ = wanted.empty() ? free_id(facts) : std::string(wanted);
    if (facts.participant(out.id_) != nullptr)
      return fail(Errc::already_exists, "There is a participant " + out.id_ + " already.");
    facts.participants.push_back({out.id_, std::string(name), now()});
  }
  if (const auto written = note_facts(false, "name a participant"); !written) {
    const std::lock_guard guard(control_mutex);
    std::erase_if(facts.participants, [&](const ParticipantInfo& one) { return one.id == out.id_; });
    return std::unexpected(written.error());
  }
  out.impl_ = shared_from_this();
  return out;
}

std::vector<std::string> RecorderImpl::live_tracks_of(const std::string& participant) const {
  std::vector<std::string> out;
  const std::lock_guard guard(control_mutex);
  for (const auto& track : all_tracks())
    if (track->live && track->participant == participant) out.push_back(track->track.id);
  return out;
}

}  // namespace rtpx
