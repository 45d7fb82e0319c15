#include "media/thumbnail.hpp"

#include <optional>

#include "media/video_reader.hpp"

namespace rtpx {
namespace {

constexpr int kKeyframes = 8;                               // looked at
constexpr std::int64_t kStretchNs = 60'000'000'000;         // in which they are looked for
constexpr double kEnoughToSee = 1'200, kNothingToSee = 40;  // luma variance
constexpr int kPictures = 300, kEvery = 10;                 // looked through where no keyframe shows a thing
constexpr std::int64_t kPixels = 1'000'000'000;             // or so many: 300 huge ones take minutes

struct Best {
  libav::Frame picture;
  double variance = -1;

  void offer(const AVFrame& candidate) {
    const double seen = luma_variance(candidate);
    if (seen <= variance) return;
    variance = seen;
    picture.reset(av_frame_clone(&candidate));
  }
};

Result<void> look_at_keyframes(VideoReader& reader, Best& best) {
  reader.only_keyframes(true);
  for (int count = 0; count < kKeyframes && best.variance < kEnoughToSee; ++count) {
    const auto picture = reader.next();
    if (!picture) return std::unexpected(picture.error());
    if (*picture == nullptr) break;
    best.offer(**picture);
    if (reader.time_ns(**picture) > kStretchNs) break;
  }
  return {};
}

Result<void> look_at_first_seconds(VideoReader& reader, Best& best) {
  reader.only_keyframes(false);
  if (auto sought = reader.seek(0); !sought) return sought;
  std::int64_t pixels = 0;
  for (int count = 0; count < kPictures && pixels < kPixels && best.variance < kEnoughToSee; ++count) {
    const auto picture = reader.next();
    if (!picture) return std::unexpected(picture.error());
    if (*picture == nullptr) break;
    pixels += std::int64_t{(*picture)->width} * (*picture)->height;
    if (count % kEvery == 0 || best.variance < 0) best.offer(**picture);
  }
  return {};
}

}  // namespace

Result<void> write_thumbnail(const std::filesystem::path& video_file, const std::filesystem::path& jpeg,
                             const Thumbnails& options, FileSystem& files) {
  if (auto possible = wanted_size({options.width, options.height}, 16, 9); !possible)
    return std::unexpected(possible.error());
  const auto reader = VideoReader::open(video_file);
  if (!reader) return std::unexpected(reader.error());
  Best best;
  if (auto looked = look_at_keyframes(**reader, best); !looked) return looked;
  if (best.variance < kNothingToSee)
    if (auto looked = look_at_first_seconds(**reader, best); !looked) return looked;
  if (!best.picture)
    return fail(Errc::malformed,
                "no picture of " + video_file.string() + " could be decoded for a thumbnail");

  const Orientation orientation = (*reader)->orientation();
  int shown_width = best.picture->width, shown_height = best.picture->height;
  if (orientation.swaps_sides()) std::swap(shown_width, shown_height);
  const auto size = wanted_size({options.width, options.height}, shown_width, shown_height);
  if (!size) return std::unexpected(size.error());
  auto [width, height] = *size;
  if (orientation.swaps_sides()) std::swap(width, height);

  PictureScaler scaler(PictureScaler::Range::full);
  auto scaled = scaler.scale(*best.picture, width, height);
  if (!scaled) return std::unexpected(scaled.error());
  const auto turned = oriented(std::move(*scaled), orientation);
  if (!turned) return std::unexpected(turned.error());
  return write_jpeg(**turned, jpeg, files);
}

}  // namespace rtpx
