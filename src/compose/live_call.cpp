#include "compose/live_call.hpp"

#include <algorithm>

#include "storage/recording_file.hpp"

namespace rtpx::film {
namespace {

constexpr std::int64_t kLiveSecondNs = 1'000'000'000;
constexpr std::int64_t kGoneAfterNs = 10 * kLiveSecondNs;     // without any media: somebody has left
constexpr std::int64_t kLastMediaNs = kLiveSecondNs;          // the same, once the call is over: its last picture is seen
constexpr std::int64_t kLiveCameraOffNs = 3 * kLiveSecondNs;  // without a picture
constexpr std::size_t kMostLivePeople = 100;

}  // namespace

std::size_t LiveCall::participant_of(const ReaderTrack& track) {
  std::string id = track.streams.empty() ? track.id : track.streams.front(), name;
  if (const auto manifest = read_manifest(recording_ / "manifest.json"))
    if (const auto at = manifest->find(track.id); at != manifest->end() && at->second.participant)
      id = *at->second.participant;
  if (const auto info = read_recording_info(real_file_system(), recording_))
    if (const auto* one = info->facts.participant(id)) name = one->name;
  const auto [at, is_new] = ids_.try_emplace(id, call_.participants.size());
  if (!is_new) return at->second;
  if (name.empty()) name = is_machine_made(id) ? "Participant " + std::to_string(at->second + 1) : id;
  call_.participants.push_back({id, name, {INT64_MAX, 0}, {}, false, {}, {}});
  sources_.emplace_back();
  speech_.add_person();
  heard_.push_back({INT64_MAX, INT64_MIN});
  return at->second;
}

std::vector<LiveCall::Arrived> LiveCall::look_for_tracks(const std::vector<ReaderTrack>& tracks) {
  std::vector<Arrived> out;
  for (const ReaderTrack& track : tracks) {
    if (track.layers.empty() || ids_.size() >= kMostLivePeople || !known_.insert(track.id).second) continue;
    const std::size_t who = participant_of(track);
    Participant& one = call_.participants[who];
    TrackSource source;
    source.id = track.id;
    source.kind = track.kind;
    if (track.kind == MediaKind::audio) {
      one.sound = true;
      sources_[who].sound.push_back(std::move(source));
      out.push_back({who, -1, track.id});
      continue;
    }
    // Nobody has two cameras: what comes beside one is a screen.
    source.screen = names_a_screen(track.streams, track.id) ||
                    std::ranges::any_of(one.pictures, [](const PictureFacts& p) { return !p.screen; });
    out.push_back({who, static_cast<int>(one.pictures.size()), track.id});
    one.pictures.push_back({track.id, source.screen, {}});
    sources_[who].pictures.push_back(std::move(source));
  }
  return out;
}

void LiveCall::there(std::size_t participant, std::int64_t time_ns) {
  Span& span = heard_[participant];
  span = {std::min(span.from_ns, time_ns), std::max(span.to_ns, time_ns)};
}

void LiveCall::saw(std::size_t participant, int picture, std::int64_t time_ns) {
  there(participant, time_ns);
  PictureFacts& facts = call_.participants[participant].pictures[static_cast<std::size_t>(picture)];
  const std::int64_t until_ns = time_ns + kLiveCameraOffNs;
  const bool goes_on = !facts.shown.empty() && (facts.screen || time_ns <= facts.shown.back().to_ns);
  if (goes_on)
    facts.shown.back().to_ns = std::max(facts.shown.back().to_ns, until_ns);
  else
    facts.shown.push_back({time_ns, until_ns});
}

void LiveCall::heard(std::size_t participant, std::int64_t time_ns) {
  there(participant, time_ns);
}

void LiveCall::measured(std::size_t participant, std::int64_t time_ns, double dbov) {
  speech_.add(participant, time_ns, static_cast<std::uint8_t>(std::clamp(-dbov, 0.0, 127.0)));
}

void LiveCall::know_until(std::int64_t now_ns, bool over) {
  call_.duration_ns = now_ns;
  speech_.know_until(now_ns);
  Speech speech = speech_.speech();
  call_.turns = std::move(speech.turns);
  for (std::size_t i = 0; i < call_.participants.size(); ++i) {
    Participant& one = call_.participants[i];
    const bool came = heard_[i].from_ns <= heard_[i].to_ns;
    one.there = came ? heard_[i] : Span{0, 0};
    if (!over)
      one.there.to_ns += kGoneAfterNs;
    else if (came)
      one.there.to_ns += kLastMediaNs;
    one.there.from_ns = std::max<std::int64_t>(one.there.from_ns, 0);
    for (PictureFacts& picture : one.pictures) {
      const auto gone = std::ranges::find_if(picture.shown, [&](const Span& span) {
        return span.to_ns > now_ns - LiveSpeech::kRememberedNs;
      });
      picture.shown.erase(picture.shown.begin(), gone);
      if (picture.screen && !picture.shown.empty()) picture.shown.back().to_ns = one.there.to_ns;
    }
    one.speaking = std::move(speech.speaking[i]);
    one.muted = std::move(speech.muted[i]);
  }
  std::erase_if(call_.turns, [&](const Turn& turn) {
    return turn.from_ns >= now_ns || !call_.participants[turn.who].there.holds(turn.from_ns);
  });
}

}  // namespace rtpx::film
