#include "base/archive.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace rtpx {
namespace {

enum class Colour : std::uint8_t { red, green = 200 };

struct Things {
  std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  std::uint64_t large = std::numeric_limits<std::uint64_t>::max();
  std::int8_t small = -128;
  bool yes = true;
  double third = 1.0 / 3;
  Colour colour = Colour::green;
  std::string text = "a text";
  std::vector<std::byte> bytes{std::byte{0}, std::byte{255}};
  std::map<std::optional<std::string>, std::vector<int>> lists{{std::nullopt, {}}, {"x", {-1, 0, 1}}};
  std::vector<std::shared_ptr<std::pair<int, std::uint16_t>>> pairs;
  std::uint32_t three[3] = {1, 128, 1U << 31};
  std::bitset<5> bits{0b10110};

  template <class Archive>
  void archive(Archive& with) {
    with(least, most, large, small, yes, third, colour, text, bytes, lists, three, bits);
  }
};

std::vector<std::byte> written(Things things) {
  ArchiveWriter out;
  out(things);
  return out.bytes();
}

TEST(Archive, ReadsWhatWasWritten) {
  Things blank{.least = 0, .most = 0, .large = 0, .small = 0, .yes = false, .third = 0, .colour = Colour::red,
               .text = "", .bytes = {}, .lists = {}, .pairs = {}, .three = {}, .bits = {}};
  const auto bytes = written({});
  ArchiveReader in(bytes);
  in(blank);
  EXPECT_TRUE(in.ok() && in.at_end());
  const Things things;
  EXPECT_EQ(blank.least, things.least);
  EXPECT_EQ(blank.most, things.most);
  EXPECT_EQ(blank.large, things.large);
  EXPECT_EQ(blank.small, things.small);
  EXPECT_EQ(blank.third, things.third);
  EXPECT_EQ(blank.colour, things.colour);
  EXPECT_EQ(blank.lists, things.lists);
  EXPECT_EQ(blank.bits, things.bits);
  EXPECT_EQ(written(blank), bytes);
}

TEST(Archive, IsTotal) {
  const auto whole = written({});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ArchiveReader in(Bytes(whole).first(size));
    Things things;
    in(things);
    EXPECT_FALSE(in.ok()) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto bytes = whole;
    bytes[at] = std::byte{0xFF};
    ArchiveReader in(bytes);
    Things things;
    in(things);
    EXPECT_LE(things.text.size(), whole.size());
  }
  const std::vector<std::byte> endless(20, std::byte{0xFF});
  ArchiveReader in(endless);
  std::vector<std::string> list;
  in(list);
  EXPECT_FALSE(in.ok());
  EXPECT_TRUE(list.empty());
}

TEST(Archive, NumbersThatDoNotFitAreWrong) {
  ArchiveWriter out;
  out(std::uint32_t{300});
  ArchiveReader in(out.bytes());
  std::uint8_t small = 0;
  in(small);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace rtpx
