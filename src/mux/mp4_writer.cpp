#include "mux/mp4_writer.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

namespace rtpx {
namespace {

constexpr std::size_t kMediaHead = 16;  // a free box and mdat's, or mdat's with a size of 64 bits

/// Appends runs of equal values as (how many, value).
class Runs {
 public:
  explicit Runs(Mp4Boxes& out) : out_(out), count_at_(out.size()) { out.zeros(4); }
  ~Runs() {
    close();
    out_.store_u32(count_at_, runs_);
  }
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;
  void add(std::uint32_t value) {
    if (length_ > 0 && value != value_) close();
    value_ = value;
    ++length_;
  }

 private:
  void close() {
    if (length_ == 0) return;
    out_.put<std::uint32_t>(length_).put<std::uint32_t>(value_);
    ++runs_;
    length_ = 0;
  }
  Mp4Boxes& out_;
  std::size_t count_at_;
  std::uint32_t runs_ = 0, length_ = 0, value_ = 0;
};

std::uint32_t to_u32(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, UINT32_MAX));
}

}  // namespace

Result<void> Mp4Writer::set_up(const std::vector<OutputTrack>& tracks) {
  timescale_ = mp4_timescale(tracks);
  bool avc = false;
  for (const OutputTrack& track : tracks) {
    auto made = Mp4Track::make(track, timescale_);
    if (!made) return failure(made.error());
    avc = avc || made->codec == CodecId::h264;
    tracks_.push_back({std::move(*made), {}, {}, {}});
  }
  Mp4Boxes head;
  head.box("ftyp", [&] {
    head.text("isom").put<std::uint32_t>(512).text("isomiso2mp41");
    if (avc) head.text("avc1");
  });
  media_at_ = head.size();
  head.zeros(kMediaHead);  // written at the end
  return out_->append(head.bytes());
}

Result<void> Mp4Writer::write(const Sample& sample) {
  if (sample.track >= tracks_.size() || sample.time_ns < 0) return no_place(sample);
  Track& track = tracks_[sample.track];
  const auto data = track.header.payload(sample, joined_);
  if (!data) return failure(data.error());
  if (std::exchange(last_track_, sample.track) != sample.track) track.chunks.push_back({out_->position(), 0});
  ++track.chunks.back().samples;
  track.samples.push_back({mp4_ticks(sample.time_ns, track.header.timescale),
                           static_cast<std::uint32_t>(data->size()),
                           sample.keyframe || !track.header.video()});
  track.end.add(sample.time_ns, sample.duration_ns > 0
                                    ? std::max<std::int64_t>(sample.duration_ns - sample.discard_ns, 1)
                                    : 0);
  return out_->append(*data);
}

// RTP has no decode times. They are the presentation times in their order, later by as many pictures as come
// before one that is shown earlier; the first ones lie before the first presentation, a step apart.
Mp4Writer::Decoding Mp4Writer::decoding_of(Track& track) const {
  const std::size_t count = track.samples.size();
  std::vector<std::size_t> shown(count);
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  std::ranges::stable_sort(shown, {}, [&](std::size_t i) { return track.samples[i].time; });
  std::size_t depth = 0;
  for (std::size_t rank = 0; rank < count; ++rank)
    if (shown[rank] > rank) depth = std::max(depth, shown[rank] - rank);
  const auto time = [&](std::size_t rank) { return track.samples[shown[rank]].time; };
  const std::int64_t step = count > 1 ? std::max<std::int64_t>(time(1) - time(0), 1) : 1;
  Decoding out;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t at =
        i < depth ? time(0) - static_cast<std::int64_t>(depth - i) * step : time(i - depth);
    out.times.push_back(i == 0 ? at : std::max(at, out.times.back() + 1));
    track.samples[i].time = std::max(track.samples[i].time, out.times.back());
  }
  if (count == 0) return out;
  const std::int64_t lasts = mp4_ticks(track.end.end_ns(), track.header.timescale) - time(count - 1);
  out.end = out.times.back() + std::max<std::int64_t>(lasts, 1);
  return out;
}

