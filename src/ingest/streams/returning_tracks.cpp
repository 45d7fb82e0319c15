#include "ingest/streams/returning_tracks.hpp"

#include <algorithm>
#include <set>

namespace rtpx {
namespace {

/// Whether packets of one may be stored where those of the other were: the manifest tells the same of both.
bool sent_alike(const MediaStreamTrack& a, const MediaStreamTrack& b) {
  return a.kind == b.kind && a.rids == b.rids && a.codecs == b.codecs && a.header_extensions == b.header_extensions;
}

std::size_t count_of(std::span<const MediaStreamTrack> tracks, MediaKind kind) {
  return static_cast<std::size_t>(std::ranges::count(tracks, kind, &MediaStreamTrack::kind));
}

}  // namespace

/// Which of the known tracks each of those offered goes on with; null: a new one. By its id; where the ids are new,
/// as after a page was loaded again, by its place among those of its kind, if there are as many as there were.
std::vector<const ReturningTracks::Known*> ReturningTracks::same_tracks(
    std::span<const MediaStreamTrack> offered) const {
  std::vector<const Known*> out(offered.size(), nullptr);
  std::set<const Known*> taken;
  const auto take = [&](std::size_t i, const Known& known) {
    if (!sent_alike(known.offered, offered[i])) return;
    out[i] = &known;
    taken.insert(&known);
  };
  for (std::size_t i = 0; i < offered.size(); ++i)
    for (const Known& known : known_)
      if (out[i] == nullptr && known.offered.id == offered[i].id && !taken.contains(&known)) take(i, known);
  if (!taken.empty()) return out;
  std::vector<MediaStreamTrack> before;
  for (const Known& known : known_) before.push_back(known.offered);
  for (const MediaKind kind : {MediaKind::audio, MediaKind::video}) {
    if (count_of(before, kind) != count_of(offered, kind)) continue;
    for (std::size_t i = 0; i < offered.size(); ++i) {
      const auto next = std::ranges::find_if(known_, [&](const Known& known) {
        return known.offered.kind == kind && !taken.contains(&known);
      });
      if (offered[i].kind == kind && next != known_.end()) take(i, *next);
    }
  }
  return out;
}

ReturningTracks::Plan ReturningTracks::plan(std::span<const MediaStreamTrack> offered) const {
  const auto known = same_tracks(offered);
  Plan out;
  const auto used = [&](const std::string& id) {
    return std::ranges::find(known_, id, &Known::id) != known_.end() ||
           std::ranges::find(out.fresh, id, &MediaStreamTrack::id) != out.fresh.end();
  };
  for (std::size_t i = 0; i < offered.size(); ++i) {
    MediaStreamTrack track = offered[i];
    if (known[i] != nullptr) {
      track.id = known[i]->id;
    } else {
      for (int n = 2; used(track.id); ++n) track.id = offered[i].id + "-" + std::to_string(n);
      out.fresh.push_back(track);
    }
    out.all.push_back(std::move(track));
  }
  return out;
}

void ReturningTracks::keep(const Plan& plan, std::span<const MediaStreamTrack> offered) {
  for (std::size_t i = 0; i < plan.all.size(); ++i)
    if (std::ranges::find(plan.fresh, plan.all[i].id, &MediaStreamTrack::id) != plan.fresh.end())
      known_.push_back({plan.all[i].id, offered[i]});
}

}  // namespace rtpx
