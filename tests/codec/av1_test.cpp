#include "codec/av1.hpp"

#include <gmock/gmock.h>

#include <sstream>

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

// OBU headers without size field: type in bits 3..6.
constexpr int kDelimiter = 0x10, kSequence = 0x08, kFrame = 0x30, kPadding = 0x78;
// A sequence header of Chromium's encoder: main profile, 640x480.
const auto kSequenceObu = bytes({kSequence, 0x00, 0x00, 0x00, 0x24, 0xC4, 0xFF, 0xDF, 0x00, 0x68, 0x02});
// frame headers: show_existing_frame 0, frame_type (0 key, 1 inter), show_frame 1
const auto kKey = bytes({kFrame, 0x10, 0xAA, 0xAB});
const auto kInter = bytes({kFrame, 0x30, 0xBB});

std::vector<std::byte> aggregation(bool z, bool y, int w, bool n) {
  return bytes({(z ? 0x80 : 0) | (y ? 0x40 : 0) | w << 4 | (n ? 8 : 0)});
}
std::vector<std::byte> sized(const std::vector<std::byte>& element) {
  return bytes({static_cast<int>(element.size())}) + element;
}
// The same OBU in a container: has_size_field set, and the size after the header.
std::string boxed(const std::vector<std::byte>& obu) {
  return text({static_cast<int>(obu[0]) | 2, static_cast<int>(obu.size()) - 1}) + text(obu).substr(1);
}
const auto kStart = aggregation(false, false, 2, true) + sized(kSequenceObu) + kKey;

TEST(Av1, ElementsBecomeObusWithSizes) {
  Depacketized av1("video/AV1");
  av1.packet(0, true, kStart);
  av1.packet(3000, true, aggregation(false, false, 1, false) + kInter);
  ASSERT_EQ(av1.frames.size(), 2u);
  EXPECT_EQ(av1.frames[0].bytes, boxed(kSequenceObu) + boxed(kKey));
  EXPECT_EQ(av1.frames[0].kind, FrameKind::key);
  EXPECT_EQ(av1.frames[1].bytes, boxed(kInter));
  EXPECT_EQ(av1.frames[1].kind, FrameKind::delta);
  EXPECT_EQ(text(av1.config().codec_private).substr(4), boxed(kSequenceObu));
}

// Section 4.4's aggregation header with W=0: every element has a length; delimiter and padding are left out.
TEST(Av1, CountlessElementsAllHaveLengths) {
  Depacketized av1("video/AV1");
  av1.packet(0, true,
             aggregation(false, false, 0, true) + sized(bytes({kDelimiter})) + sized(kSequenceObu) +
                 sized(kKey) + sized(bytes({kPadding, 0, 0})));
  ASSERT_EQ(av1.frames.size(), 1u);
  EXPECT_EQ(av1.frames[0].bytes, boxed(kSequenceObu) + boxed(kKey));
}

TEST(Av1, AnObuMayRunOverManyPackets) {
  for (const std::size_t size : {10u, 200u, 20000u, 3000000u}) {  // sizes of one to four bytes
    std::vector<std::byte> frame = kKey;
    frame.resize(size, std::byte{0x5A});
    Depacketized av1("video/AV1");
    const std::size_t third = size / 3;
    const auto piece = [&](std::size_t from, std::size_t to) {
      return std::vector<std::byte>(frame.begin() + static_cast<std::ptrdiff_t>(from),
                                    frame.begin() + static_cast<std::ptrdiff_t>(to));
    };
    av1.packet(0, false, aggregation(false, true, 2, true) + sized(kSequenceObu) + piece(0, third));
    av1.packet(0, false, aggregation(true, true, 1, false) + piece(third, 2 * third));
    av1.packet(0, true, aggregation(true, false, 1, false) + piece(2 * third, size));
    ASSERT_EQ(av1.frames.size(), 1u) << size;
    const std::string& out = av1.frames[0].bytes;
    const std::string payload = text(frame).substr(1);
    ASSERT_GT(out.size(), payload.size());
    EXPECT_EQ(out.substr(out.size() - payload.size()), payload) << size;
    const auto rest = out.substr(boxed(kSequenceObu).size() + 1);
    const auto length = parse_leb128(as_bytes(rest));
    ASSERT_TRUE(length);
    EXPECT_EQ(length->value, payload.size());
    EXPECT_EQ(rest.size(), length->size + payload.size());
  }
}

TEST(Av1, AnObuThatHasASizeKeepsItsMeaning) {
  Depacketized av1("video/AV1");
  const auto padded_size = bytes({kFrame | 2, 0x83, 0x00, 0x10, 0xAA, 0xAB});  // leb128 in two bytes
  av1.packet(0, true, aggregation(false, false, 2, true) + sized(kSequenceObu) + padded_size);
  ASSERT_EQ(av1.frames.size(), 1u);
  EXPECT_EQ(av1.frames[0].bytes, boxed(kSequenceObu) + boxed(kKey));
}

TEST(Av1, AMissingPieceLosesTheUnit) {
  Depacketized av1("video/AV1");
  av1.packet(0, true, kStart);
  av1.packet(3000, false, aggregation(false, true, 1, false) + kInter);
  av1.packet(3000, true, aggregation(true, false, 1, false) + kInter, 1);
  av1.packet(6000, true, aggregation(false, false, 1, false) + kInter);
  av1.packet(9000, true, kStart);
  ASSERT_EQ(av1.frames.size(), 3u);
  EXPECT_EQ(av1.dropped_as(Dropped::Reason::incomplete), 1u);
  EXPECT_TRUE(av1.frames[1].reference_lost);
  EXPECT_FALSE(av1.frames[2].reference_lost);
}

