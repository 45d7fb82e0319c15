#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mux/support/media.hpp"
#include "support/captures.hpp"
#include "support/fault_file_system.hpp"

namespace rtpx {
namespace {

using test::EncodedStream;
using test::FaultFileSystem;
using test::TempDir;

const std::filesystem::path kFile = "/out/a.file";

Result<void> write_to(FileSystem& files, Format format, const EncodedStream& stream) {
  auto muxer =
      open_muxer(format, kFile, {stream.track}, {.duration_ns = 2'000'000'000, .cue_points = 2}, files);
  if (!muxer) return std::unexpected(muxer.error());
  for (const auto& packet : stream.packets) {
    auto written = (*muxer)->write({.time_ns = packet.time_ns,
                                    .duration_ns = packet.duration_ns,
                                    .keyframe = packet.keyframe,
                                    .data = packet.data});
    if (!written) return written;
  }
  return (*muxer)->finish();
}

const EncodedStream& h264() {
  // Large enough for several writes: 50 pictures of texture.
  static const EncodedStream stream =
      test::encode_video({.encoder = "libx264", .width = 640, .height = 480, .options = {{"crf", "10"}}});
  return stream;
}

TEST(PublishedFile, AFullDiskIsNoSpaceAndLeavesNoFile) {
  for (const Format format : {Format::mkv, Format::mp4, Format::fmp4, Format::h264}) {
    FaultFileSystem files;
    ASSERT_TRUE(files.create_directories("/out"));
    files.set_capacity(300'000);
    const auto written = write_to(files, format, h264());
    ASSERT_FALSE(written) << name_of(format);
    EXPECT_EQ(written.error().code, Errc::no_space) << name_of(format) << written.error().message;
    EXPECT_TRUE(files.list("/out")->empty()) << name_of(format);
  }
}

TEST(PublishedFile, APowerLossAtAnyPointLeavesTheWholeFileOrNone) {
  for (const Format format : {Format::mkv, Format::mp4}) {
    FaultFileSystem undisturbed;
    ASSERT_TRUE(undisturbed.create_directories("/out"));
    ASSERT_TRUE(write_to(undisturbed, format, h264()));
    const std::string whole = undisturbed.content(kFile);
    ASSERT_GT(whole.size(), 600'000U);
    bool finished = false;
    for (std::uint64_t call = 2; !finished; ++call) {  // 1: the folder
      FaultFileSystem files;
      ASSERT_TRUE(files.create_directories("/out"));
      ASSERT_TRUE(files.sync_directory("/"));
      files.crash_at(call);
      finished = write_to(files, format, h264()).has_value();
      for (const bool worst : {true, false}) {
        const TempDir left;
        worst ? files.survivors("/out", left.path()) : files.survivors("/out", left.path(), call);
        if (std::filesystem::exists(left / "a.file")) {
          EXPECT_TRUE(test::read_file(left / "a.file") == whole) << name_of(format) << " " << call;
        } else {
          EXPECT_FALSE(finished) << "published, but not durable";
        }
      }
    }
  }
}

TEST(PublishedFile, AnErrorIsAnsweredAgainAndAgain) {
  FaultFileSystem files;
  ASSERT_TRUE(files.create_directories("/out"));
  auto muxer = open_muxer(Format::mkv, kFile, {h264().track}, {}, files);
  ASSERT_TRUE(muxer);
  files.set_capacity(1'000);
  Result<void> written;
  for (const auto& packet : h264().packets)
    written = (*muxer)->write({.time_ns = packet.time_ns, .data = packet.data});
  EXPECT_EQ(written.error().code, Errc::no_space);
  EXPECT_EQ((*muxer)->finish().error().code, Errc::no_space);
}

TEST(PublishedFile, ShortWritesMakeTheSameFile) {
  FaultFileSystem plain, hesitant;
  hesitant.set_short_writes(777);
  for (FaultFileSystem* files : {&plain, &hesitant}) {
    ASSERT_TRUE(files->create_directories("/out"));
    ASSERT_TRUE(write_to(*files, Format::mkv, h264()));
  }
  EXPECT_TRUE(plain.content(kFile) == hesitant.content(kFile));
}

TEST(PublishedFile, AFolderThatIsNotThereIsAnError) {
  const TempDir folder;
  for (const Format format : {Format::mkv, Format::mp4, Format::wav}) {
    OutputTrack track = h264().track;
    if (format == Format::wav) track.mime_type = "audio/PCMU";
    const auto opened = open_muxer(format, folder / "no/a", {track}, {});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::not_found);
    EXPECT_THAT(opened.error().message, testing::HasSubstr((folder / "no").string()));
  }
}

}  // namespace
}  // namespace rtpx
