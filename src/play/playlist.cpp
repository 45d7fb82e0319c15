#include "play/playlist.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "base/utc_time.hpp"
#include "mux/codec_id.hpp"
#include "mux/codec_string.hpp"
#include "play/printed.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kLeastGrowingTargetNs = 10 * kSecondNs;
constexpr std::uint64_t kSegmentHead = 160, kSampleHead = 16;  // bytes of a fragment beside its frames

// Section 4.2: no line feed, carriage return or double quote.
std::string attribute_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || static_cast<unsigned char>(c) < 0x20 ? '\'' : c;
  return out + '"';
}

std::string codecs_of(const Rendition& rendition, std::set<std::string>& known) {
  std::string out;
  for (const OutputTrack& init : rendition.list.inits) {
    const auto name = codec_string(init, Format::fmp4);
    if (name && known.insert(*name).second) out += (out.empty() ? "" : ",") + *name;
  }
  return out;
}

std::string numbered(const char* stem, std::size_t program, const char* extension) {
  return stem + (program == 0 ? "" : "-" + std::to_string(program + 1)) + extension;
}

double frame_rate(const Rendition& rendition) {
  std::int64_t shown = 0;
  std::uint64_t frames = 0;
  const auto add = [&](const PlayedSegment& segment) {
    if (segment.kind != PlayedSegment::Kind::media) return;
    shown += segment.end_ns - segment.start_ns;
    frames += segment.frames;
  };
  for (const PlayedSegment& segment : rendition.list.segments) add(segment);
  if (rendition.open) add(*rendition.open);
  return shown <= 0 ? 0 : static_cast<double>(frames) * 1e9 / static_cast<double>(shown);
}

double seconds_of(std::int64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

std::int64_t micros(const Program& program, std::int64_t ns) {
  return (ns - program.start_ns + 500) / 1000;
}

/// Where another rendition stands (section 4.4.5.4).
std::string rendition_report(const Rendition& other, const PlayAddresses& addresses) {
  const std::size_t closed = other.list.segments.size();
  std::size_t number = closed, parts = parts_of(other, closed).size();
  if (parts == 0 && closed > 0) parts = parts_of(other, --number).size();
  return "#EXT-X-RENDITION-REPORT:URI=\"../" + other.id + "/index.m3u8" + addresses.query +
         "\",LAST-MSN=" + std::to_string(number) + (parts == 0 ? "" : ",LAST-PART=" + std::to_string(parts - 1));
}

const OutputTrack* largest(const Rendition& rendition) {
  const OutputTrack* out = nullptr;
  const auto area = [](const OutputTrack& track) {
    return std::int64_t{track.config.width} * track.config.height;
  };
  for (const OutputTrack& init : rendition.list.inits)
    if (out == nullptr || area(init) > area(*out)) out = &init;
  return out;
}

}  // namespace

std::string playlist_name(std::size_t program) {
  return numbered("index", program, ".m3u8");
}

std::string manifest_name(std::size_t program) {
  return numbered("manifest", program, ".mpd");
}

std::string init_name(std::size_t number, Format format) {
  return "init-" + std::to_string(number) + (format == Format::webm ? ".webm" : ".mp4");
}

std::string segment_name(std::size_t number, Format format) {
  return std::to_string(number) + (format == Format::webm ? ".webm" : ".m4s");
}

std::string part_name(std::size_t number, std::size_t part, Format format) {
  return "parts/" + std::to_string(number) + "." + segment_name(part, format);
}

std::uint64_t segment_bytes(const PlayedSegment& segment) {
  return kSegmentHead + segment.bytes + kSampleHead * segment.frames;
}

std::int64_t target_seconds(const Program& program) {
  // It must not change while the program grows, so that it has room for longer ones than there were so far; nor when
  // it has ended, for those who were told (such a program still has parts).
  const bool told = program.growing || std::ranges::any_of(program.renditions, [](const Rendition& one) { return !one.list.parts.empty(); });
  std::int64_t longest = told ? kLeastGrowingTargetNs : kSecondNs;
  for (const Rendition& rendition : program.renditions)
    for (const PlayedSegment& segment : rendition.list.segments)
      longest = std::max(longest, segment.end_ns - segment.start_ns);
  return (longest + kSecondNs / 2) / kSecondNs;
}

