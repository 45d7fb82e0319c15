#include "mux/fmp4_fragment.hpp"

#include <algorithm>

#include "mux/decode_times.hpp"
#include "mux/mp4_box.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostReordered = 16;  // pictures, of H.264 and H.265

}  // namespace

void Fmp4Samples::add(std::int64_t time, std::uint32_t flags, Bytes data) {
  samples_.push_back({time, static_cast<std::uint32_t>(data.size()), flags});
  data_.insert(data_.end(), data.begin(), data.end());
}

std::size_t Fmp4Samples::shown_before_rest(std::size_t limit) const {
  limit = std::min(limit, samples_.size());
  if (!video_) return limit;
  std::vector<std::int64_t> earliest(samples_.size() + 1, INT64_MAX);  // from there on
  for (std::size_t i = samples_.size(); i-- > 0;) earliest[i] = std::min(earliest[i + 1], samples_[i].time);
  std::size_t best = 0;
  std::int64_t latest = INT64_MIN;
  for (std::size_t i = 0; i < limit; ++i) {
    latest = std::max(latest, samples_[i].time);
    if (latest < earliest[i + 1]) best = i + 1;
  }
  return best;
}

// The most pictures, of the first `count`, that come before one that is shown earlier.
unsigned Fmp4Samples::reorder_depth(std::size_t count) const {
  unsigned depth = 0;
  if (!video_) return depth;
  for (std::size_t i = 1; i < count; ++i) {
    unsigned later = 0;
    for (std::size_t k = i - std::min(i, kMostReordered); k < i; ++k)
      if (samples_[k].time > samples_[i].time) ++later;
    depth = std::max(depth, later);
  }
  return depth;
}

Fmp4Samples::Run Fmp4Samples::run(std::size_t count, std::int64_t end) const {
  Run out;
  DecodeTimes decode_times(reorder_depth(count));
  std::vector<std::int64_t> times;
  out.first_shown = INT64_MAX;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t earliest = i == 0 ? next_decode_time_ : times.back() + 1;
    times.push_back(std::max(decode_times.next(samples_[i].time), earliest));
    out.first_shown = std::min(out.first_shown, samples_[i].time);
  }
  out.decode_time = times[0];
  for (std::size_t i = count; i < samples_.size(); ++i)
    end = i == count ? samples_[i].time : std::min(end, samples_[i].time);
  times.push_back(std::max(end, times.back() + 1));
  // A picture lasts from one decode time to the next. Of B-pictures the last ones are decoded later than they
  // could be, so that none is shown beyond the end.
  for (std::size_t i = count; i-- > 1;)
    if (end > samples_[i].time) times[i] = std::max(times[i], times[i + 1] - (end - samples_[i].time));
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t offset = std::clamp<std::int64_t>(samples_[i].time - times[i], 0, INT32_MAX);
    const std::int64_t duration = std::min<std::int64_t>(times[i + 1] - times[i], UINT32_MAX);
    out.samples.push_back({static_cast<std::uint32_t>(duration), samples_[i].size, samples_[i].flags,
                           static_cast<std::int32_t>(offset)});
    out.reordered = out.reordered || offset != 0;
    out.bytes += samples_[i].size;
  }
  return out;
}

void Fmp4Samples::drop(const Run& run) {
  next_decode_time_ = run.decode_time;
  for (const Run::Sample& sample : run.samples) next_decode_time_ += sample.duration;
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(run.samples.size()));
  data_.erase(data_.begin(), data_.begin() + static_cast<std::ptrdiff_t>(run.bytes));
}

Result<void> write_fragment(ByteSink& out, std::uint32_t number, const std::vector<Fmp4Part>& parts) {
  constexpr std::uint32_t kDefaultBaseIsMoof = 0x020000;
  constexpr std::uint32_t kDataOffset = 1, kDurationSizeFlags = 0x700, kOffsets = 0x800;
  Mp4Boxes moof;
  std::vector<std::size_t> data_offsets;  // where the truns have them
  std::size_t bytes = 0;
  moof.box("moof", [&] {
    moof.full_box("mfhd", 0, 0, [&] { moof.put<std::uint32_t>(number); });
    for (const Fmp4Part& part : parts)
      moof.box("traf", [&] {
        moof.full_box("tfhd", 0, kDefaultBaseIsMoof, [&] { moof.put<std::uint32_t>(part.track_id); });
        moof.full_box("tfdt", 1, 0, [&] { moof.put<std::int64_t>(part.run.decode_time); });
        const std::uint32_t flags = kDataOffset | kDurationSizeFlags | (part.run.reordered ? kOffsets : 0);
        moof.full_box("trun", 1, flags, [&] {
          moof.put<std::uint32_t>(static_cast<std::uint32_t>(part.run.samples.size()));
          data_offsets.push_back(moof.size());
          moof.put<std::uint32_t>(0);
          for (const auto& sample : part.run.samples) {
            moof.put<std::uint32_t>(sample.duration).put<std::uint32_t>(sample.size);
            moof.put<std::uint32_t>(sample.flags);
            if (part.run.reordered) moof.put<std::int32_t>(sample.offset);
          }
        });
        bytes += part.run.bytes;
      });
  });
  const std::size_t moof_size = moof.size();
  std::size_t offset = moof_size + 8;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    moof.store_u32(data_offsets[i], static_cast<std::uint32_t>(offset));
    offset += parts[i].run.bytes;
  }
  moof.put<std::uint32_t>(static_cast<std::uint32_t>(bytes + 8)).text("mdat");
  if (auto written = out.append(moof.bytes()); !written) return written;
  for (const Fmp4Part& part : parts)
    if (auto written = out.append(part.samples->data(part.run)); !written) return written;
  return {};
}

}  // namespace rtpx
