#include "play/player_index.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utc_time.hpp"
#include "mux/codec_string.hpp"

namespace rtpx {
namespace {

using nlohmann::json;

std::string mime_of(const OutputTrack& init, Format format) {
  const auto codec = codec_string(init, format);
  if (!codec) return {};
  return std::string(init.kind == MediaKind::video ? "video" : "audio") +
         (format == Format::webm ? "/webm" : "/mp4") + "; codecs=\"" + *codec + "\"";
}

json view_of(const Presentation& presentation, const Program& program, const Rendition& rendition,
             const PlayAddresses& addresses) {
  json out = {{"id", rendition.id},
              {"kind", rendition.kind == MediaKind::video ? "video" : "audio"},
              {"track", rendition.track_id},
              {"name", rendition.name}};
  if (rendition.rid) out["rid"] = *rendition.rid;
  out["bits_per_second"] = bit_rates(rendition, 1'000'000'000LL * target_seconds(program)).average;
  json inits = json::array(), segments = json::array();
  int width = 0, height = 0;
  for (std::size_t i = 0; i < rendition.list.inits.size(); ++i) {
    const OutputTrack& init = rendition.list.inits[i];
    const Format format = page_format(init);
    inits.push_back({{"url", rendition.id + "/" + init_name(i, format) + addresses.query},
                     {"mime", mime_of(init, format)}});
    if (init.config.width * init.config.height > width * height) {
      width = init.config.width;
      height = init.config.height;
    }
  }
  if (width > 0) {
    out["width"] = width;
    out["height"] = height;
  }
  const auto seconds = [&](std::int64_t ns) {
    return static_cast<double>((ns - program.start_ns + 500) / 1000) / 1e6;
  };
  const auto add_parts = [&](json& segment, std::size_t number) {
    const auto parts = parts_of(rendition, number);
    const Format format = page_format(rendition.list.inits[segment["init"].get<std::size_t>()]);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      segment["parts"].push_back({{"start", seconds(parts[i].start_ns)}, {"end", seconds(parts[i].end_ns)}});
      if (parts[i].frames > 0)
        segment["parts"].back()["url"] = rendition.id + "/" + part_name(number, i, format) + addresses.query;
    }
  };
  for (std::size_t i = 0; i < rendition.list.segments.size(); ++i) {
    const PlayedSegment& segment = rendition.list.segments[i];
    const bool gap = segment.kind == PlayedSegment::Kind::gap;
    const Format format = page_format(rendition.list.inits[segment.init]);
    segments.push_back({{"start", seconds(segment.start_ns)}, {"end", seconds(segment.end_ns)}, {"init", segment.init}});
    if (segment.kind == PlayedSegment::Kind::filler) segments.back()["filler"] = true;
    if (gap)
      segments.back()["gap"] = true;
    else
      segments.back()["url"] = rendition.id + "/" + segment_name(i, format) + addresses.query;
    if (has_young_parts(program, rendition, i)) add_parts(segments.back(), i);
  }
  if (const auto& open = rendition.open; open && open->kind != PlayedSegment::Kind::gap) {
    json last = {{"start", seconds(open->start_ns)}, {"init", open->init}, {"open", true}};
    add_parts(last, rendition.list.segments.size());
    if (last.contains("parts")) {
      last["end"] = last["parts"].back()["end"];
      segments.push_back(std::move(last));
    }
  }
  out["inits"] = std::move(inits);
  out["segments"] = std::move(segments);
  json lost = json::array();
  for (const auto& [at_ns, packets] : presentation.lost(rendition.id))
    lost.push_back({std::max(seconds(at_ns), 0.0), packets});
  out["lost"] = std::move(lost);
  return out;
}

}  // namespace

std::string player_index(const Presentation& presentation, const PlayAddresses& addresses) {
  const auto shown = presentation.view();
  const Presentation::View& view = *shown;
  json programs = json::array();
  for (std::size_t i = 0; i < view.programs.size(); ++i) {
    const Program& program = view.programs[i];
    json out = {{"id", program.id},
                {"offset_ms", program.start_ns / 1'000'000},
                {"offset", static_cast<double>((program.start_ns + 500) / 1000) / 1e6},
                {"duration_ms", (program.end_ns - program.start_ns) / 1'000'000},
                {"playlist", playlist_name(i) + addresses.query},
                {"manifest", manifest_name(i) + addresses.query},
                {"renditions", json::array()}};
    for (const PlayedMark& mark : view.marks)
      if (mark.time_ns >= program.start_ns && mark.time_ns < program.end_ns)
        out["marks"].push_back({{"time", static_cast<double>(mark.time_ns - program.start_ns) / 1e9}, {"text", mark.text}});
    if (program.started) out["started"] = format_utc(*program.started);
    for (const Rendition& rendition : program.renditions)
      out["renditions"].push_back(view_of(presentation, program, rendition, addresses));
    programs.push_back(std::move(out));
  }
  return json{{"growing", view.growing},
              {"version", view.version},
              {"programs", std::move(programs)},
              {"left_out", view.left_out}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

}  // namespace rtpx
