#include "packets/digit_spans.hpp"

#include "packets/limits.hpp"

namespace rtpx {

DigitSpans::DigitSpans(std::vector<DigitSpan>& out)
    : out_(out), presses_([this](const KeyPress& press) {
        if (out_.size() < kMaxListed) out_.push_back({segment_, press});
      }) {}

void DigitSpans::push(std::size_t segment, std::int64_t timestamp, Bytes payload) {
  if (segment != segment_) {
    presses_.flush();
    segment_ = segment;
    newest_ = INT64_MIN;
  }
  if (timestamp < newest_) return;
  newest_ = timestamp;
  presses_.push({.timestamp = timestamp, .payload = payload});
}

}  // namespace rtpx
