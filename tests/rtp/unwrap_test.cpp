#include "rtp/unwrap.hpp"

#include <gtest/gtest.h>

namespace rtpx {
namespace {

TEST(Unwrapper, CountsThroughAnyNumberOfWraps) {
  SequenceUnwrapper unwrap;
  const std::int64_t first = unwrap(65000);
  std::int64_t last = first;
  for (std::uint32_t n = 1; n < 500'000; ++n) last = unwrap(static_cast<std::uint16_t>(65000 + n));
  EXPECT_EQ(last - first, 499'999);
}

TEST(Unwrapper, APacketFromBeforeTheFirstComesBeforeIt) {
  SequenceUnwrapper unwrap;
  const std::int64_t first = unwrap(2);
  EXPECT_EQ(unwrap(65534), first - 4);
  EXPECT_GT(first - 4, 0);
}

TEST(Unwrapper, PeekDoesNotMove) {
  TimestampUnwrapper unwrap;
  const std::int64_t first = unwrap(0xFFFFFFF0U);
  EXPECT_EQ(unwrap.peek(0x10), first + 0x20);
  EXPECT_EQ(unwrap.peek(0x10), first + 0x20);
}

}  // namespace
}  // namespace rtpx
