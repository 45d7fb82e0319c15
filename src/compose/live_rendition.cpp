#include "compose/live_rendition.hpp"

#include <algorithm>
#include <cstdio>

#include "base/file_system.hpp"
#include "base/utc_time.hpp"
#include "mux/codec_string.hpp"

namespace rtpx::film {
namespace {

std::string seconds_text(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", static_cast<double>(ns) / 1e9);
  return text;
}

}  // namespace

Result<std::unique_ptr<LiveRendition>> LiveRendition::create(const std::filesystem::path& folder,
                                                             const std::string& name, const OutputTrack& track,
                                                             std::optional<UtcTime> started) {
  std::unique_ptr<LiveRendition> made(new LiveRendition(folder, name));
  auto writer = open_segment_writer(Format::fmp4, track);
  if (!writer) return std::unexpected(writer.error());
  made->writer_ = std::move(*writer);
  MemorySink init;
  if (auto written = made->writer_->init(init); !written) return std::unexpected(written.error());
  const std::string file = name + "-init.mp4";
  if (auto written = write_file_atomically(real_file_system(), folder / file, init.bytes()); !written)
    return std::unexpected(written.error());
  // Section 4.4.3.1: no segment is longer, rounded.
  made->playlist_ = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:" +
                    std::to_string(kLiveSegmentNs / 1'000'000'000) +
                    "\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"" + file + "\"\n";
  if (started) made->playlist_ += "#EXT-X-PROGRAM-DATE-TIME:" + format_utc(*started) + "\n";
  if (auto written = made->write_playlist(); !written) return std::unexpected(written.error());
  return made;
}

Result<void> LiveRendition::add(const Sample& sample) {
  if (any_ && sample.keyframe && sample.time_ns >= begins_ns_ + kLiveSegmentNs)
    if (auto written = cut(sample.time_ns); !written) return written;
  any_ = true;
  return writer_->add(sample);
}

Result<void> LiveRendition::cut(std::int64_t end_ns) {
  MemorySink segment;
  if (auto written = writer_->finish(++number_, end_ns, segment); !written) return written;
  const std::string file = name_ + "-" + std::to_string(number_) + ".m4s";
  if (auto written = write_file_atomically(real_file_system(), folder_ / file, segment.bytes()); !written)
    return written;
  playlist_ += "#EXTINF:" + seconds_text(end_ns - written_ns_) + ",\n" + file + "\n";
  written_ns_ = end_ns;
  begins_ns_ = end_ns / kLiveSegmentNs * kLiveSegmentNs;  // sound is cut a little behind
  any_ = false;
  return write_playlist();
}

Result<void> LiveRendition::end(std::int64_t end_ns) {
  if (any_)
    if (auto written = cut(std::max(end_ns, written_ns_ + 1'000'000)); !written) return written;
  playlist_ += "#EXT-X-ENDLIST\n";
  return write_playlist();
}

Result<void> LiveRendition::write_playlist() {
  return write_file_atomically(real_file_system(), folder_ / (name_ + ".m3u8"), as_bytes(playlist_));
}

Result<void> write_live_index(const std::filesystem::path& folder, const OutputTrack& pictures,
                              const OutputTrack& sound, std::int64_t bits_per_second, int fps) {
  const auto picture_codec = codec_string(pictures, Format::fmp4), sound_codec = codec_string(sound, Format::fmp4);
  if (!picture_codec) return std::unexpected(picture_codec.error());
  if (!sound_codec) return std::unexpected(sound_codec.error());
  const std::string index =
      "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,URI=\"sound.m3u8\"\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=" +
      std::to_string(bits_per_second) + ",RESOLUTION=" + std::to_string(pictures.config.width) + "x" +
      std::to_string(pictures.config.height) + ",FRAME-RATE=" + std::to_string(fps) + ".000,CODECS=\"" +
      *picture_codec + "," + *sound_codec + "\",AUDIO=\"sound\"\npicture.m3u8\n";
  return write_file_atomically(real_file_system(), folder / "index.m3u8", as_bytes(index));
}

}  // namespace rtpx::film
