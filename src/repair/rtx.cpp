#include "repair/rtx.hpp"

#include <algorithm>
#include <cstdlib>

#include "repair/rebuild.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMarks = 512;
constexpr std::size_t kSources = 64;
constexpr std::size_t kAssociations = 1024;
constexpr std::int64_t kNumberSlack = 3000;       // packets that a history may be behind or reordered by
constexpr std::int64_t kTimeSlack = 90'000 * 10;  // ticks

std::int64_t number_delta(std::uint16_t from, std::uint16_t to) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(to - from));
}
std::int64_t time_delta(std::uint32_t from, std::uint32_t to) {
  return static_cast<std::int32_t>(to - from);
}

}  // namespace

void SourceHistory::add(std::uint16_t sequence_number, std::uint32_t timestamp) {
  last_ = {sequence_number, timestamp};
  if (packets_++ % spacing_ != 0) return;
  if (marks_.size() >= kMarks) {
    for (std::size_t i = 0; i < kMarks / 2; ++i) marks_[i] = marks_[2 * i];
    marks_.resize(kMarks / 2);
    if (spacing_ < 8192) spacing_ *= 2;
  }
  marks_.push_back(last_);
}

std::int64_t SourceHistory::distance(std::uint16_t sequence_number, std::uint32_t timestamp) const {
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  std::int64_t best = kFar;
  const auto consider = [&](const Mark& mark, std::int64_t number_reach, std::int64_t time_reach) {
    const std::int64_t number = std::abs(number_delta(mark.number, sequence_number));
    const std::int64_t time = std::abs(time_delta(mark.time, timestamp));
    best = std::min(best, std::max<std::int64_t>(0, number - number_reach) * 1000 +
                              std::max<std::int64_t>(0, time - time_reach));
  };
  consider(last_, kNumberSlack, kTimeSlack);
  for (std::size_t i = marks_.size(); i-- > 0 && best > 0;) {
    const Mark& next = i + 1 < marks_.size() ? marks_[i + 1] : last_;
    consider(marks_[i], std::abs(number_delta(marks_[i].number, next.number)) + kNumberSlack,
             std::abs(time_delta(marks_[i].time, next.time)) + kTimeSlack);
  }
  return best;
}

bool RtxUnpacker::add_media(std::uint32_t ssrc, std::uint16_t sequence_number, std::uint32_t timestamp) {
  bool first = false;
  if (sources_.empty() || sources_.back().ssrc != ssrc) {
    const auto at = std::ranges::find(sources_, ssrc, &Source::ssrc);
    first = at == sources_.end();
    if (first) {
      if (sources_.size() >= kSources) sources_.erase(sources_.begin());
      sources_.push_back({ssrc, {}});
    } else {
      std::rotate(at, at + 1, sources_.end());
    }
  }
  sources_.back().history.add(sequence_number, timestamp);
  return first;
}

bool RtxUnpacker::knows(std::uint32_t ssrc) const noexcept {
  return std::ranges::find(sources_, ssrc, &Source::ssrc) != sources_.end();
}

std::optional<std::uint32_t> RtxUnpacker::source_of(std::uint32_t rtx_ssrc, std::uint16_t number,
                                                    std::uint32_t timestamp) {
  if (sources_.empty()) return std::nullopt;
  const auto bound = media_of_.find(rtx_ssrc);
  // A source takes what is at all near; a stranger is the first of a source that is still to come.
  constexpr std::int64_t kStranger = std::int64_t{90'000} * 3600;
  if (sources_.size() == 1) {
    if (bound == media_of_.end() && sources_[0].history.distance(number, timestamp) > kStranger)
      return std::nullopt;
    media_of_[rtx_ssrc] = sources_[0].ssrc;
    return sources_[0].ssrc;
  }
  const Source* best = nullptr;
  std::int64_t best_distance = 0;
  for (auto source = sources_.rbegin(); source != sources_.rend(); ++source) {
    std::int64_t off = source->history.distance(number, timestamp);
    // Between sources that fit alike, the one known from before wins.
    off = 2 * off + (bound != media_of_.end() && bound->second == source->ssrc ? 0 : 1);
    if (best == nullptr || off < best_distance) best = &*source, best_distance = off;
  }
  if (bound == media_of_.end()) {
    if (best_distance / 2 > kStranger) return std::nullopt;
    if (media_of_.size() >= kAssociations) media_of_.erase(media_of_.begin());
  }
  media_of_[rtx_ssrc] = best->ssrc;
  return best->ssrc;
}

// RFC 4588 section 4: the original sequence number comes first in the payload; time and marker are the
// original's.
std::optional<RtpPacket> RtxUnpacker::unpack(const RtpPacket& rtx, std::uint8_t media_type,
                                             std::vector<std::byte>& buffer) {
  if (rtx.payload.size() <= 2) return std::nullopt;
  const auto number = load_be<std::uint16_t>(rtx.payload.data());
  const auto ssrc = source_of(rtx.ssrc, number, rtx.timestamp);
  if (!ssrc) return std::nullopt;
  return rebuild(rtx, {media_type, number, rtx.timestamp, *ssrc}, rtx.payload.subspan(2), buffer);
}

}  // namespace rtpx
