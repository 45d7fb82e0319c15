#include <algorithm>
#include <map>
#include <tuple>

#include "base/markup.hpp"
#include "mux/codec_id.hpp"
#include "mux/codec_string.hpp"
#include "mux/mp4_track.hpp"
#include "mux/segment_writer.hpp"
#include "play/playlist.hpp"
#include "play/printed.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kTargetNs = 1'000'000'000;

std::string time_of(std::int64_t ns) {
  return "PT" + printed("%.6f", static_cast<double>(ns) / 1e9) + "S";
}

/// The segments of one rendition between two discontinuities, all of one configuration but for fillers.
struct Stretch {
  const Rendition* rendition = nullptr;
  std::size_t first = 0, last = 0;  ///< segments, last one past
  [[nodiscard]] const PlayedSegment& segment(std::size_t at) const { return rendition->list.segments[at]; }
  [[nodiscard]] const OutputTrack& init() const { return rendition->list.inits[segment(first).init]; }
};

class DashText {
 public:
  DashText(const Program& program, const PlayAddresses& addresses) : program_(program), addresses_(addresses) {}

  std::string text() {
    out_ =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
        "profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" mediaPresentationDuration=\"" +
        time_of(program_.end_ns - program_.start_ns) + "\" minBufferTime=\"PT2S\">\n";
    std::uint32_t periods = 0;
    for (const Rendition& rendition : program_.renditions)
      for (const PlayedSegment& segment : rendition.list.segments)
        periods = std::max(periods, segment.discontinuities + 1);
    std::int64_t start = program_.start_ns;
    for (std::uint32_t period = 0; period < periods; ++period) {
      const auto end = start_of_period(period + 1);
      add_period(period, start, end.value_or(program_.end_ns));
      start = end.value_or(start);
    }
    return out_ + "</MPD>\n";
  }

 private:
  [[nodiscard]] std::optional<std::int64_t> start_of_period(std::uint32_t period) const {
    std::optional<std::int64_t> start;
    for (const Rendition& rendition : program_.renditions) {
      const auto& segments = rendition.list.segments;
      const auto at = std::ranges::find(segments, period, &PlayedSegment::discontinuities);
      if (at != segments.end()) start = std::min(start.value_or(at->start_ns), at->start_ns);
    }
    return start;
  }

  void add_period(std::uint32_t period, std::int64_t start, std::int64_t end) {
    // What one decoder plays is one adaptation set: players switch inside of it only.
    std::map<std::tuple<MediaKind, Format, std::string, std::string>, std::vector<Stretch>> sets;
    for (const Rendition& rendition : program_.renditions) {
      const auto& segments = rendition.list.segments;
      Stretch stretch{&rendition, 0, 0};
      stretch.first = static_cast<std::size_t>(
          std::ranges::lower_bound(segments, period, {}, &PlayedSegment::discontinuities) - segments.begin());
      stretch.last = static_cast<std::size_t>(
          std::ranges::upper_bound(segments, period, {}, &PlayedSegment::discontinuities) - segments.begin());
      const auto is_gap = [&](std::size_t at) { return stretch.segment(at).kind == PlayedSegment::Kind::gap; };
      while (stretch.first < stretch.last && is_gap(stretch.first)) ++stretch.first;
      while (stretch.first < stretch.last && is_gap(stretch.last - 1)) --stretch.last;
      if (stretch.first == stretch.last) continue;
      const OutputTrack& init = stretch.init();
      const std::string track = rendition.kind == MediaKind::audio ? rendition.id : rendition.track_id;
      sets[{rendition.kind, page_format(init), init.mime_type, track}].push_back(stretch);
    }
    if (sets.empty() || end <= start) return;
    out_ += "<Period id=\"" + std::to_string(period) + "\" start=\"" + time_of(start - program_.start_ns) +
            "\" duration=\"" + time_of(end - start) + "\">\n";
    std::size_t id = 0;
    for (const auto& [key, stretches] : sets) {
      const auto& [kind, format, codec, track] = key;
      const char* type = kind == MediaKind::video ? "video" : "audio";
      out_ += " <AdaptationSet id=\"" + std::to_string(id++) + "\" contentType=\"" + type + "\" mimeType=\"" +
              type + (format == Format::webm ? "/webm" : "/mp4") + "\" startWithSAP=\"1\">\n";
      out_ += "  <Label>" + escape_markup(stretches.front().rendition->name) + "</Label>\n";
      for (const Stretch& stretch : stretches) add_representation(stretch, format, start);
      out_ += " </AdaptationSet>\n";
    }
    out_ += "</Period>\n";
  }

  void add_representation(const Stretch& stretch, Format format, std::int64_t period_start) {
    const OutputTrack& init = stretch.init();
    const std::string codec = codec_string(init, format).value_or("");
    const BitRates rates = bit_rates(*stretch.rendition, kTargetNs);
    out_ += "  <Representation id=\"" + stretch.rendition->id + "\" bandwidth=\"" + std::to_string(rates.peak) +
            "\" codecs=\"" + codec + "\"";
    if (init.kind == MediaKind::video)
      out_ += " width=\"" + std::to_string(init.config.width) + "\" height=\"" +
              std::to_string(init.config.height) + "\"";
    out_ += ">\n";
    if (init.kind == MediaKind::audio)
      out_ += "   <AudioChannelConfiguration schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" "
              "value=\"" +
              std::to_string(std::max<unsigned>(init.config.channels, 1)) + "\"/>\n";
    const std::uint32_t timescale = format == Format::webm ? 1000 : segment_timescale(init);
    const auto ticks = [&](std::int64_t ns) { return mp4_ticks(ns - program_.start_ns, timescale); };
    const std::string base = stretch.rendition->id + "/", query = escape_markup(addresses_.query);
    out_ += "   <SegmentTemplate timescale=\"" + std::to_string(timescale) + "\" presentationTimeOffset=\"" +
            std::to_string(ticks(period_start)) + "\" startNumber=\"" + std::to_string(stretch.first) +
            "\" initialization=\"" + base + init_name(stretch.segment(stretch.first).init, format) + query +
            "\" media=\"" + base + (format == Format::webm ? "$Number$.webm" : "$Number$.m4s") + query +
            "\">\n    <SegmentTimeline>\n";
    for (std::size_t at = stretch.first; at < stretch.last; ++at) {
      const PlayedSegment& segment = stretch.segment(at);
      const std::int64_t start = ticks(segment.start_ns);
      out_ += "     <S t=\"" + std::to_string(start) + "\" d=\"" +
              std::to_string(std::max<std::int64_t>(ticks(segment.end_ns) - start, 1)) + "\"/>\n";
    }
    out_ += "    </SegmentTimeline>\n   </SegmentTemplate>\n  </Representation>\n";
  }

  const Program& program_;
  const PlayAddresses& addresses_;
  std::string out_;
};

}  // namespace

Format page_format(const OutputTrack& init) {
  return codec_of(init.mime_type) == CodecId::vp8 ? Format::webm : Format::fmp4;
}

std::string dash_manifest(const Program& program, const PlayAddresses& addresses) {
  return DashText(program, addresses).text();
}

}  // namespace rtpx
