#include "convert/finishing.hpp"

#include "media/reencode.hpp"
#include "media/sprites.hpp"
#include "media/thumbnail.hpp"
#include "media/video_encoder.hpp"
#include "mux/muxer.hpp"

namespace rtpx {

Result<void> check_finishing(const ConvertOptions& options) {
  if (options.sprites < 0 || options.sprites > kMostSprites)
    return fail(Errc::invalid_argument, "the number of sprites must be 0 to " + std::to_string(kMostSprites));
  if (options.thumbnails)
    for (const int side : {options.thumbnails->width, options.thumbnails->height})
      if (side != -1 && (side < 1 || side > 16'384))
        return fail(Errc::invalid_argument, "a side of a thumbnail must be -1 or 1 to 16384");
  return options.reencode ? check_options(*options.reencode) : Result<void>{};
}

Result<std::filesystem::path> reencode_stage(const std::filesystem::path& stage,
                                             const std::filesystem::path& folder, const std::string& stem,
                                             const std::vector<std::string>& audio_types,
                                             const ConvertOptions& options,
                                             const std::function<void(double)>& progress, FileSystem& files) {
  std::vector<OutputTrack> tracks(1);
  tracks.front().mime_type = mime_type_of(options.reencode->codec);
  for (const std::string& type : audio_types) {
    tracks.emplace_back().kind = MediaKind::audio;
    tracks.back().mime_type = type;
  }
  const Format format = options.format == Format::automatic ? choose_format(tracks) : options.format;
  const std::filesystem::path file = folder / (stem + extension_of(format));
  auto done = reencode(stage, file, format, *options.reencode, progress, options.stop, files);
  if (!done) return std::unexpected(done.error());
  return file;
}

std::vector<std::string> make_pictures(ConvertedFile& file, const ConvertOptions& options, FileSystem& files) {
  std::vector<std::string> failures;
  const std::string name = file.file.string();
  if (options.thumbnails) {
    const std::string picture = name + "_thumbnail.jpg";
    if (auto done = write_thumbnail(file.file, picture, *options.thumbnails, files); done)
      file.thumbnail_location = picture;
    else
      failures.push_back("no thumbnail: " + done.error().message);
  }
  if (options.sprites > 0) {
    const std::string pictures = name + "_sprites.jpg", places = name + "_sprites.vtt";
    if (auto done = write_sprites(file.file, pictures, places, options.sprites, options.stop, files); done)
      file.sprite_locations = {pictures, places};
    else
      failures.push_back("no sprites: " + done.error().message);
  }
  return failures;
}

}  // namespace rtpx
