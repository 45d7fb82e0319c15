#include "mux/fmp4_writer.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace rtpx {
namespace {

constexpr std::int64_t kLongestNs = 5'000'000'000;  // of a fragment, about: keyframes may be minutes apart
constexpr std::int64_t kLongestCutWaitNs = 1'000'000'000;  // for pictures behind a cut
constexpr std::size_t kReorder = 16;                    // pictures that H.264 and H.265 may hold back
constexpr std::size_t kMostCutWaiting = 32U << 20;         // bytes
constexpr std::int64_t kIndexedNs = 500'000'000;        // no more than two entries a second
constexpr std::size_t kIndexHead = 40, kIndexEntry = 12;

}  // namespace

Result<void> Fmp4Writer::set_up(const std::vector<OutputTrack>& tracks) {
  timescale_ = mp4_timescale(tracks);
  bool video = false;
  for (const OutputTrack& track : tracks) {
    auto made = Mp4Track::make(track, timescale_);
    if (!made) return failure(made.error());
    if (made->video() && !std::exchange(video, true)) primary_ = tracks_.size();
    Fmp4Samples samples(made->video());
    tracks_.push_back({std::move(*made), std::move(samples), {}});
  }
  Mp4Boxes head = header();
  if (hints_.duration_ns > 0) {
    const auto length = static_cast<std::uint64_t>(hints_.duration_ns);
    index_room_ =
        static_cast<std::size_t>(std::min(hints_.cue_points + length / kLongestNs, length / kIndexedNs) + 4);
    index_at_ = head.size();
    head.box("free", [&] { head.zeros(kIndexHead - 8 + index_room_ * kIndexEntry); });
  }
  return out_->append(head.bytes());
}

// Of the same size whatever the length and the picture sizes are.
Mp4Boxes Fmp4Writer::header() const {
  Mp4Boxes out;
  out.box("ftyp", [&] { out.text("iso5").put<std::uint32_t>(512).text("iso5iso6mp41"); });
  std::vector<const Mp4Track*> tracks;
  std::vector<Mp4TrackTimes> times;
  std::int64_t end = 0;
  for (const Track& track : tracks_) {
    tracks.push_back(&track.header);
    const std::int64_t delay = mp4_ticks(track.header.delay_ns, track.header.timescale);
    const std::int64_t from = delay + mp4_ticks(hints_.shown_from_ns, track.header.timescale);
    times.push_back({.media_time = from, .edits = from > 0});
    end = std::max(end, mp4_ticks(track.end.end_ns() - track.header.delay_ns - hints_.shown_from_ns, timescale_));
  }
  const auto no_samples = [](Mp4Boxes& boxes, std::size_t) {
    for (const char* type : {"stts", "stsc", "stco"}) boxes.full_box(type, 0, 0, [&] { boxes.zeros(4); });
    boxes.full_box("stsz", 0, 0, [&] { boxes.zeros(8); });
  };
  const auto extends = [&](Mp4Boxes& boxes) {
    boxes.box("mvex", [&] {
      boxes.full_box("mehd", 1, 0, [&] { boxes.put<std::int64_t>(end); });
      for (std::size_t i = 0; i < tracks_.size(); ++i)
        boxes.full_box("trex", 0, 0, [&] {
          boxes.put<std::uint32_t>(static_cast<std::uint32_t>(i + 1)).put<std::uint32_t>(1).zeros(12);
        });
    });
  };
  Mp4Header{timescale_, 0, &hints_, no_samples, extends}.write(out, tracks, times);
  return out;
}

std::int64_t Fmp4Writer::end_of(const Track& track) const {
  return mp4_ticks(track.end.end_ns(), track.header.timescale);
}

Result<void> Fmp4Writer::write(const Sample& sample) {
  if (sample.track >= tracks_.size() || sample.time_ns < 0) return no_place(sample);
  Track& track = tracks_[sample.track];
  const auto data = track.header.payload(sample, joined_);
  if (!data) return failure(data.error());
  const bool sync = sample.keyframe || !track.header.video();
  if (fragment_since_ns_ < 0) fragment_since_ns_ = sample.time_ns;
  if (!cut_ns_ && ((sample.track == primary_ && track.header.video() && sync && track.samples.size() > 0) ||
                   sample.time_ns - fragment_since_ns_ >= kLongestNs)) {
    cut_ns_ = sample.time_ns;
    cut_at_ = tracks_[primary_].samples.size();
  }
  track.samples.add(
      mp4_ticks(sample.time_ns, track.header.timescale),
      (sync ? kSyncSample : kDependentSample) | (sample.discardable && !sync ? kDisposableSample : 0), *data);
  track.end.add(sample.time_ns, sample.duration_ns > 0
                                    ? std::max<std::int64_t>(sample.duration_ns - sample.discard_ns, 1)
                                    : 0);
  return cut_is_due(sample.time_ns) ? write_fragment(false) : Result<void>{};
}

// Pictures that come after a keyframe may be shown before it.
bool Fmp4Writer::cut_is_due(std::int64_t now_ns) const {
  std::size_t waiting = 0;
  for (const Track& track : tracks_) waiting += track.samples.bytes();
  if (waiting > kMostCutWaiting) return true;
  if (!cut_ns_) return false;
  return tracks_[primary_].samples.size() >= cut_at_ + kReorder || now_ns - *cut_ns_ >= kLongestCutWaitNs;
}