TEST(Av1, AContinuationOfNothingIsMalformed) {
  Depacketized av1("video/AV1");
  av1.packet(0, false, kStart);
  av1.packet(0, true, aggregation(true, false, 1, false) + kInter);
  EXPECT_TRUE(av1.frames.empty());
  EXPECT_EQ(av1.dropped_as(Dropped::Reason::malformed), 1u);
}

TEST(Av1, EveryCutOfAPacketIsRefusedOrShorter) {
  for (std::size_t n = 1; n < kStart.size(); ++n) {
    Depacketized av1("video/AV1");
    av1.packet(0, true, {kStart.begin(), kStart.begin() + static_cast<std::ptrdiff_t>(n)});
    for (const auto& frame : av1.frames)
      EXPECT_LT(frame.bytes.size(), boxed(kSequenceObu).size() + kKey.size() + 1);
  }
}

TEST(Av1, LeavesOutLayersOnDemand) {
  // Extension: temporal id in bits 5..7, spatial id in bits 3..4.
  const auto base = bytes({kFrame | 4, 0x00, 0x10, 1}), upper = bytes({kFrame | 4, 0x08, 0x30, 2});
  const auto later = bytes({kFrame | 4, 0x20, 0x30, 3});
  Depacketized av1("video/AV1", {.max_spatial_layer = 0, .max_temporal_layer = 0});
  av1.packet(0, true, aggregation(false, false, 3, true) + sized(kSequenceObu) + sized(base) + upper);
  av1.packet(3000, true, aggregation(false, false, 1, false) + later);
  ASSERT_EQ(av1.frames.size(), 1u);
  EXPECT_EQ(av1.frames[0].bytes, boxed(kSequenceObu) + text({kFrame | 6, 0x00, 2, 0x10, 1}));
  EXPECT_EQ(av1.dropped_as(Dropped::Reason::layer), 1u);
}

TEST(Av1, DependencyDescriptorsTellWhatALossDamages) {
  // Structure (bits): offset 0, 1 decode target; templates: 0 (no reference), 1 (one back), 2 (two back), one
  // layer.
  //   000000 00000 | next_layer 00 00 11 | dti 10 10 10 | fdiffs 0, 1 0000 0, 1 0001 0 | chains ns(2): 0 | no
  //   sizes
  const auto key = bytes({0xC0, 0x00, 0x01, 0x80, 0x00, 0x0E, 0xA4, 0x11, 0x00});
  const auto descriptor = [](int number, int template_id) { return bytes({0xC0 | template_id, 0, number}); };
  DependencyDescriptorReader reader;
  ASSERT_TRUE(reader.read(key));
  Depacketized av1("video/AV1");
  const auto push = [&](std::int64_t sequence, const std::vector<std::byte>& payload,
                        const std::vector<std::byte>& extension) {
    av1.push({.sequence = sequence,
              .timestamp = sequence * 3000,
              .marker = true,
              .payload = payload,
              .dependency_descriptor = Bytes(extension)});
  };
  const auto inter = aggregation(false, false, 1, false) + kInter;
  push(1, kStart, key);
  push(3, inter, descriptor(3, 2));  // frame 2 is lost; this one refers to the keyframe
  push(4, inter, descriptor(4, 2));  // refers to frame 2
  push(5, inter, descriptor(5, 1));  // refers to frame 4
  push(6, inter, descriptor(6, 1));
  std::vector<bool> lost;
  for (const auto& frame : av1.frames) lost.push_back(frame.reference_lost);
  EXPECT_THAT(lost, testing::ElementsAre(false, false, true, true, true));
}

// A real stream of several layers.
TEST(Av1DependencyDescriptor, ReadsARealSequence) {
  RTPX_NEEDS_CAPTURE(file, "public/livekit-livekit/dd_sequence.hex");
  std::istringstream lines(read_file(file));
  DependencyDescriptorReader reader;
  std::vector<int> numbers, spatial;
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::byte> extension;
    for (std::size_t i = 0; i + 1 < line.size(); i += 2)
      extension.push_back(static_cast<std::byte>(std::stoi(line.substr(i, 2), nullptr, 16)));
    if (extension.empty()) continue;
    const auto descriptor = reader.read(extension);
    ASSERT_TRUE(descriptor) << line;
    numbers.push_back(descriptor->frame_number);
    spatial.push_back(descriptor->spatial_layer);
  }
  EXPECT_THAT(numbers, testing::ElementsAre(0x172, 0x173, 0x173, 0x175, 0x176, 0x176, 0x178, 0x172, 0x173,
                                            0x173, 0x174, 0x174, 0x174, 0x175));
  // Frame numbers go up by three a picture, one for each of its spatial layers; some layers were not
  // forwarded.
  EXPECT_THAT(spatial, testing::ElementsAre(0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 0));
  ASSERT_TRUE(reader.resolution(2));
  EXPECT_EQ(reader.resolution(2)->width, 480);
  EXPECT_EQ(reader.resolution(2)->height, 270);
  EXPECT_EQ(reader.resolution(0)->width, 120);
  EXPECT_FALSE(reader.resolution(3));
}

}  // namespace
}  // namespace rtpx::test
