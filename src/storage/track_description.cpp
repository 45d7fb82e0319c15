#include "storage/track_description.hpp"

#include "base/json.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx {
namespace {

Result<std::vector<std::string>> rids_of(const Json& object, const std::string& id) {
  std::vector<std::string> rids;
  const auto found = object.find("rids");
  if (found == object.end() || found->is_null()) return rids;
  const auto bad = [&] { return fail(Errc::malformed, "\"rids\" of track \"" + id + "\" is not an array of strings"); };
  if (!found->is_array()) return bad();
  for (const Json& rid : *found) {
    if (!rid.is_string()) return bad();
    rids.push_back(rid.get<std::string>());
  }
  return rids;
}

// What a description has in common with the manifest is read as the manifest's.
Result<MediaStreamTrack> describe(const Json& object) {
  const auto id = object.is_object() ? object.find("id") : object.end();
  if (!object.is_object() || id == object.end() || !id->is_string())
    return fail(Errc::malformed, "A track is not an object with a string \"id\"");
  MediaStreamTrack track;
  track.id = id->get<std::string>();
  auto rids = rids_of(object, track.id);
  if (!rids) return std::unexpected(std::move(rids).error());
  track.rids = *std::move(rids);

  Json entry = {{"start_time", "1970-01-01T00:00:00.000000Z"}, {"location", ""}, {"rid_map", Json::object()}};
  for (const char* key : {"kind", "streams", "codec", "codecs", "header_extensions"})
    if (object.contains(key)) entry[key] = object[key];
  auto manifest = parse_manifest(dump_json(Json{{"track", std::move(entry)}}));
  if (!manifest)
    return fail(manifest.error().code, "Track \"" + track.id + "\": " + manifest.error().message);
  ManifestTrack& read = manifest->at("track");
  track.kind = read.kind;
  track.streams = std::move(read.streams);
  track.codecs = std::move(read.codecs);
  if (track.codecs.empty() && read.codec) track.codecs.push_back(*std::move(read.codec));
  track.header_extensions = std::move(read.header_extensions);
  return track;
}

}  // namespace

Result<std::vector<MediaStreamTrack>> parse_track_descriptions(std::string_view text) {
  const auto json = parse_json(text, "The description of the tracks");
  if (!json) return std::unexpected(json.error());
  std::vector<MediaStreamTrack> tracks;
  const auto add = [&](const Json& object) -> Result<void> {
    auto track = describe(object);
    if (!track) return std::unexpected(std::move(track).error());
    tracks.push_back(*std::move(track));
    return {};
  };
  if (!json->is_array()) {
    if (auto added = add(*json); !added) return std::unexpected(std::move(added).error());
    return tracks;
  }
  for (const Json& object : *json)
    if (auto added = add(object); !added) return std::unexpected(std::move(added).error());
  return tracks;
}

}  // namespace rtpx
