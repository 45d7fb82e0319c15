#include <algorithm>
#include <array>
#include <string>

#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"

namespace rtpx {
namespace {

/// A bit for each codec.
class CodecSet {
 public:
  constexpr CodecSet(std::initializer_list<CodecId> codecs) {
    for (const CodecId codec : codecs) bits_ |= bit(codec);
  }
  [[nodiscard]] constexpr bool contains(CodecId codec) const { return (bits_ & bit(codec)) != 0; }

 private:
  static constexpr std::uint32_t bit(CodecId codec) {
    return std::uint32_t{1} << static_cast<unsigned>(codec);
  }
  std::uint32_t bits_ = 0;
};

struct Row {
  Format format;
  const char* name;
  const char* extension;
  CodecSet codecs;
};

using enum CodecId;

// docs/containers.md says why.
constexpr std::array kRows{
    Row{Format::webm, "WebM", ".webm", {vp8, vp9, av1, opus}},
    Row{Format::mkv, "Matroska", ".mkv", {vp8, vp9, av1, h264, h265, opus, pcmu, pcma, g722, l16, aac, flac}},
    Row{Format::mp4, "MP4", ".mp4", {vp9, av1, h264, h265, opus, aac, flac}},
    Row{Format::fmp4, "fragmented MP4", ".mp4", {vp9, av1, h264, h265, opus, aac, flac}},
    Row{Format::ogg, "Ogg", ".ogg", {opus, flac}},
    Row{Format::wav, "WAV", ".wav", {pcmu, pcma, g722, l16}},
    Row{Format::ivf, "IVF", ".ivf", {vp8, vp9, av1}},
    Row{Format::h264, "H.264 elementary stream", ".h264", {h264}},
    Row{Format::h265, "H.265 elementary stream", ".h265", {h265}},
};

const Row* row_of(Format format) noexcept {
  const auto found = std::ranges::find(kRows, format, &Row::format);
  return found == kRows.end() ? nullptr : &*found;
}

}  // namespace

const char* name_of(Format format) noexcept {
  const Row* row = row_of(format);
  return row != nullptr ? row->name : "automatic";
}

const char* extension_of(Format format) noexcept {
  const Row* row = row_of(format);
  return row != nullptr ? row->extension : "";
}

bool format_holds(Format format, std::string_view mime_type) noexcept {
  const auto codec = codec_of(mime_type);
  const Row* row = row_of(format);
  return codec && row != nullptr && row->codecs.contains(*codec);
}

std::size_t most_tracks(Format format) noexcept {
  switch (format) {
    case Format::webm:
    case Format::mkv:
      return 126;  // a track number of one byte in every block
    case Format::mp4:
    case Format::fmp4:
      return 126;
    default:
      return 1;
  }
}

bool format_turns(Format format) noexcept {
  return format == Format::webm || format == Format::mkv || format == Format::mp4 || format == Format::fmp4;
}

Format choose_format(const std::vector<OutputTrack>& tracks) {
  const bool webm = std::ranges::all_of(
      tracks, [](const OutputTrack& track) { return format_holds(Format::webm, track.mime_type); });
  return webm ? Format::webm : Format::mkv;
}

}  // namespace rtpx
