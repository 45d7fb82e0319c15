#include "packets/digit_spans.hpp"

#include <algorithm>

#include "packets/limits.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostSources = 64;
constexpr std::size_t kMostBegun = 8;

}  // namespace

void DigitSpans::push(const Packet& packet) {
  auto found = sources_.find(packet.ssrc);
  if (found == sources_.end()) {
    if (sources_.size() >= kMostSources) return;
    found = sources_
                .try_emplace(packet.ssrc, [this, ssrc = packet.ssrc](
                                              const KeyPress& press) { note(sources_.at(ssrc), press); })
                .first;
  }
  Source& source = found->second;
  const std::optional<std::size_t> segment =
      packet.place ? std::optional(packet.place->segment) : std::nullopt;
  if (segment != source.segment) {  // its times begin anew
    source.presses.flush();
    source.begun.clear();
    source.times.reset();
    source.newest = INT64_MIN;
    source.segment = segment;
  }
  const std::int64_t timestamp = packet.place ? packet.place->timestamp : source.times(packet.timestamp);
  if (timestamp < source.newest) return;
  source.newest = timestamp;
  source.begun.try_emplace(timestamp,
                           DigitSpan{packet.place, packet.receive_ms, packet.clock_rate, KeyPress{}});
  source.presses.push({.timestamp = timestamp, .marker = packet.marker, .payload = packet.payload});
  while (source.begun.size() > kMostBegun) source.begun.erase(std::prev(source.begun.end(), 2));
}

void DigitSpans::note(Source& source, const KeyPress& press) {
  const auto begun = source.begun.find(press.timestamp);
  if (begun == source.begun.end()) return;
  DigitSpan span = begun->second;
  span.press = press;
  std::erase_if(source.begun, [&](const auto& entry) { return entry.first < source.newest; });
  if (out_.size() < kMaxListed) out_.push_back(span);
}

void DigitSpans::finish() {
  for (auto& [ssrc, source] : sources_) source.presses.flush();
}

}  // namespace rtpx
