#include "base/temporary_name.hpp"

#include <gtest/gtest.h>

namespace rtpx {
namespace {

TEST(TemporaryName, TellsItsMaker) {
  EXPECT_EQ(maker_of("/a/" + part_name("call.webm", 3)), ::getpid());
  EXPECT_EQ(maker_of(part_name(std::string(300, 'x'), 1)), ::getpid());
  EXPECT_LE(part_name(std::string(300, 'x'), 4'000'000'000).size(), 255U);
  EXPECT_EQ(maker_of(stage_name("call") + ".mkv"), ::getpid());
  EXPECT_EQ(maker_of(part_name(stage_name("call") + ".mkv", 1)), ::getpid());
}

TEST(TemporaryName, OtherNamesHaveNone) {
  for (const char* name : {"call.webm", ".part", ".a.part", ".a-1.part", ".a.12x-1.part", ".a.-1.part", ".a.0-1.part", ".a.99999999999-1.part",
                           "a.12-1.part", ".stage", ".stage.mkv", ".a.stage.mkv", ".."})
    EXPECT_EQ(maker_of(name), std::nullopt) << name;
}

}  // namespace
}  // namespace rtpx
