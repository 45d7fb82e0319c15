#include "play/package.hpp"

#include <algorithm>
#include <set>

#include "mux/published_file.hpp"
#include "mux/segment_writer.hpp"
#include "play/marks.hpp"
#include "play/player_index.hpp"

namespace rtpx {
namespace {

const PlayAddresses kFiles{"", false};  // nobody makes what is not there yet

class Packager {
 public:
  Packager(Presentation& presentation, const std::filesystem::path& folder)
      : from_(presentation), view_(presentation.view()), folder_(folder) {}

  /// Nothing is left of a package that was cancelled or failed.
  Result<Packaged> run(const std::stop_token& stop) {
    auto done = write_all(stop);
    if (!done) take_back();
    return done;
  }

 private:
  Result<Packaged> write_all(const std::stop_token& stop) {
    if (auto made = make_folder(folder_); !made) return std::unexpected(made.error());
    for (std::size_t i = 0; i < view_->programs.size(); ++i)
      if (auto written = write_marks(view_->programs[i], marks_folder(i)); !written)
        return std::unexpected(written.error());
    for (const Program& program : view_->programs)
      for (const Rendition& rendition : program.renditions)
        if (auto written = write_rendition(program, rendition, stop); !written)
          return std::unexpected(written.error());
    if (auto written = write_file(folder_ / "index.json", as_bytes(player_index(from_, kFiles))); !written)
      return std::unexpected(written.error());
    for (std::size_t i = 0; i < view_->programs.size(); ++i) {
      const Program& program = view_->programs[i];
      out_.playlists.push_back(folder_ / playlist_name(i));
      out_.manifests.push_back(folder_ / manifest_name(i));
      for (const auto& [path, text] : {std::pair{out_.playlists.back(),
                                                 multivariant_playlist(program, kFiles, extras_of(program, i))},
                                       std::pair{out_.manifests.back(), dash_manifest(program, kFiles)}})
        if (auto written = write_file(path, as_bytes(text)); !written) return std::unexpected(written.error());
    }
    return std::move(out_);
  }

  [[nodiscard]] PlayExtras extras_of(const Program& program, std::size_t number) const {
    return {shows_marks(program, view_->marks) ? marks_folder(number) : ""};
  }

  Result<void> write_marks(const Program& program, const std::string& name) {
    if (!shows_marks(program, view_->marks)) return {};
    const std::filesystem::path folder = folder_ / name;
    if (auto made = make_folder(folder); !made) return made;
    for (std::size_t number = 0;; ++number) {
      const auto text = marks_segment(program, view_->marks, number);
      if (!text) break;
      if (auto written = write_file(folder / (std::to_string(number) + ".vtt"), as_bytes(*text)); !written)
        return written;
    }
    return write_file(folder / "index.m3u8", as_bytes(marks_playlist(program, kFiles)));
  }

  Result<void> write_rendition(const Program& program, const Rendition& rendition,
                               const std::stop_token& stop) {
    const std::filesystem::path folder = folder_ / rendition.id;
    if (auto made = make_folder(folder); !made) return made;
    // WebM beside fMP4 where the manifest asks for it.
    std::set<Format> formats{Format::fmp4};
    for (const OutputTrack& init : rendition.list.inits) formats.insert(page_format(init));
    for (const Format format : formats) {
      for (std::size_t i = 0; i < rendition.list.inits.size(); ++i) {
        if (!wanted(rendition.list.inits[i], format)) continue;
        MemorySink bytes;
        if (auto made = from_.init(rendition.id, i, format, bytes); !made) return made;
        if (auto written = write_file(folder / init_name(i, format), bytes.bytes()); !written) return written;
      }
      for (std::size_t i = 0; i < rendition.list.segments.size(); ++i) {
        if (stop.stop_requested()) return fail(Errc::cancelled, "packaging was cancelled");
        const PlayedSegment& segment = rendition.list.segments[i];
        if (segment.kind == PlayedSegment::Kind::gap || !wanted(rendition.list.inits[segment.init], format))
          continue;
        auto stream = from_.segment(rendition.id, i, format);
        if (!stream) return std::unexpected(stream.error());
        auto file = PublishedFile::create(folder / segment_name(i, format));
        if (!file) return std::unexpected(file.error());
        if (auto written = (*stream)->all(**file); !written) return written;
        if (auto published = publish(**file, folder / segment_name(i, format)); !published) return published;
      }
    }
    return write_file(folder / "index.m3u8", as_bytes(media_playlist(program, rendition, kFiles)));
  }

  static bool wanted(const OutputTrack& init, Format format) {
    return format == page_format(init) || (format == Format::fmp4 && segments_hold(format, init.mime_type));
  }

  Result<void> write_file(const std::filesystem::path& path, Bytes bytes) {
    auto file = PublishedFile::create(path);
    if (!file) return std::unexpected(file.error());
    if (auto written = (*file)->append(bytes); !written) return written;
    return publish(**file, path);
  }

  Result<void> publish(PublishedFile& file, const std::filesystem::path& path) {
    ++out_.files;
    out_.bytes += file.position();
    auto published = file.publish();
    if (published) files_.push_back(path);
    return published;
  }

  Result<void> make_folder(const std::filesystem::path& folder) {
    std::error_code failed;
    if (std::filesystem::create_directories(folder, failed)) folders_.push_back(folder);
    if (failed) return fail(Errc::io, "cannot make the folder " + folder.string() + ": " + failed.message());
    return {};
  }

  void take_back() const {
    std::error_code ignored;
    for (const auto* made : {&files_, &folders_})
      for (auto path = made->rbegin(); path != made->rend(); ++path) std::filesystem::remove(*path, ignored);
  }

  Presentation& from_;
  const std::shared_ptr<const Presentation::View> view_;
  const std::filesystem::path folder_;
  Packaged out_;
  std::vector<std::filesystem::path> files_, folders_;  // that were made
};

}  // namespace

Result<Packaged> package(Presentation& presentation, const std::filesystem::path& folder,
                         const std::stop_token& stop) {
  return Packager(presentation, folder).run(stop);
}

}  // namespace rtpx
