#include "media/sprites.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "base/webvtt.hpp"
#include "media/video_reader.hpp"
#include "mux/published_file.hpp"

namespace rtpx {
namespace {

constexpr int kTile = 160;  // the longer side

// A relative URL reference of one path segment (RFC 3986).
std::string as_url(const std::string& name) {
  std::string url;
  for (const char c : name) {
    const auto octet = static_cast<unsigned char>(c);
    if (std::isalnum(octet) != 0 || std::string_view("-._~").find(c) != std::string_view::npos) {
      url += c;
    } else {
      std::array<char, 4> escaped;
      std::snprintf(escaped.data(), escaped.size(), "%%%02X", octet);
      url += escaped.data();
    }
  }
  return url;
}

/// Goes through the file once, from keyframe to keyframe where there are enough of them.
class Walker {
 public:
  Walker(VideoReader& reader, std::stop_token stop) : reader_(reader), stop_(std::move(stop)) {}

  /// The picture for [begin, end): the last keyframe before the middle if it lies there, else what is seen in
  /// the middle. nullptr: the video is over. Times only go forward.
  Result<const AVFrame*> picture_for(std::int64_t begin, std::int64_t end) {
    const std::int64_t middle = begin + (end - begin) / 2;
    const auto keyframe = reader_.keyframe_before(middle);
    if (at_ == kNowhere || (keyframe && *keyframe > at_)) {
      if (auto sought = reader_.seek(middle); !sought) return std::unexpected(sought.error());
      if (auto stepped = step(); !stepped) return std::unexpected(stepped.error());
    }
    while (picture_ != nullptr && at_ < begin) {
      if (stop_.stop_requested()) return fail(Errc::cancelled, "stopped while making the sprite sheet");
      if (auto stepped = step(); !stepped) return std::unexpected(stepped.error());
    }
    return picture_;
  }

 private:
  Result<void> step() {
    const auto picture = reader_.next();
    if (!picture) return std::unexpected(picture.error());
    picture_ = *picture;
    at_ = picture_ != nullptr ? reader_.time_ns(*picture_) : INT64_MAX;
    return {};
  }

  VideoReader& reader_;
  std::stop_token stop_;
  const AVFrame* picture_ = nullptr;
  static constexpr std::int64_t kNowhere = INT64_MIN;
  std::int64_t at_ = kNowhere;
};

Result<void> write_text(const std::filesystem::path& path, const std::string& text, FileSystem& files) {
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  if (auto written = (*out)->append(as_bytes(text)); !written) return written;
  return (*out)->publish();
}

}  // namespace

Result<void> write_sprites(const std::filesystem::path& video_file, const std::filesystem::path& jpeg,
                           const std::filesystem::path& vtt, int count, std::stop_token stop,
                           FileSystem& files) {
  if (count < 1 || count > kMostSprites)
    return fail(Errc::invalid_argument,
                std::to_string(count) + " sprites are not possible: 1 to " + std::to_string(kMostSprites));
  const auto opened = VideoReader::open(video_file);
  if (!opened) return std::unexpected(opened.error());
  VideoReader& reader = **opened;
  const Orientation orientation = reader.orientation();
  const std::int64_t duration = reader.duration_ns();
  const int columns = static_cast<int>(std::ceil(std::sqrt(count))), rows = (count + columns - 1) / columns;

  PictureScaler scaler(PictureScaler::Range::full);
  libav::Frame sheet;
  int tile_width = 0, tile_height = 0;  // even, so that chroma lines up
  std::string cues = "WEBVTT\n";
  Walker walker(reader, std::move(stop));
  libav::Frame last;
  for (int i = 0; i < count; ++i) {
    const std::int64_t begin = duration / count * i,
                       end = i + 1 == count ? duration : duration / count * (i + 1);
    const auto picture = walker.picture_for(begin, end);
    if (!picture) return std::unexpected(picture.error());
    if (*picture != nullptr) last.reset(av_frame_clone(*picture));
    if (!last)
      return fail(Errc::malformed,
                  "no picture of " + video_file.string() + " could be decoded for a sprite sheet");
    if (!sheet) {
      int width = last->width, height = last->height;
      if (orientation.swaps_sides()) std::swap(width, height);
      const auto size =
          wanted_size(width >= height ? std::pair(kTile, -1) : std::pair(-1, kTile), width, height, 2);
      if (!size) return std::unexpected(size.error());
      std::tie(tile_width, tile_height) = *size;
      auto made = libav::make_picture(AV_PIX_FMT_YUV420P, tile_width * columns, tile_height * rows);
      if (!made) return std::unexpected(made.error());
      sheet = std::move(*made);
      blacken(*sheet, PictureScaler::Range::full);
    }
    auto scaled = scaler.scale(*last, orientation.swaps_sides() ? tile_height : tile_width,
                               orientation.swaps_sides() ? tile_width : tile_height);
    if (!scaled) return std::unexpected(scaled.error());
    const auto turned = oriented(std::move(*scaled), orientation);
    if (!turned) return std::unexpected(turned.error());
    const int x = i % columns * tile_width, y = i / columns * tile_height;
    paste(*sheet, **turned, x, y);
    cues += webvtt_cue(begin, end,
                       as_url(jpeg.filename().string()) + "#xywh=" + std::to_string(x) + "," + std::to_string(y) +
                           "," + std::to_string(tile_width) + "," + std::to_string(tile_height));
  }
  if (auto written = write_jpeg(*sheet, jpeg, files); !written) return written;
  return write_text(vtt, cues, files);
}

}  // namespace rtpx