void Mp4Writer::write_tables(Mp4Boxes& out, const Track& track, const Decoding& decoding,
                             std::uint64_t moved_by) {
  const auto& samples = track.samples;
  const auto count = static_cast<std::uint32_t>(samples.size());
  out.full_box("stts", 0, 0, [&] {
    Runs runs(out);
    for (std::size_t i = 0; i < samples.size(); ++i)
      runs.add(to_u32((i + 1 < samples.size() ? decoding.times[i + 1] : decoding.end) - decoding.times[i]));
  });
  const auto offset = [&](std::size_t i) { return samples[i].time - decoding.times[i]; };
  bool reordered = false;
  for (std::size_t i = 0; i < samples.size(); ++i) reordered = reordered || offset(i) != 0;
  if (reordered)
    out.full_box("ctts", 0, 0, [&] {
      Runs runs(out);
      for (std::size_t i = 0; i < samples.size(); ++i) runs.add(to_u32(offset(i)));
    });
  if (!std::ranges::all_of(samples, &Entry::sync))
    out.full_box("stss", 0, 0, [&] {
      out.put<std::uint32_t>(static_cast<std::uint32_t>(std::ranges::count(samples, true, &Entry::sync)));
      for (std::uint32_t i = 0; i < count; ++i)
        if (samples[i].sync) out.put<std::uint32_t>(i + 1);
    });
  out.full_box("stsz", 0, 0, [&] {
    out.put<std::uint32_t>(0).put<std::uint32_t>(count);
    for (const Entry& sample : samples) out.put<std::uint32_t>(sample.size);
  });
  out.full_box("stsc", 0, 0, [&] {
    const std::size_t runs_at = out.size();
    out.zeros(4);
    std::uint32_t runs = 0, before = 0;
    for (std::uint32_t i = 0; i < track.chunks.size(); ++i) {
      if (std::exchange(before, track.chunks[i].samples) == track.chunks[i].samples) continue;
      out.put<std::uint32_t>(i + 1).put<std::uint32_t>(track.chunks[i].samples).put<std::uint32_t>(1);
      ++runs;
    }
    out.store_u32(runs_at, runs);
  });
  const bool large = !track.chunks.empty() && track.chunks.back().offset > UINT32_MAX - (1U << 30);
  out.full_box(large ? "co64" : "stco", 0, 0, [&] {
    out.put<std::uint32_t>(static_cast<std::uint32_t>(track.chunks.size()));
    for (const Chunk& chunk : track.chunks)
      if (large)
        out.put<std::uint64_t>(chunk.offset + moved_by);
      else
        out.put<std::uint32_t>(static_cast<std::uint32_t>(chunk.offset + moved_by));
  });
  if (track.header.codec != CodecId::opus || count == 0) return;
  // Opus in ISOBMFF section 4.3.6.2: a decoder that begins in the middle needs 80 ms, here four packets.
  out.full_box("sgpd", 1, 0,
               [&] { out.text("roll").put<std::uint32_t>(2).put<std::uint32_t>(1).put<std::int16_t>(-4); });
  out.full_box("sbgp", 0, 0, [&] {
    out.text("roll").put<std::uint32_t>(1).put<std::uint32_t>(count).put<std::uint32_t>(1);
  });
}

Mp4Boxes Mp4Writer::header(std::uint64_t moved_by, const std::vector<Decoding>& decoding) const {
  std::vector<const Mp4Track*> tracks;
  std::vector<Mp4TrackTimes> times;
  std::int64_t duration = 0;
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    const Track& track = tracks_[i];
    tracks.push_back(&track.header);
    Mp4TrackTimes made;
    if (!track.samples.empty()) {
      const std::int64_t first = std::ranges::min(track.samples, {}, &Entry::time).time;
      const std::uint32_t own = track.header.timescale;
      const std::int64_t delay = mp4_ticks(track.header.delay_ns, own);
      const std::int64_t begin = std::max(first, mp4_ticks(hints_.shown_from_ns, own));
      made.empty = mp4_rescale(begin, own, timescale_) -
                   mp4_rescale(mp4_ticks(hints_.shown_from_ns, own), own, timescale_);
      made.media_time = begin - decoding[i].times.front() + delay;
      made.media_duration = decoding[i].end - decoding[i].times.front();
      const std::int64_t shown = mp4_ticks(track.end.end_ns(), own) - begin - delay;
      made.shown = std::max<std::int64_t>(mp4_rescale(shown, own, timescale_), 1);
      made.edits = made.empty > 0 || made.media_time > 0;
      duration = std::max(duration, made.empty + made.shown);
    }
    times.push_back(made);
  }
  Mp4Boxes out;
  const auto tables = [&](Mp4Boxes& boxes, std::size_t i) {
    write_tables(boxes, tracks_[i], decoding[i], moved_by);
  };
  Mp4Header{timescale_, duration, &hints_, tables, {}}.write(out, tracks, times);
  return out;
}

Result<void> Mp4Writer::finish() {
  const std::uint64_t media = out_->position() - media_at_;
  Mp4Boxes head;
  if (media <= UINT32_MAX)
    head.put<std::uint32_t>(8)
        .text("free")
        .put<std::uint32_t>(static_cast<std::uint32_t>(media - 8))
        .text("mdat");
  else
    head.put<std::uint32_t>(1).text("mdat").put<std::uint64_t>(media);
  if (auto patched = out_->patch(media_at_, head.bytes()); !patched) return patched;
  std::vector<Decoding> decoding;
  std::int64_t end = 0;
  for (Track& track : tracks_) {
    decoding.push_back(decoding_of(track));
    end = std::max(end, track.end.end_ns());
  }
  std::erase_if(hints_.chapters, [end](const Chapter& chapter) { return chapter.start_ns >= end; });
  const std::size_t size = header(0, decoding).size();  // offsets have the same width wherever they point
  if (size > 1U << 30) return fail(Errc::unsupported, out_->path().string() + ": too long for an MP4 file");
  if (auto moved = out_->insert(media_at_, header(size, decoding).bytes()); !moved) return moved;
  return out_->publish();
}

}  // namespace rtpx
