#include "compose/mixer.hpp"

#include <ebur128.h>

#include <algorithm>
#include <cmath>
#include <new>

namespace rtpx::film {
namespace {

// In 0.3 s from nothing to nine tenths.
constexpr float kReleasePerSample = 2.3F / (0.3F * kRate);

/// Both sides as they are in the middle, one of them quieter beside it.
float side_gain(double pan, bool left) {
  const double towards = std::clamp(left ? -pan : pan, -1.0, 1.0);
  return static_cast<float>(towards >= 0 ? 1.0 : 1.0 + towards);
}

float peak_at(const float* samples, int i) {
  return std::max(std::abs(samples[2 * i]), std::abs(samples[2 * i + 1]));
}

}  // namespace

void Limiter::gains(const float* now, const float* next, int count, std::vector<float>& out) {
  out.resize(static_cast<std::size_t>(count));
  float loudest = 0;
  for (int i = 0; i < count; ++i) loudest = std::max({loudest, peak_at(now, i), peak_at(next, i)});
  const bool idle = held_ == 1 && std::ranges::all_of(ring_, [](float gain) { return gain == 1; });
  if (idle && loudest <= ceiling_) {
    std::ranges::fill(out, 1.0F);
    return;
  }
  // The gain that each sample needs, then the least of those within reach, then their mean: it is never
  // above what a sample needs, and never steps.
  wanted_.resize(static_cast<std::size_t>(2 * count));
  for (int i = 0; i < 2 * count; ++i) {
    const float peak = i < count ? peak_at(now, i) : peak_at(next, i - count);
    wanted_[static_cast<std::size_t>(i)] = peak > ceiling_ ? ceiling_ / peak : 1.0F;
  }
  for (int i = 0; i < count; ++i) {
    const auto first = wanted_.begin() + i;
    const float least = *std::min_element(first, first + kAhead);
    held_ = least < held_ ? least : std::min(least, held_ + (1 - held_) * kReleasePerSample);
    if (least == 1 && held_ > 0.9999F) held_ = 1;
    ring_[at_] = held_;
    at_ = (at_ + 1) % ring_.size();
    double sum = 0;
    for (const float gain : ring_) sum += gain;
    out[static_cast<std::size_t>(i)] =
        std::min(static_cast<float>(sum / kAhead), wanted_[static_cast<std::size_t>(i)]);
  }
}

Result<std::unique_ptr<Mixer>> Mixer::open(const std::vector<ParticipantSources>& sources,
                                           std::vector<Voice> voices, float gain, std::int64_t samples) {
  std::unique_ptr<Mixer> mixer(new Mixer(samples, gain));
  mixer->sources_ = &sources;
  mixer->parts_.resize(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Part& part = mixer->parts_[i];
    part.left = side_gain(voices[i].pan, true);
    part.right = side_gain(voices[i].pan, false);
    part.now.resize(kBlock * kChannels);
    part.next.resize(kBlock * kChannels);
    if (!voices[i].heard) continue;
    for (const TrackSource& source : sources[i].sound) {
      auto track = SoundTrack::open(source);
      if (!track) return std::unexpected(track.error());
      part.tracks.push_back(std::move(*track));
    }
  }
  mixer->sum_now_.resize(kBlock * kChannels);
  mixer->sum_next_.resize(kBlock * kChannels);
  mixer->mix_.resize(kBlock * kChannels);
  return mixer;
}

std::unique_ptr<Mixer> Mixer::live() {
  std::unique_ptr<Mixer> mixer(new Mixer(INT64_MAX, 1));
  mixer->sum_now_.resize(kBlock * kChannels);
  mixer->sum_next_.resize(kBlock * kChannels);
  mixer->mix_.resize(kBlock * kChannels);
  return mixer;
}

void Mixer::add(std::size_t participant, std::unique_ptr<SoundTrack> track) {
  while (parts_.size() <= participant) {
    Part& part = parts_.emplace_back();
    part.now.resize(kBlock * kChannels);
    part.next.resize(kBlock * kChannels);
  }
  parts_[participant].tracks.push_back(std::move(track));
}

Result<void> Mixer::read_ahead() {
  std::ranges::fill(sum_next_, 0.0F);
  for (Part& part : parts_) {
    if (part.tracks.empty()) continue;
    std::ranges::fill(part.next, 0.0F);
    for (const auto& track : part.tracks)
      if (auto added = track->add(kBlock, part.next.data()); !added) return added;
    part.sounds_next = std::ranges::any_of(part.next, [](float value) { return value != 0; });
    if (!part.sounds_next) continue;
    for (std::size_t i = 0; i < part.next.size(); i += 2) {
      part.next[i] *= part.left * gain_;
      part.next[i + 1] *= part.right * gain_;
      sum_next_[i] += part.next[i];
      sum_next_[i + 1] += part.next[i + 1];
    }
  }
  return {};
}

Result<int> Mixer::next() {
  if (done_ >= samples_) return 0;
  if (!primed_)
    if (auto read = read_ahead(); !read) return std::unexpected(read.error());
  primed_ = true;
  std::swap(sum_now_, sum_next_);
  for (Part& part : parts_) {
    std::swap(part.now, part.next);
    part.sounds_now = part.sounds_next;
  }
  if (auto read = read_ahead(); !read) return std::unexpected(read.error());
  limiter_.gains(sum_now_.data(), sum_next_.data(), kBlock, gains_);
  for (std::size_t i = 0; i < mix_.size(); ++i) mix_[i] = sum_now_[i] * gains_[i / 2];
  for (Part& part : parts_)
    if (part.sounds_now)
      for (std::size_t i = 0; i < part.now.size(); ++i) part.now[i] *= gains_[i / 2];
  const int count = static_cast<int>(std::min<std::int64_t>(kBlock, samples_ - done_));
  done_ += count;
  return count;
}

const float* Mixer::part(std::size_t participant) const noexcept {
  if (participant >= parts_.size()) return nullptr;
  const Part& part = parts_[participant];
  return part.sounds_now ? part.now.data() : nullptr;
}

std::vector<ConvertNote> Mixer::notes() const {
  std::vector<ConvertNote> out;
  if (sources_ == nullptr) return out;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    for (std::size_t t = 0; t < parts_[i].tracks.size(); ++t) {
      const SoundTrack& track = *parts_[i].tracks[t];
      const std::string id = (*sources_)[i].sound[t].id;
      const SoundTrack::Stats& stats = track.stats();
      if (!track.refused().empty())
        out.push_back({ConvertNote::Severity::skipped, id, "track " + id + ": " + track.refused()});
      if (stats.undecodable > 0)
        out.push_back(
            {ConvertNote::Severity::loss, id,
             "track " + id + ": " + std::to_string(stats.undecodable) + " packets of sound do not decode"});
      if (stats.concealed + stats.recovered_by_fec > 0)
        out.push_back({ConvertNote::Severity::info, id,
                       "track " + id + ": sound that was lost was concealed " +
                           std::to_string(stats.concealed) + " times, and taken from the next packet " +
                           std::to_string(stats.recovered_by_fec) + " times"});
    }
  return out;
}

Result<SoundMeasure> measure_sound(const std::vector<ParticipantSources>& sources,
                                   const std::vector<Voice>& voices, std::int64_t samples,
                                   const std::stop_token& stop, const std::function<void(double)>& progress) {
  SoundMeasure out;
  out.levels.resize(sources.size());
  auto mixer = Mixer::open(sources, voices, 1, samples);
  if (!mixer) return std::unexpected(mixer.error());
  struct Destroy {
    void operator()(ebur128_state* state) const { ebur128_destroy(&state); }
  };
  const std::unique_ptr<ebur128_state, Destroy> meter(ebur128_init(kChannels, kRate, EBUR128_MODE_I));
  if (!meter) throw std::bad_alloc();
  std::int64_t at = 0;
  for (int blocks = 0;; ++blocks) {
    const auto count = (*mixer)->next();
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    if (ebur128_add_frames_float(meter.get(), (*mixer)->mix(), static_cast<std::size_t>(*count)) !=
        EBUR128_SUCCESS)
      throw std::bad_alloc();
    const std::int64_t time_ns = at * 1'000'000'000 / kRate;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const float* part = (*mixer)->part(i);
      double sum = 0;
      for (int n = 0; part != nullptr && n < *count * kChannels; ++n) sum += double{part[n]} * part[n];
      const double dbov = sum > 0 ? 10 * std::log10(sum / (*count * kChannels)) : -127;
      if (!sources[i].sound.empty())
        out.levels[i].add(time_ns, static_cast<std::uint8_t>(std::clamp(-dbov, 0.0, 127.0)), false);
    }
    at += *count;
    if (blocks % 50 != 0) continue;
    if (stop.stop_requested()) return fail(Errc::cancelled, "the film was cancelled");
    if (progress) progress(static_cast<double>(at) / static_cast<double>(samples));
  }
  double loudness = -HUGE_VAL;
  if (ebur128_loudness_global(meter.get(), &loudness) == EBUR128_SUCCESS) out.loudness_lufs = loudness;
  return out;
}

}  // namespace rtpx::film
