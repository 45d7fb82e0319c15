#include "base/loaded_library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace rtpx {
namespace {

constinit LoadedLibrary mathematics{"libm.so.6"}, standard{"libc.so.6"}, nothing{"libnothing.so.1"};
constinit LoadedFunction<double(double)> root{mathematics, "sqrt"}, missing{nothing, "sqrt"};
constinit LoadedFunction<int(char*, std::size_t, const char*, ...)> print{standard, "snprintf"};

TEST(LoadedLibrary, ItsFunctionsAreCalledByTheirNames) {
  EXPECT_EQ(root(49.0), 7.0);
  char text[32];
  EXPECT_EQ(print(text, sizeof text, "%d of %s", 3, "four"), 9);
  EXPECT_STREQ(text, "3 of four");
}

TEST(LoadedLibrary, ManyThreadsMayBeTheFirst) {
  static constinit LoadedFunction<double(double)> first{mathematics, "floor"};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([] { EXPECT_EQ(first(2.5), 2.0); });
}

template <typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

TEST(LoadedLibrary, WhatIsMissingIsNamed) {
  EXPECT_THAT(error_of([] { (void)missing(4.0); }), testing::HasSubstr("libnothing.so.1"));
  EXPECT_THAT(error_of([] { (void)mathematics.find("no_such_function"); }), testing::HasSubstr("no_such_function"));
}

}  // namespace
}  // namespace rtpx
