#include "convert/plan.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "convert/output_names.hpp"

namespace rtpx {
namespace {

/// What is played together: the tracks of one stream, or one track that belongs to none.
struct Group {
  std::optional<std::string> stream;
  std::vector<const PlacedLayer*> video, audio;  // by track, then rid index
};

std::optional<std::string> stream_of(const PlacedLayer& layer) {
  const auto& streams = layer.track->files.track.streams;
  if (streams.empty()) return std::nullopt;
  return streams.front();
}

std::string stream_or_track_of(const PlacedLayer& layer) {
  return stream_of(layer).value_or(layer.track->files.track_id);
}

bool wanted(const PlacedLayer& layer, const ConvertOptions& options, const std::vector<std::string>& streams) {
  if (options.only && layer.track->files.track.kind != *options.only) return false;
  if (!streams.empty() && std::ranges::find(streams, stream_or_track_of(layer)) == streams.end()) return false;
  if (!options.only_rids || layer.track->files.track.kind == MediaKind::audio) return true;
  return std::ranges::find(*options.only_rids, rid_of(*layer.track, layer.layer->rid_index)) !=
         options.only_rids->end();
}

std::vector<Group> group_layers(const std::vector<PlacedLayer>& layers, const ConvertOptions& options,
                                const std::vector<std::string>& streams) {
  std::vector<Group> groups;
  std::map<std::pair<std::optional<std::string>, const TrackScan*>, std::size_t> known;
  for (const PlacedLayer& layer : layers) {
    if (!wanted(layer, options, streams)) continue;
    const auto stream = stream_of(layer);
    const TrackScan* track = layer.track;
    const auto [at, is_new] = known.try_emplace({stream, stream ? nullptr : track}, groups.size());
    if (is_new) groups.push_back({stream, {}, {}});
    Group& group = groups[at->second];
    (track->files.track.kind == MediaKind::video ? group.video : group.audio).push_back(&layer);
  }
  return groups;
}

std::string name_of(const PlacedLayer& layer, bool with_rid) {
  const TrackFiles& files = layer.track->files;
  std::string name = files.track_id;
  const auto stream = stream_of(layer);
  if (!files.participant_name.empty())
    name = files.participant_name + "/" + name.substr(std::min(files.track.participant->size() + 1, name.size()));
  else if (stream && *stream != name)
    name = *stream + "/" + name;
  if (const auto rid = rid_of(*layer.track, layer.layer->rid_index); rid && with_rid) name += " " + *rid;
  return name;
}

/// Splits video layers into the tracks to write: one for each layer, or one for each track.
std::vector<PlannedTrack> video_tracks(const std::vector<const PlacedLayer*>& layers, bool best) {
  std::vector<PlannedTrack> tracks;
  for (const PlacedLayer* layer : layers) {
    if (best && !tracks.empty() && tracks.back().layers.front()->track == layer->track)
      tracks.back().layers.push_back(layer);
    else
      tracks.push_back({{layer}, {}});
  }
  return tracks;
}

PlannedOutput join(const std::vector<Group>& groups, bool best, const std::string& suffix) {
  PlannedOutput output{"recording", "recording" + suffix, std::nullopt, {}};
  for (const Group& group : groups) {
    for (PlannedTrack& track : video_tracks(group.video, best)) {
      track.name = name_of(*track.layers.front(), track.layers.size() == 1);
      output.tracks.push_back(std::move(track));
    }
    for (const PlacedLayer* layer : group.audio) output.tracks.push_back({{layer}, name_of(*layer, true)});
  }
  return output;
}

}  // namespace

std::vector<PlannedOutput> plan_outputs(const std::vector<PlacedLayer>& layers,
                                        const ConvertOptions& options,
                                        const std::vector<std::string>& streams) {
  const bool best = options.layers == Layers::best;
  const std::vector<Group> groups = group_layers(layers, options, streams);
  if (options.join && !groups.empty()) return {join(groups, best, options.suffix)};
  std::vector<PlannedOutput> outputs;
  OutputNames names;
  for (const Group& group : groups) {
    std::vector<PlannedTrack> audio;
    for (const PlacedLayer* layer : group.audio) audio.push_back({{layer}, {}});
    const auto add = [&](const PlacedLayer& first, const std::optional<std::string>& rid,
                         std::vector<PlannedTrack> tracks) {
      auto name = names.make(group.stream, first.track->files.track_id, rid);
      outputs.push_back({std::move(name.id), name.stem + options.suffix, group.stream, std::move(tracks)});
    };
    for (PlannedTrack& video : video_tracks(group.video, best)) {
      const PlacedLayer& first = *video.layers.front();
      const auto rid = best ? std::nullopt : rid_of(*first.track, first.layer->rid_index);
      std::vector<PlannedTrack> tracks{std::move(video)};
      tracks.insert(tracks.end(), audio.begin(), audio.end());
      add(first, rid, std::move(tracks));
    }
    if (group.video.empty()) add(*audio.front().layers.front(), std::nullopt, audio);
  }
  return outputs;
}

std::vector<std::string> not_there(const std::vector<PlacedLayer>& layers, const ConvertOptions& options,
                                   const std::vector<std::string>& streams) {
  std::set<std::string> rids, there;
  for (const PlacedLayer& layer : layers) {
    there.insert(stream_or_track_of(layer));
    if (layer.track->files.track.kind != MediaKind::video) continue;
    if (const auto rid = rid_of(*layer.track, layer.layer->rid_index)) rids.insert(*rid);
  }
  const auto sentence = [](const std::string& what, const std::string& asked, const std::set<std::string>& known) {
    std::string out = "there is no " + what + " " + asked;
    for (const std::string& one : known) out += (&one == &*known.begin() ? "; there are " : ", ") + one;
    return out;
  };
  std::vector<std::string> out;
  for (const auto& rid : options.only_rids.value_or(std::vector<std::optional<std::string>>{}))
    if (rid && !rids.contains(*rid)) out.push_back(sentence("rid", *rid, rids));
  for (const std::string& stream : streams)
    if (!there.contains(stream)) out.push_back(sentence("stream", stream, there));
  return out;
}

}  // namespace rtpx
