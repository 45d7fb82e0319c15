#include <algorithm>

#include "convert/conversion.hpp"
#include "convert/moment.hpp"
#include "frames/cut_frames.hpp"
#include "frames/encoded_start.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kSoundPrerollNs =
    80'000'000;  // a decoder of sound that begins in the middle (RFC 7845 section 4.6)

bool is_video(const OpenTrack& track) {
  return track.frames->kind() == MediaKind::video;
}

/// Whether anything of it is there before the cut ends, and after it begins.
Result<bool> is_in(const OpenTrack& track, const Cut& cut) {
  if (track.frames->end_ns() < cut.from_ns) return false;
  const auto first = track.source().peek();
  if (!first) return std::unexpected(first.error());
  return *first != nullptr;
}

/// Goes to the keyframe before the cut, or begins it with pictures that are encoded anew. Answers when it
/// begins.
Result<std::int64_t> begin_pictures(OpenTrack& track, const Cut& cut) {
  FrameSource* source = track.frames.get();
  if (cut.start == CutStart::encode) {
    track.begun = std::make_unique<EncodedStart>(*track.frames, cut.from_ns);
    source = track.begun.get();
  }
  track.cut = std::make_unique<CutFrames>(*source, cut.to_ns, false);
  return track.cut->seek(cut.from_ns);
}

}  // namespace

Result<std::optional<Cut>> cut_of(const ConvertOptions& options, const OpenedRecording& recording) {
  if (!options.from && !options.to) {
    if (options.cut_start != CutStart::keyframe)
      return fail(Errc::invalid_argument, "an exact start needs a time to start at");
    return std::nullopt;
  }
  Cut cut;
  cut.start = options.cut_start;
  if (options.from) {
    const auto from = timeline_ns(*options.from, recording.started());
    if (!from) return std::unexpected(from.error());
    cut.from_ns = *from;
  }
  if (options.to) {
    const auto to = timeline_ns(*options.to, recording.started());
    if (!to) return std::unexpected(to.error());
    cut.to_ns = *to;
  }
  if (cut.to_ns <= cut.from_ns) return fail(Errc::invalid_argument, "the cut ends before it begins");
  if (cut.from_ns > recording.duration_ns() || cut.to_ns <= 0)
    return fail(Errc::invalid_argument, "the cut lies outside of the recording, which lasts " +
                                            std::to_string(recording.duration_ns() / 1'000'000'000) + " s");
  const bool mp4 =
      options.format == Format::automatic || options.format == Format::mp4 || options.format == Format::fmp4;
  if (cut.start == CutStart::exact && (!mp4 || options.join || options.reencode))
    return fail(
        Errc::invalid_argument,
        "only MP4 can tell players to begin within its bytes: choose it, or have the start encoded anew");
  if (cut.from_ns == INT64_MIN) cut.start = CutStart::keyframe;
  return cut;
}

Result<void> cut_tracks(std::vector<OpenTrack>& tracks, const Cut& cut) {
  std::int64_t begin_ns = cut.from_ns;
  for (OpenTrack& track : tracks) {
    if (!is_video(track)) continue;
    const auto begun = begin_pictures(track, cut);
    if (!begun) return std::unexpected(begun.error());
    const auto in = is_in(track, cut);
    if (!in) return std::unexpected(in.error());
    if (*in && cut.start == CutStart::keyframe) begin_ns = std::min(begin_ns, *begun);
  }
  for (OpenTrack& track : tracks) {
    if (is_video(track)) continue;
    const bool exact = cut.start == CutStart::exact;
    track.cut = std::make_unique<CutFrames>(*track.frames, cut.to_ns, exact);
    const std::int64_t from_ns =
        exact && begin_ns > INT64_MIN + kSoundPrerollNs ? begin_ns - kSoundPrerollNs : begin_ns;
    if (auto begun = track.cut->seek(from_ns); !begun) return std::unexpected(begun.error());
  }
  std::vector<OpenTrack> kept;
  for (OpenTrack& track : tracks) {
    const auto in = is_in(track, cut);
    if (!in) return std::unexpected(in.error());
    if (*in) kept.push_back(std::move(track));
  }
  tracks = std::move(kept);
  return {};
}

}  // namespace rtpx
