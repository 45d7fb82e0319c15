#include "mux/presentation_end.hpp"

#include <gtest/gtest.h>

namespace rtpx {
namespace {

PresentationEnd ending(std::initializer_list<std::int64_t> times_ms, std::int64_t duration_ms = 0) {
  PresentationEnd out;
  for (const std::int64_t time : times_ms) out.add(time * 1'000'000, duration_ms * 1'000'000);
  return out;
}

TEST(PresentationEnd, TheLastPictureLastsAsLongAsTheOneBeforeIt) {
  EXPECT_EQ(ending({0, 33, 66}).end_ns(), 99'000'000);
  EXPECT_EQ(ending({40}).end_ns(), 40'000'000) << "a lone one: not known";
}

TEST(PresentationEnd, PicturesThatComeBeforeTheyAreShownChangeNothing) {
  EXPECT_EQ(ending({0, 160, 80, 40, 120}).end_ns(), 200'000'000);
}

TEST(PresentationEnd, APauseBeforeTheLastPictureIsNotItsLength) {
  const auto end = ending({0, 33, 600'033});
  EXPECT_EQ(end.step_ns(), 600'000'000'000);
  EXPECT_EQ(end.end_ns(), 600'066'000'000);
  EXPECT_EQ(ending({0, 600'000}).end_ns(), 601'000'000'000) << "of two pictures nobody knows";
  EXPECT_EQ(ending({0, 10'000, 20'000}).end_ns(), 30'000'000'000) << "a slow camera";
}

TEST(PresentationEnd, WhatSaysItsLengthEndsThere) {
  EXPECT_EQ(ending({0, 20, 40}, 20).end_ns(), 60'000'000);
}

}  // namespace
}  // namespace rtpx
