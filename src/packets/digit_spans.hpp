#pragma once

#include <cstdint>
#include <vector>

#include "codec/telephone_event.hpp"

namespace rtpx {

/// A telephone event as its packets told it.
struct DigitSpan {
  std::size_t segment = 0;
  KeyPress press;
};

/// The telephone events of a layer, from its packets as they come.
class DigitSpans {
 public:
  explicit DigitSpans(std::vector<DigitSpan>& out);
  void push(std::size_t segment, std::int64_t timestamp, Bytes payload);
  void finish() { presses_.flush(); }

 private:
  std::vector<DigitSpan>& out_;
  KeyPresses presses_;
  std::size_t segment_ = 0;
  std::int64_t newest_ = INT64_MIN;  // what comes later of an older event is passed over
};

}  // namespace rtpx