// The peak is that of any segments in a row that last half to one and a half target durations together. Gaps have no
// bytes, and nothing is fetched there.
BitRates bit_rates(const SegmentList& list, std::int64_t target_ns) {
  BitRates out;
  const auto rate = [](std::uint64_t bytes, std::int64_t ns) {
    return ns <= 0 ? std::uint64_t{0}
                   : static_cast<std::uint64_t>(static_cast<double>(bytes) * 8e9 / static_cast<double>(ns)) + 1;
  };
  const auto& segments = list.segments;
  std::uint64_t all = 0;
  std::int64_t lasting = 0;
  const auto is_gap = [](const PlayedSegment& segment) { return segment.kind == PlayedSegment::Kind::gap; };
  for (std::size_t first = 0; first < segments.size(); ++first) {
    if (is_gap(segments[first])) continue;
    all += segment_bytes(segments[first]);
    lasting += segments[first].end_ns - segments[first].start_ns;
    std::uint64_t bytes = 0;
    std::int64_t ns = 0;
    for (std::size_t i = first; i < segments.size() && !is_gap(segments[i]); ++i) {
      bytes += segment_bytes(segments[i]);
      ns += segments[i].end_ns - segments[i].start_ns;
      if (2 * ns > 3 * target_ns) break;
      if (2 * ns >= target_ns) out.peak = std::max(out.peak, rate(bytes, ns));
    }
  }
  out.average = rate(all, lasting);
  out.peak = std::max(out.peak, out.average);
  return out;
}

BitRates bit_rates(const Rendition& rendition, std::int64_t target_ns) {
  if (!rendition.list.segments.empty() || !rendition.open) return bit_rates(rendition.list, target_ns);
  SegmentList alone;
  alone.segments.push_back(*rendition.open);
  return bit_rates(alone, target_ns);
}

std::string multivariant_playlist(const Program& program, const PlayAddresses& addresses, const PlayExtras& extras) {
  std::string out = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-INDEPENDENT-SEGMENTS\n";
  const std::int64_t target_ns = target_seconds(program) * kSecondNs;
  const bool pictures = std::ranges::any_of(
      program.renditions, [](const Rendition& one) { return one.kind == MediaKind::video; });
  std::string sound_codecs;
  BitRates sound;
  bool default_sound = true;
  std::set<std::string> known, names;
  for (const Rendition& rendition : program.renditions) {
    if (!pictures || rendition.kind != MediaKind::audio) continue;
    const std::string codecs = codecs_of(rendition, known);
    if (!codecs.empty()) sound_codecs += (sound_codecs.empty() ? "" : ",") + codecs;
    const BitRates rates = bit_rates(rendition, target_ns);
    sound.peak = std::max(sound.peak, rates.peak);
    sound.average = std::max(sound.average, rates.average);
    std::string name = rendition.name;
    if (!names.insert(name).second) name += " (" + rendition.id + ")";
    const std::uint16_t channels = std::max<std::uint16_t>(rendition.list.inits.front().config.channels, 1);
    out += "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=" + attribute_string(name) +
           ",DEFAULT=" + (default_sound ? "YES" : "NO") + ",AUTOSELECT=YES,CHANNELS=\"" +
           std::to_string(channels) + "\",URI=\"" + rendition.id + "/index.m3u8" + addresses.query + "\"\n";
    default_sound = false;
  }
  if (!extras.marks_folder.empty())
    out += "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"marks\",NAME=\"Marks\",DEFAULT=NO,AUTOSELECT=NO,FORCED=NO,URI=\"" +
           extras.marks_folder + "/index.m3u8" + addresses.query + "\"\n";
  for (const Rendition& rendition : program.renditions) {
    if (pictures && rendition.kind == MediaKind::audio) continue;
    std::set<std::string> seen;
    std::string codecs = codecs_of(rendition, seen);
    if (!sound_codecs.empty()) codecs += (codecs.empty() ? "" : ",") + sound_codecs;
    const BitRates rates = bit_rates(rendition, target_ns);
    out += "#EXT-X-STREAM-INF:BANDWIDTH=" + std::to_string(rates.peak + sound.peak) +
           ",AVERAGE-BANDWIDTH=" + std::to_string(rates.average + sound.average) + ",CODECS=" + attribute_string(codecs);
    if (const OutputTrack* picture = largest(rendition); rendition.kind == MediaKind::video && picture)
      out += ",RESOLUTION=" + std::to_string(picture->config.width) + "x" +
             std::to_string(picture->config.height) + ",FRAME-RATE=" + printed("%.3f", frame_rate(rendition));
    if (pictures && !default_sound) out += ",AUDIO=\"sound\"";
    if (!extras.marks_folder.empty()) out += ",SUBTITLES=\"marks\"";
    out += "\n" + rendition.id + "/index.m3u8" + addresses.query + "\n";
  }
  return out;
}

