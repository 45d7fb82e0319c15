#include "packets/sframe_run.hpp"

#include <algorithm>

#include "e2ee/sframe_header.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kMostStep = 256;  // of a counter that other tracks share, and behind losses
constexpr unsigned kMostMisses = 4;       // late frames and copies; more end the run

}  // namespace

void SFrameRun::push(std::size_t segment, std::int64_t timestamp, Bytes start) {
  const auto header =
      format_ == E2eeFormat::sframe ? parse_sframe_header(start) : parse_medooze_header(start);
  const bool goes_on = header && frames_ > 0 && segment == segment_ && header->key_id == key_id_ &&
                       header->counter > counter_ && header->counter - counter_ <= kMostStep &&
                       timestamp >= to_;
  if (goes_on) {
    ++frames_;
    counter_ = header->counter;
    to_ = timestamp;
    misses_ = 0;
    return;
  }
  if (frames_ > 1 && segment == segment_ && ++misses_ <= kMostMisses) return;
  frames_ = 0;
  misses_ = 0;
  if (!header) return;
  frames_ = 1;
  segment_ = segment;
  key_id_ = header->key_id;
  counter_ = header->counter;
  from_ = to_ = timestamp;
}

}  // namespace rtpx
