#include "mux/muxer.hpp"

#include <string>

#include "mux/annexb_writer.hpp"
#include "mux/fmp4_writer.hpp"
#include "mux/ivf_writer.hpp"
#include "mux/matroska_writer.hpp"
#include "mux/mp4_writer.hpp"
#include "mux/ogg_writer.hpp"
#include "mux/wav_writer.hpp"

namespace rtpx {

Result<std::unique_ptr<Muxer>> open_muxer(Format format, const std::filesystem::path& path,
                                          const std::vector<OutputTrack>& tracks, const MuxHints& hints,
                                          FileSystem& files) {
  const std::string container = name_of(format);
  if (tracks.empty()) return fail(Errc::invalid_argument, "no track to write into " + path.string());
  if (tracks.size() > most_tracks(format))
    return fail(Errc::unsupported, container + " holds at most " + std::to_string(most_tracks(format)) +
                                       " tracks; " + path.string() + " would need " +
                                       std::to_string(tracks.size()));
  for (const OutputTrack& track : tracks)
    if (!format_holds(format, track.mime_type))
      return fail(Errc::unsupported,
                  container + " cannot hold " + track.mime_type + " (for " + path.string() + ")");
  switch (format) {
    case Format::webm:
    case Format::mkv:
      return MatroskaWriter::open(format, path, tracks, hints, files);
    case Format::mp4:
      return Mp4Muxer::open<Mp4Writer>(path, tracks, hints, files);
    case Format::fmp4:
      return Mp4Muxer::open<Fmp4Writer>(path, tracks, hints, files);
    case Format::ogg:
      return OggWriter::open(path, tracks[0], hints, files);
    case Format::wav:
      return WavWriter::open(path, tracks[0], files);
    case Format::ivf:
      return IvfWriter::open(path, tracks[0], files);
    case Format::h264:
    case Format::h265:
      return AnnexBWriter::open(path, tracks[0], files);
    case Format::automatic:
      break;
  }
  return fail(Errc::invalid_argument, "a file needs a definite format");
}

}  // namespace rtpx
