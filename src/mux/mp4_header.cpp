#include "mux/mp4_header.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "mux/date.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostChapters = 255;
constexpr std::uint64_t kSecondsTo2001 = 35'430ULL * 86'400;  // since 1904
constexpr std::array<std::int32_t, 9> kUpright{1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30};

// 16.16 fixed point, rows are the picture's axes (ISO/IEC 14496-12 section 6.2.2). A mirror comes before the
// turn.
std::array<std::int32_t, 9> display_matrix(const OutputTrack& track) {
  constexpr std::array<int, 4> kCosine{1, 0, -1, 0}, kSine{0, 1, 0, -1};
  const auto quarter = static_cast<std::size_t>(((track.rotation % 360) + 360) % 360 / 90);
  const int mirror = track.mirrored ? -1 : 1;
  const int cosine = kCosine[quarter] * (1 << 16), sine = kSine[quarter] * (1 << 16);
  return {mirror * cosine, mirror * sine, 0, -sine, cosine, 0, 0, 0, 1 << 30};
}

std::uint64_t created(const MuxHints& hints) {
  const auto date = nanoseconds_since_2001(hints.date_utc);
  return date ? kSecondsTo2001 + static_cast<std::uint64_t>(*date / 1'000'000'000) : 0;
}

void put_matrix(Mp4Boxes& out, const std::array<std::int32_t, 9>& matrix) {
  for (const std::int32_t value : matrix) out.put<std::int32_t>(value);
}

/// The list that iTunes has made the custom: the title, and what has a name of its own.
void put_texts(Mp4Boxes& out, const MuxHints& hints) {
  const auto put_data = [&](const std::string& text) {
    out.box("data", [&] { out.put<std::uint32_t>(1).zeros(4).text(text); });
  };
  out.full_box("meta", 0, 0, [&] {
    out.full_box("hdlr", 0, 0, [&] { out.zeros(4).text("mdirappl").zeros(9); });
    out.box("ilst", [&] {
      if (!hints.title.empty()) out.box("\xA9nam", [&] { put_data(hints.title); });
      for (const auto& [name, value] : hints.tags)
        out.box("----", [&] {
          out.full_box("mean", 0, 0, [&] { out.text("com.apple.iTunes"); });
          out.full_box("name", 0, 0, [&] { out.text(name); });
          put_data(value);
        });
    });
  });
}

/// As many octets of UTF-8 as fit, whole characters.
std::string_view cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

/// Nero's list of chapters, which no standard has and most players read.
void put_chapters(Mp4Boxes& out, const std::vector<Chapter>& chapters) {
  const std::size_t count = std::min(chapters.size(), kMostChapters);
  out.full_box("chpl", 1, 0, [&] {
    out.zeros(4).put<std::uint8_t>(static_cast<std::uint8_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view text = cut_text(chapters[i].text, 255);
      out.put<std::int64_t>(chapters[i].start_ns / 100);
      out.put<std::uint8_t>(static_cast<std::uint8_t>(text.size())).text(text);
    }
  });
}

}  // namespace

void Mp4Header::write_media(Mp4Boxes& out, const Mp4Track& track, const Mp4TrackTimes& times,
                            std::size_t index) const {
  out.full_box("mdhd", 1, 0, [&] {
    out.put<std::uint64_t>(created(*hints)).put<std::uint64_t>(created(*hints));
    out.put<std::uint32_t>(track.timescale).put<std::int64_t>(times.media_duration);
    out.put<std::uint16_t>(0x55C4).zeros(2);  // und
  });
  const char* fallback = track.video() ? "VideoHandler" : "SoundHandler";
  out.full_box("hdlr", 0, 0, [&] {
    out.zeros(4).text(track.video() ? "vide" : "soun").zeros(12);
    out.text(track.output.name.empty() ? fallback : track.output.name).zeros(1);
  });
  out.box("minf", [&] {
    if (track.video())
      out.full_box("vmhd", 0, 1, [&] { out.zeros(8); });
    else
      out.full_box("smhd", 0, 0, [&] { out.zeros(4); });
    out.box("dinf", [&] {
      out.full_box("dref", 0, 0, [&] {
        out.put<std::uint32_t>(1);
        out.full_box("url ", 0, 1, [] {});  // in this file
      });
    });
    out.box("stbl", [&] {
      out.full_box("stsd", 0, 0, [&] {
        out.put<std::uint32_t>(1);
        track.write_sample_entry(out);
      });
      sample_tables(out, index);
    });
  });
}

void Mp4Header::write_track(Mp4Boxes& out, const Mp4Track& track, const Mp4TrackTimes& times,
                            std::size_t index) const {
  out.box("trak", [&] {
    out.full_box("tkhd", 1, 3, [&] {  // enabled, in the movie
      out.put<std::uint64_t>(created(*hints)).put<std::uint64_t>(created(*hints));
      out.put<std::uint32_t>(static_cast<std::uint32_t>(index + 1)).zeros(4);
      out.put<std::int64_t>(times.empty + times.shown).zeros(8 + 2 + 2);
      out.put<std::uint16_t>(track.video() ? 0 : 0x0100).zeros(2);  // volume
      put_matrix(out, display_matrix(track.output));
      const StreamConfig& config = track.output.config;
      out.put<std::uint32_t>(track.video() ? static_cast<std::uint32_t>(config.width) << 16 : 0);
      out.put<std::uint32_t>(track.video() ? static_cast<std::uint32_t>(config.height) << 16 : 0);
    });
    if (times.edits)
      out.box("edts", [&] {
        out.full_box("elst", 1, 0, [&] {
          out.put<std::uint32_t>(times.empty > 0 ? 2 : 1);
          if (times.empty > 0)
            out.put<std::int64_t>(times.empty).put<std::int64_t>(-1).put<std::uint32_t>(1U << 16);
          out.put<std::int64_t>(times.shown).put<std::int64_t>(times.media_time).put<std::uint32_t>(1U << 16);
        });
      });
    out.box("mdia", [&] { write_media(out, track, times, index); });
  });
}

void Mp4Header::write(Mp4Boxes& out, const std::vector<const Mp4Track*>& tracks,
                      const std::vector<Mp4TrackTimes>& times) const {
  out.box("moov", [&] {
    out.full_box("mvhd", 1, 0, [&] {
      out.put<std::uint64_t>(created(*hints)).put<std::uint64_t>(created(*hints));
      out.put<std::uint32_t>(timescale).put<std::int64_t>(duration);
      out.put<std::uint32_t>(1U << 16).put<std::uint16_t>(0x0100).zeros(10);  // rate, volume
      put_matrix(out, kUpright);
      out.zeros(24).put<std::uint32_t>(static_cast<std::uint32_t>(tracks.size() + 1));
    });
    for (std::size_t i = 0; i < tracks.size(); ++i) write_track(out, *tracks[i], times[i], i);
    if (extends) extends(out);
    const bool has_texts = !hints->title.empty() || !hints->tags.empty();
    if (!has_texts && hints->chapters.empty()) return;
    out.box("udta", [&] {
      if (has_texts) put_texts(out, *hints);
      if (!hints->chapters.empty()) put_chapters(out, hints->chapters);
    });
  });
}

}  // namespace rtpx