Result<void> Fmp4Writer::write_fragment(bool last) {
  std::vector<Fmp4Part> parts;
  std::vector<std::size_t> of;
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    Fmp4Samples& samples = tracks_[i].samples;
    const std::int64_t cut =
        cut_ns_ ? mp4_ticks(*cut_ns_, tracks_[i].header.timescale) : std::int64_t{INT64_MAX};
    std::size_t count = samples.size();
    if (!last) {
      const std::size_t limit = count == 0 ? 0 : count - 1;  // the next one tells how long it lasts
      count = 0;
      while (count < limit && (i == primary_ && cut_ns_ ? count < cut_at_ : samples.time(count) < cut))
        ++count;
      // A stream that is never shown in order is cut anyhow before it fills memory.
      if (samples.bytes() <= kMostCutWaiting) count = samples.shown_before_rest(count);
    }
    if (count == 0) continue;
    parts.push_back({static_cast<std::uint32_t>(i + 1), &samples, samples.run(count, end_of(tracks_[i]))});
    of.push_back(i);
  }
  fragment_since_ns_ = cut_ns_ ? *cut_ns_ : -1;
  cut_ns_.reset();
  if (parts.empty()) return {};
  note_fragment(out_->position(), parts);
  if (auto written = rtpx::write_fragment(*out_, ++fragments_, parts); !written) return written;
  for (std::size_t i = 0; i < parts.size(); ++i) tracks_[of[i]].samples.drop(parts[i].run);
  return {};
}

void Fmp4Writer::note_fragment(std::uint64_t offset, const std::vector<Fmp4Part>& parts) {
  const auto primary =
      std::ranges::find(parts, static_cast<std::uint32_t>(primary_ + 1), &Fmp4Part::track_id);
  const bool begins = primary != parts.end();
  const bool sync = begins && primary->run.samples.front().flags == kSyncSample;
  if (sync)
    entrances_.push_back({offset, primary->run.decode_time + primary->run.samples.front().offset,
                          static_cast<std::uint32_t>(primary - parts.begin()) + 1});
  if (index_.empty()) {
    index_.push_back({offset, begins ? primary->run.first_shown : 0, sync});
    return;
  }
  const std::int64_t step = begins ? primary->run.first_shown - index_.back().first_shown : 0;
  if (step >= mp4_ticks(kIndexedNs, tracks_[primary_].header.timescale) && index_.size() < index_room_)
    index_.push_back({offset, primary->run.first_shown, sync});
}

// Section 8.16.3, in the place of the free box; what is not used of it stays one.
Result<void> Fmp4Writer::write_index() {
  if (index_room_ == 0 || index_.empty()) return {};
  const std::uint64_t first = index_at_ + kIndexHead + index_room_ * kIndexEntry;
  const std::size_t left = (index_room_ - index_.size()) * kIndexEntry;
  const std::int64_t end = std::max(end_of(tracks_[primary_]), index_.back().first_shown + 1);
  Mp4Boxes out;
  out.full_box("sidx", 1, 0, [&] {
    out.put<std::uint32_t>(static_cast<std::uint32_t>(primary_ + 1))
        .put<std::uint32_t>(tracks_[primary_].header.timescale);
    out.put<std::int64_t>(index_.front().first_shown).put<std::uint64_t>(left);
    out.put<std::uint32_t>(static_cast<std::uint32_t>(index_.size()));
    for (std::size_t i = 0; i < index_.size(); ++i) {
      const bool is_last = i + 1 == index_.size();
      const std::uint64_t begin = i == 0 ? first : index_[i].offset;
      const std::uint64_t until = is_last ? out_->position() : index_[i + 1].offset;
      const std::int64_t next = is_last ? end : index_[i + 1].first_shown;
      if (until - begin > INT32_MAX) return;
      out.put<std::uint32_t>(static_cast<std::uint32_t>(until - begin));
      out.put<std::uint32_t>(static_cast<std::uint32_t>(next - index_[i].first_shown));
      out.put<std::uint32_t>(index_[i].sync ? 0x90000000 : 0);  // starts with a random access point, type 1
    }
  });
  if (out.size() != kIndexHead + index_.size() * kIndexEntry) return {};  // over 2 GiB: no index
  if (left > 0) out.box("free", [&] { out.zeros(left - 8); });
  return out_->patch(index_at_, out.bytes());
}

// Section 8.8.9: for readers that begin at the end of the file. A player that wants one time needs not read
// the others' fragments.
Result<void> Fmp4Writer::write_entrances() {
  if (entrances_.empty()) return {};
  Mp4Boxes out;
  out.box("mfra", [&] {
    out.full_box("tfra", 1, 0, [&] {
      constexpr std::uint32_t kNumbersOfFourBytes = 0x3F;
      out.put<std::uint32_t>(static_cast<std::uint32_t>(primary_ + 1))
          .put<std::uint32_t>(kNumbersOfFourBytes)
          .put<std::uint32_t>(static_cast<std::uint32_t>(entrances_.size()));
      for (const Entrance& entrance : entrances_) {
        out.put<std::int64_t>(entrance.time).put<std::uint64_t>(entrance.offset);
        out.put<std::uint32_t>(entrance.part).put<std::uint32_t>(1).put<std::uint32_t>(1);
      }
    });
    out.full_box("mfro", 0, 0, [&] { out.put<std::uint32_t>(static_cast<std::uint32_t>(out.size() + 4)); });
  });
  return out_->append(out.bytes());
}

Result<void> Fmp4Writer::finish() {
  if (auto written = write_fragment(true); !written) return written;
  if (auto written = out_->patch(0, header().bytes()); !written) return written;
  if (auto written = write_index(); !written) return written;
  if (auto written = write_entrances(); !written) return written;
  return out_->publish();
}

}  // namespace rtpx
