#include "rtp/rtcp.hpp"

#include <gtest/gtest.h>

#include "support/bytes.hpp"

namespace rtpx {
namespace {

const auto kCompound = test::bytes({
    0x80, 200, 0, 6, 0, 0, 0, 9, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7,  // SR
    0x81, 202, 0, 3, 0, 0, 0, 9, 1, 4, 'a', 'b', 'c', 'd', 0, 0,                                 // SDES CNAME
    0x81, 203, 0, 1, 0, 0, 0, 9,                                                                 // BYE
});

TEST(Rtcp, ReadsSenderReportNameAndBye) {
  const auto r = parse_rtcp(kCompound);
  EXPECT_TRUE(r.well_formed);
  ASSERT_EQ(r.sender_reports.size(), 1U);
  EXPECT_EQ(r.sender_reports[0].ssrc, 9U);
  EXPECT_EQ(ntp_to_ns(r.sender_reports[0].ntp), 1'500'000'000);
  EXPECT_EQ(r.sender_reports[0].rtp_timestamp, 5U);
  ASSERT_EQ(r.names.size(), 1U);
  EXPECT_EQ(r.names[0].cname, "abcd");
  EXPECT_EQ(r.byes, std::vector<std::uint32_t>{9});
}

TEST(Rtcp, WhatComesBeforeACutIsKept) {
  const auto r = parse_rtcp(Bytes(kCompound).first(35));
  EXPECT_FALSE(r.well_formed);
  EXPECT_EQ(r.sender_reports.size(), 1U);
  EXPECT_TRUE(r.names.empty());
}

}  // namespace
}  // namespace rtpx
