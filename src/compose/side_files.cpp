#include "compose/side_files.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/json.hpp"
#include "base/webvtt.hpp"

namespace rtpx::film {
namespace {

constexpr std::int64_t kTogetherNs = 1'000'000'000;
constexpr std::size_t kMostChapters = 1'000;
constexpr std::size_t kLongestTitle = 200;

std::string one_word(const std::string& name) {
  std::string out;
  for (const char c : name) out += static_cast<unsigned char>(c) <= 0x20 || c == 0x7F ? '_' : c;
  return out.empty() ? "_" : out;
}

double seconds(std::int64_t ns) {
  return static_cast<double>(ns / 1'000'000) / 1e3;
}

Json rational(std::int64_t ns) {
  return {
      {"OTIO_SCHEMA", "RationalTime.1"}, {"rate", 1000.0}, {"value", static_cast<double>(ns / 1'000'000)}};
}

Json range(std::int64_t from_ns, std::int64_t duration_ns) {
  return {
      {"OTIO_SCHEMA", "TimeRange.1"}, {"start_time", rational(from_ns)}, {"duration", rational(duration_ns)}};
}

Json gap(std::int64_t duration_ns) {
  return {{"OTIO_SCHEMA", "Gap.1"},
          {"name", ""},
          {"source_range", range(0, duration_ns)},
          {"effects", Json::array()},
          {"markers", Json::array()},
          {"metadata", Json::object()}};
}

Json track_of(const TimelineClip& clip, const char* kind) {
  Json children = Json::array();
  if (clip.from_ns >= 1'000'000) children.push_back(gap(clip.from_ns));
  const Json reference{{"OTIO_SCHEMA", "ExternalReference.1"},
                       {"name", ""},
                       {"target_url", clip.file.string()},
                       {"available_range", range(0, clip.duration_ns)},
                       {"metadata", Json::object()}};
  children.push_back({{"OTIO_SCHEMA", "Clip.1"},
                      {"name", clip.name},
                      {"source_range", range(0, clip.duration_ns)},
                      {"media_reference", reference},
                      {"effects", Json::array()},
                      {"markers", Json::array()},
                      {"metadata", Json::object()}});
  return {{"OTIO_SCHEMA", "Track.1"},        {"name", clip.name},         {"kind", kind},
          {"children", std::move(children)}, {"source_range", nullptr},   {"effects", Json::array()},
          {"markers", Json::array()},        {"metadata", Json::object()}};
}

}  // namespace

std::vector<Chapter> chapters_of(const Call& call, const std::vector<FilmMark>& marks) {
  std::vector<Chapter> events;
  for (const Participant& one : call.participants) {
    events.push_back({one.there.from_ns, one.name + " joins"});
    if (one.there.to_ns < call.duration_ns - kTogetherNs)
      events.push_back({one.there.to_ns, one.name + " leaves"});
    for (const PictureFacts& picture : one.pictures) {
      if (!picture.screen) continue;
      for (const Span& span : picture.shown) events.push_back({span.from_ns, one.name + " shares a screen"});
    }
  }
  for (const FilmMark& mark : marks) events.push_back({mark.time_ms * 1'000'000, mark.title});
  std::erase_if(events,
                [&](const Chapter& one) { return one.start_ns < 0 || one.start_ns >= call.duration_ns; });
  std::ranges::stable_sort(events, {}, &Chapter::start_ns);
  std::vector<Chapter> out;
  for (Chapter& event : events) {
    if (!out.empty() && event.start_ns - out.back().start_ns < kTogetherNs) {
      if (out.back().text.size() + event.text.size() < kLongestTitle) out.back().text += ", " + event.text;
      continue;
    }
    if (out.size() == kMostChapters) break;
    out.push_back(std::move(event));
  }
  if (!out.empty()) out.front().start_ns = 0;  // players take what comes before for a chapter without a name
  return out;
}

std::string webvtt_of(const std::vector<Chapter>& chapters, std::int64_t duration_ns) {
  std::string out = "WEBVTT\n";
  for (std::size_t i = 0; i < chapters.size(); ++i) {
    const std::int64_t end = i + 1 < chapters.size() ? chapters[i + 1].start_ns : duration_ns;
    out += webvtt_cue(chapters[i].start_ns, end, webvtt_text(chapters[i].text));
  }
  return out;
}

std::string speech_json_of(const Call& call) {
  Json speakers = Json::array();
  std::vector<std::pair<std::int64_t, Json>> segments;
  for (const Participant& one : call.participants) {
    speakers.push_back({{"id", one.id}, {"name", one.name}});
    for (const Span& span : one.speaking)
      segments.push_back({span.from_ns,
                          {{"start_ms", span.from_ns / 1'000'000},
                           {"end_ms", span.to_ns / 1'000'000},
                           {"speaker", one.id}}});
  }
  std::ranges::stable_sort(segments, {}, [](const auto& segment) { return segment.first; });
  Json list = Json::array();
  for (auto& [from, segment] : segments) list.push_back(std::move(segment));
  return dump_json({{"duration_ms", call.duration_ns / 1'000'000},
                    {"speakers", std::move(speakers)},
                    {"segments", std::move(list)}}) +
         "\n";
}

std::string rttm_of(const Call& call, const std::string& name) {
  std::vector<std::pair<std::int64_t, std::string>> lines;
  for (const Participant& one : call.participants)
    for (const Span& span : one.speaking) {
      std::array<char, 64> times{};
      std::snprintf(times.data(), times.size(), "%.3f %.3f", seconds(span.from_ns),
                    seconds(span.to_ns - span.from_ns));
      lines.emplace_back(span.from_ns, "SPEAKER " + one_word(name) + " 1 " + times.data() + " <NA> <NA> " +
                                           one_word(one.name) + " <NA> <NA>\n");
    }
  std::ranges::stable_sort(lines, {}, [](const auto& line) { return line.first; });
  std::string out;
  for (const auto& [from, line] : lines) out += line;
  return out;
}

std::string otio_of(const std::string& name, const std::vector<TimelineClip>& clips,
                    const std::vector<Chapter>& chapters, std::int64_t duration_ns) {
  Json tracks = Json::array(), markers = Json::array();
  for (const TimelineClip& clip : clips) {
    if (clip.video) tracks.push_back(track_of(clip, "Video"));
    if (clip.audio) tracks.push_back(track_of(clip, "Audio"));
  }
  for (const Chapter& chapter : chapters)
    markers.push_back({{"OTIO_SCHEMA", "Marker.2"},
                       {"name", chapter.text},
                       {"color", "GREEN"},
                       {"marked_range", range(chapter.start_ns, 0)},
                       {"metadata", Json::object()}});
  const Json stack{{"OTIO_SCHEMA", "Stack.1"},  {"name", "tracks"},         {"children", std::move(tracks)},
                   {"source_range", nullptr},   {"effects", Json::array()}, {"markers", std::move(markers)},
                   {"metadata", Json::object()}};
  return dump_json({{"OTIO_SCHEMA", "Timeline.1"},
                    {"name", name},
                    {"global_start_time", nullptr},
                    {"tracks", stack},
                    {"metadata", {{"rtpx", {{"duration_ms", duration_ns / 1'000'000}}}}}}) +
         "\n";
}

}  // namespace rtpx::film
