#include "base/file_name.hpp"

#include <gtest/gtest.h>

#include <set>

namespace rtpx {
namespace {

TEST(FileName, OrdinaryIdsStayThemselves) {
  for (const char* id : {"46644808719537582692920178948", "audio_0", "a-b.c", "A..b", "x"})
    EXPECT_EQ(encode_file_name(id), id);
}

TEST(FileName, NothingLeavesTheFolder) {
  EXPECT_EQ(encode_file_name("../../x"), "%2E.%2F..%2Fx");
  EXPECT_EQ(encode_file_name("."), "%2E");
  EXPECT_EQ(encode_file_name(".."), "%2E%2E");
  EXPECT_EQ(encode_file_name("..."), "%2E.%2E");
  EXPECT_EQ(encode_file_name(".hidden"), "%2Ehidden");
  EXPECT_EQ(encode_file_name("end."), "end%2E");
  EXPECT_EQ(encode_file_name("a/b\\c"), "a%2Fb%5Cc");
  EXPECT_EQ(encode_file_name(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(encode_file_name("ä {1}"), "%C3%A4%20%7B1%7D");
  EXPECT_EQ(encode_file_name("100%"), "100%25");
  EXPECT_EQ(encode_file_name(""), "_");
}

TEST(FileName, LongNamesAreCutAt180BytesWithAHash) {
  const std::string longest(180, 'a');
  EXPECT_EQ(encode_file_name(longest), longest);
  const std::string cut = encode_file_name(longest + "b");
  EXPECT_EQ(cut.size(), 180U);
  EXPECT_EQ(cut.substr(0, 164), std::string(163, 'a') + "-");
  EXPECT_NE(encode_file_name(longest + "c"), cut);
  // what sha256sum says of 181 times a
  EXPECT_EQ(encode_file_name(std::string(181, 'a')).substr(164), "9ce4e58a8e1314bf");
}

TEST(FileName, AnEscapeIsNeverCut) {
  for (std::size_t lead = 0; lead < 3; ++lead) {
    const std::string name = encode_file_name(std::string(lead, 'x') + std::string(100, '/'));
    EXPECT_LE(name.size(), 180U);
    const std::size_t dash = name.rfind('-');
    ASSERT_NE(dash, std::string::npos);
    EXPECT_EQ((dash - lead) % 3, 0U) << name;
  }
}

TEST(FileName, DecodingGivesTheIdBack) {
  for (const std::string& id : {std::string("../../x"), std::string("ä {1}"), std::string("100%"),
                                std::string("a.b"), std::string("\0\xFF", 2)})
    EXPECT_EQ(decode_file_name(encode_file_name(id)), id);
  EXPECT_EQ(decode_file_name("50%"), "50%");
  EXPECT_EQ(decode_file_name("50%2"), "50%2");
  EXPECT_EQ(decode_file_name("50%ZZ"), "50%ZZ");
}

TEST(FileName, AllSingleBytesHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (int b = 0; b < 256; ++b) {
    const std::string name = encode_file_name(std::string(1, static_cast<char>(b)));
    EXPECT_EQ(name.find('/'), std::string::npos);
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 256U);
}

}  // namespace
}  // namespace rtpx
