#include "packets/digit_spans.hpp"

#include <algorithm>

#include "packets/limits.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostDigitSources = 64;
constexpr int kLateNumbers = 100;  // what is behind by more is of a source that begins anew

}  // namespace

void DigitSpans::push(const Packet& packet) {
  auto found = sources_.find(packet.ssrc);
  if (found == sources_.end()) {
    if (sources_.size() >= kMostDigitSources) return;
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
    source.times.reset();
    source.newest = INT64_MIN;
    source.newest_sequence.reset();
    source.segment = segment;
  }
  if (source.newest_sequence) {
    const int step = static_cast<std::int16_t>(packet.sequence - *source.newest_sequence);
    if (step < 0 && step >= -kLateNumbers) return;
  }
  source.newest_sequence = packet.sequence;
  source.clock_rate = packet.clock_rate;
  const std::int64_t timestamp = packet.place ? packet.place->timestamp : source.times(packet.timestamp);
  if (timestamp < source.newest) return;
  source.newest = timestamp;
  source.presses.push({.timestamp = timestamp, .marker = packet.marker, .payload = packet.payload},
                      packet.receive_ms);
}

void DigitSpans::note(Source& source, const KeyPress& press) {
  if (out_.size() >= kMaxListed) return;
  DigitSpan span{std::nullopt, press.receive_ms, source.clock_rate, press};
  if (source.segment) span.place = DigitSpan::Place{*source.segment, press.timestamp};
  out_.push_back(span);
}

void DigitSpans::finish() {
  for (auto& [ssrc, source] : sources_) source.presses.flush();
}

}  // namespace rtpx