MediaPlaylistText::MediaPlaylistText(const Program& program, const PlayAddresses& addresses)
    : program_(program), addresses_(addresses) {
  out_ = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:" + std::to_string(target_seconds(program)) +
         "\n#EXT-X-PLAYLIST-TYPE:" + (program.growing ? "EVENT" : "VOD") +
         "\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MEDIA-SEQUENCE:0\n";
  if (!program.growing || !addresses.live) return;
  // Section 4.4.3.8: three part target durations behind the end, at least two.
  out_ += "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=" + printed("%.3f", 3 * seconds_of(kPartNs)) +
          "\n#EXT-X-PART-INF:PART-TARGET=" + printed("%.3f", seconds_of(kPartNs)) + "\n";
}

void MediaPlaylistText::head(const PlayedSegment& segment, const std::string& map) {
  if (std::exchange(headed_, true)) return;
  for (; discontinuities_ < segment.discontinuities; ++discontinuities_) {
    line("#EXT-X-DISCONTINUITY");
    tell_date_ = true;
  }
  if (map != map_) {
    map_ = map;
    line("#EXT-X-MAP:URI=\"" + map + addresses_.query + "\"");
  }
  if (tell_date_ && program_.started)
    line("#EXT-X-PROGRAM-DATE-TIME:" + format_utc(*program_.started + std::chrono::microseconds(micros(program_, segment.start_ns))));
  tell_date_ = false;
}

void MediaPlaylistText::segment(const PlayedSegment& segment, const std::string& map, const std::string& uri) {
  head(segment, map);
  headed_ = false;
  if (segment.kind == PlayedSegment::Kind::gap) line("#EXT-X-GAP");
  // From rounded ends, so that the sum is right however many segments there are.
  const auto lasts = static_cast<double>(micros(program_, segment.end_ns) - micros(program_, segment.start_ns)) / 1e6;
  line("#EXTINF:" + printed("%.6f", lasts) + ",");
  line(uri + addresses_.query);
}

std::string MediaPlaylistText::end() {
  if (!program_.growing) line("#EXT-X-ENDLIST");
  return std::move(out_);
}

bool has_young_parts(const Program& program, const Rendition& rendition, std::size_t number) {
  const std::int64_t young_ns = 3 * target_seconds(program) * kSecondNs;
  return number >= rendition.list.segments.size() || rendition.list.segments[number].end_ns + young_ns > program.end_ns;
}

std::string media_playlist(const Program& program, const Rendition& rendition,
                           const PlayAddresses& addresses) {
  MediaPlaylistText text(program, addresses);
  const auto& segments = rendition.list.segments;
  const auto map_of = [](const PlayedSegment& segment) { return init_name(segment.init, Format::fmp4); };
  const auto write_parts = [&](std::size_t number) {
    const auto parts = parts_of(rendition, number);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      std::string line = "#EXT-X-PART:DURATION=" + printed("%.6f", seconds_of(parts[i].end_ns - parts[i].start_ns)) +
                         ",URI=\"" + part_name(number, i, Format::fmp4) + addresses.query + "\"";
      if (rendition.kind == MediaKind::audio || i == 0) line += ",INDEPENDENT=YES";
      if (parts[i].frames == 0) line += ",GAP=YES";
      text.line(line);
    }
    return parts.size();
  };
  for (std::size_t number = 0; number < segments.size(); ++number) {
    text.head(segments[number], map_of(segments[number]));
    if (addresses.live && has_young_parts(program, rendition, number)) write_parts(number);
    text.segment(segments[number], map_of(segments[number]), segment_name(number, Format::fmp4));
  }
  if (!program.growing || !addresses.live) return text.end();
  std::size_t known = 0;
  if (const auto& open = rendition.open; open && !parts_of(rendition, segments.size()).empty()) {
    text.head(*open, map_of(*open));
    known = write_parts(segments.size());
  }
  text.line("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"" + part_name(segments.size(), known, Format::fmp4) + addresses.query +
            "\"");
  for (const Rendition& other : program.renditions)
    if (other.id != rendition.id) text.line(rendition_report(other, addresses));
  return text.end();
}

}  // namespace rtpx
