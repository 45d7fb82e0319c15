// Layers of scalable video that Chromium sent, with dependency descriptors: what is left without the upper
// ones is what a decoder shows that is asked for the lower ones, and a loss harms what refers to it and
// nothing else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "rtp/packet.hpp"
#include "support/captures.hpp"
#include "support/packet_recording.hpp"
#include "support/places.hpp"
#include "support/rtp_files.hpp"

namespace rtpx {
namespace {

using test::converted;
using test::TempDir;
using test::track_report;

const std::filesystem::path kData = test::source_dir() / "tests/data";

TEST(Layers, OfAv1AreThoseOfTheOperatingPoint) {
  const TempDir folder, all_out;
  const auto all = converted(kData / "av1_l2t3", all_out);
  for (std::uint8_t spatial = 0; spatial < 2; ++spatial)
    for (std::uint8_t temporal = 0; temporal < 3; ++temporal) {
      const TempDir out;
      const auto some =
          converted(kData / "av1_l2t3", out, {.max_spatial_layer = spatial, .max_temporal_layer = temporal});
      const int point = (1 - spatial) * 3 + (2 - temporal);  // the encoder's order: the best one first
      const auto expected =
          test::frame_hashes(all.file, "v:0", "-c:v libdav1d -oppoint " + std::to_string(point));
      EXPECT_EQ(expected.size(), std::vector<std::size_t>({16, 31, 62})[temporal]);
      EXPECT_EQ(test::frame_hashes(some.file, "v:0"), expected) << point;
      EXPECT_EQ(test::decode_errors(some.file), "");
      EXPECT_EQ(track_report(some)["width"], spatial == 0 ? 320 : 640);
    }
}

TEST(Layers, OfH264AreToldByTheDependencyDescriptor) {
  const TempDir all_out;
  const auto all = test::frame_hashes(converted(kData / "h264_l1t3", all_out).file, "v:0");
  ASSERT_EQ(all.size(), 60U);
  for (std::uint8_t temporal = 0; temporal < 2; ++temporal) {
    const TempDir out;
    const auto some = converted(kData / "h264_l1t3", out, {.max_temporal_layer = temporal});
    std::vector<std::string> expected{all[0]};  // a keyframe, and another one after it
    for (std::size_t i = 1; i < all.size(); i += temporal == 0 ? 4 : 2) expected.push_back(all[i]);
    EXPECT_EQ(test::frame_hashes(some.file, "v:0"), expected);
    EXPECT_EQ(test::decode_errors(some.file), "");
  }
}

struct Call {
  const char* name;
  Codec codec;
};
void PrintTo(const Call& of, std::ostream* out) {
  *out << of.name;
}
class LayersWithLoss : public testing::TestWithParam<Call> {};

// Layers 0, 2, 1, 2 take turns. Pictures of layer 2 refer to the last one of a lower layer, and none to them.
TEST_P(LayersWithLoss, HarmWhatRefersToTheLostPictureAndNothingElse) {
  constexpr std::uint8_t kDescriptor = 13;
  std::vector<std::string> packets;
  for (const auto& entry : std::filesystem::directory_iterator(kData / GetParam().name))
    if (entry.path().extension() == ".rtpx") packets = test::read_rtp_packets(entry.path());
  std::set<std::uint32_t> times;
  for (const auto& packet : packets) times.insert(parse_rtp(as_bytes(packet))->timestamp);
  ASSERT_GT(times.size(), 40U);
  const TempDir whole_out;
  const auto all = test::frame_hashes(converted(kData / GetParam().name, whole_out).file, "v:0");
  const std::set<std::string> whole(all.begin(), all.end());
  std::vector<std::ptrdiff_t> damaged, to_the_end;
  for (std::ptrdiff_t i = 24; i < 28; ++i) {
    auto left = packets;
    const std::uint32_t lost = *std::next(times.begin(), i);
    std::erase_if(left, [&](const auto& packet) { return parse_rtp(as_bytes(packet))->timestamp == lost; });
    const TempDir folder;
    test::PacketRecording recording(folder / "call");
    recording.add("video", MediaKind::video, {GetParam().codec}, left,
                  {{"https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
                    kDescriptor}});
    const TempDir out;
    const auto file = converted(recording.path(), out);
    EXPECT_EQ(track_report(file)["frames"], times.size() - 1);
    damaged.push_back(track_report(file)["damaged_count"]);
    const auto shown = test::frame_hashes(file.file, "v:0");
    const auto intact = std::ranges::count_if(shown, [&](const auto& hash) { return whole.contains(hash); });
    EXPECT_EQ(intact, std::ssize(all) - 1 - damaged.back());
    to_the_end.push_back(std::ssize(times) - i - 1);
  }
  const auto lowest = std::ranges::max_element(damaged) - damaged.begin();
  EXPECT_EQ(damaged[lowest], to_the_end[lowest]);
  EXPECT_EQ(damaged[(lowest + 1) % 4], 0);
  EXPECT_EQ(damaged[(lowest + 2) % 4], 1);
  EXPECT_EQ(damaged[(lowest + 3) % 4], 0);
}

INSTANTIATE_TEST_SUITE_P(, LayersWithLoss,
                         testing::Values(Call{"av1_l2t3", {45, "video/AV1", 90'000}},
                                         Call{"h264_l1t3", {102, "video/H264", 90'000}}),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace rtpx
