// Pauses and marks of a recording.

#include <algorithm>

#include "recorder/recorder_impl.hpp"

namespace rtpx {
namespace {

std::int64_t receive_ms(ReceiveClock::time_point time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

Result<void> RecorderImpl::check_running() const {
  if (failure) return fail(Errc::storage_failed, "The recorder gave up: " + failure->message);
  if (stopping) return fail(Errc::storage_failed, "The recorder has ended.");
  return {};
}

Result<void> RecorderImpl::note_facts(bool tracks_too, const char* what) {
  return ask_control_thread<void>(
      [this, tracks_too](Wanted&) {
        auto written = write_info(folder, created, {});
        if (!written || !tracks_too) return written;
        written = publish();
        if (!written) publish_wanted.store(true);
        return written;
      },
      what);
}

Result<void> RecorderImpl::set_paused(const std::vector<std::string>* ids, bool paused) {
  {
    const std::lock_guard guard(control_mutex);
    if (auto running = check_running(); !running) return running;
    Tracks tracks;
    if (ids == nullptr) {
      if (all_paused == paused) return {};
      tracks = all_tracks();
      std::erase_if(tracks, [](const auto& track) { return !track->live; });
    } else {
      for (const std::string& id : *ids) {
        tracks.push_back(find(id));
        if (!tracks.back() || !tracks.back()->live)
          return fail(Errc::not_found, "There is no live track " + id + ".");
      }
    }
    const auto full = [](const std::vector<Pause>& pauses) { return pauses.size() >= kMostFacts; };
    if (paused && (full(facts.pauses) || std::ranges::any_of(tracks, [&](const auto& track) { return full(track->pauses); })))
      return fail(Errc::invalid_argument, "A recording has at most " + std::to_string(kMostFacts) + " pauses.");
    const std::int64_t before = receive_ms(ReceiveClock::now());
    if (ids == nullptr) all_paused = paused;
    for (const auto& track : tracks) {
      if (ids != nullptr) track->paused = paused;
      track->set_pausing(all_paused || track->paused);
    }
    if (ids == nullptr && paused) facts.pauses.push_back({receive_ms(ReceiveClock::now()), std::nullopt});
    if (ids == nullptr && !paused) facts.pauses.back().to_ms = before;
  }
  return note_facts(true, "note the pause");
}

Result<void> RecorderImpl::mark(std::string_view text, std::optional<ReceiveClock::time_point> at) {
  if (text.size() > kMostFactBytes)
    return fail(Errc::invalid_argument,
                "A mark's text has at most " + std::to_string(kMostFactBytes) + " bytes.");
  {
    const std::lock_guard guard(control_mutex);
    if (auto running = check_running(); !running) return running;
    if (facts.marks.size() >= kMostFacts)
      return fail(Errc::invalid_argument, "A recording has at most " + std::to_string(kMostFacts) + " marks.");
    Mark mark{receive_ms(at ? *at : ReceiveClock::now()), std::string(text)};
    const auto after = std::ranges::upper_bound(facts.marks, mark.at_ms, {}, &Mark::at_ms);
    facts.marks.insert(after, std::move(mark));
  }
  return note_facts(false, "note the mark");
}

}  // namespace rtpx
