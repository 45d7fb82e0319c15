#include "ingest/drops.hpp"

#include <numeric>

namespace rtpx {

const char* to_string(Drop reason) noexcept {
  switch (reason) {
    case Drop::kernel:
      return "kernel";
    case Drop::oversized:
      return "oversized";
    case Drop::unknown_protocol:
      return "unknown_protocol";
    case Drop::stun_refused:
      return "stun_refused";
    case Drop::unknown_source:
      return "unknown_source";
    case Drop::before_keys:
      return "before_keys";
    case Drop::undecryptable:
      return "undecryptable";
    case Drop::replayed:
      return "replayed";
    case Drop::malformed:
      return "malformed";
    case Drop::over_bit_rate:
      return "over_bit_rate";
    case Drop::unknown_stream:
      return "unknown_stream";
    case Drop::too_many_streams:
      return "too_many_streams";
    case Drop::unassigned_report:
      return "unassigned_report";
    case Drop::empty_packet:
      return "empty_packet";
    case Drop::after_end:
      return "after_end";
  }
  return "unknown";
}

std::uint64_t DropCounts::total() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

DropCounts& DropCounts::operator+=(const DropCounts& other) noexcept {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  return *this;
}

}  // namespace rtpx
