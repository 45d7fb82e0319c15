#include "reader/picture_at.hpp"

#include "media/picture.hpp"
#include "media/picture_decoder.hpp"
#include "rtp/keyframe_hint.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kShownLaterNs =
    1'000'000'000;  // that a picture may be sent before others that are shown first

struct Shown {
  libav::Frame picture;
  std::int64_t time_ns = 0;
  Orientation orientation;
};

bool sent_out_of_order(const std::string& mime_type) {
  const HintFormat format = hint_format(mime_type);
  return format == HintFormat::h264 || format == HintFormat::h265;
}

/// Decodes from the keyframe on; the last picture of which it is time, or else the first of all.
Result<Shown> find_picture(FrameSource& source, std::int64_t time_ns) {
  Shown shown;
  std::unique_ptr<PictureDecoder> decoder;
  const Codec* codec = nullptr;
  Orientation orientation;
  bool past = false;
  const PictureDecoder::Sink take = [&](AVFrame& picture, std::int64_t at_ns) -> Result<void> {
    past = past || (at_ns > time_ns && !sent_out_of_order(codec->mime_type));
    // Before the first one that is due: the earliest; then the latest that is due.
    const bool due = at_ns <= time_ns, had_due = shown.picture && shown.time_ns <= time_ns;
    if (shown.picture && (due ? had_due && at_ns < shown.time_ns : had_due || at_ns >= shown.time_ns))
      return {};
    shown.time_ns = at_ns;
    shown.picture.reset(av_frame_clone(&picture));
    if (!shown.picture) throw std::bad_alloc();
    shown.orientation = orientation;
    return {};
  };
  while (!past) {
    const auto frame = source.peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr || ((*frame)->time_ns > time_ns + kShownLaterNs && shown.picture)) break;
    const PlacedFrame& next = **frame;
    if (next.codec != codec && next.config != nullptr) {
      if (decoder)
        if (auto finished = decoder->finish(take); !finished) return std::unexpected(finished.error());
      auto opened = PictureDecoder::open(next.codec->mime_type, *next.config);
      if (!opened) return std::unexpected(opened.error());
      decoder = std::move(*opened);
      codec = next.codec;
    }
    orientation = next.orientation;
    if (decoder)
      if (auto pushed = decoder->push(next.frame.data, next.time_ns, next.frame.kind == FrameKind::key, take);
          !pushed)
        return std::unexpected(pushed.error());
    source.pop();
  }
  if (!past && decoder)
    if (auto finished = decoder->finish(take); !finished) return std::unexpected(finished.error());
  return shown;
}

}  // namespace

Result<std::vector<std::byte>> picture_at(const OpenedRecording& recording, std::size_t track,
                                          std::size_t layer, std::int64_t time_ns, std::pair<int, int> size) {
  auto source = recording.open_source(track, layer);
  if (!source) return std::unexpected(source.error());
  const std::string& id = recording.tracks()[track].id;
  if ((*source)->kind() != MediaKind::video)
    return fail(Errc::invalid_argument, "track " + id + " has no pictures");
  if (auto possible = wanted_size(size, 16, 9); !possible) return std::unexpected(possible.error());
  if (auto sought = (*source)->seek(time_ns); !sought) return std::unexpected(sought.error());
  auto shown = find_picture(**source, time_ns);
  if (!shown) return std::unexpected(shown.error());
  if (!shown->picture)
    return fail(Errc::nothing_to_convert, "track " + id + ": no picture around that time can be decoded");
  const bool swap = shown->orientation.swaps_sides();
  int width = shown->picture->width, height = shown->picture->height;
  if (swap) std::swap(width, height);
  auto wanted = wanted_size(size, width, height);
  if (!wanted) return std::unexpected(wanted.error());
  if (swap) std::swap(wanted->first, wanted->second);
  PictureScaler scaler(PictureScaler::Range::full);
  auto scaled = scaler.scale(*shown->picture, wanted->first, wanted->second);
  if (!scaled) return std::unexpected(scaled.error());
  const auto turned = oriented(std::move(*scaled), shown->orientation);
  if (!turned) return std::unexpected(turned.error());
  return encode_jpeg(**turned);
}

}  // namespace rtpx
