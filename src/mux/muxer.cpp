#include "mux/muxer.hpp"

#include <string>

#include "mux/matroska_writer.hpp"

namespace rtpx {

Result<std::unique_ptr<Muxer>> open_muxer(Format format, const std::filesystem::path& path,
                                          std::vector<OutputTrack> tracks, const MuxHints& hints) {
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
      return MatroskaWriter::open(format, path, std::move(tracks), hints);
    default:
      return fail(Errc::unsupported, container + " cannot be written yet");
  }
}

}  // namespace rtpx
