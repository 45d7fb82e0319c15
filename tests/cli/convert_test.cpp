// rtpx convert and rtpx inspect, as a person calls them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ingest/capture_builder.hpp"
#include "support/captures.hpp"
#include "support/places.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string frame_hashes(const std::filesystem::path& file) {
  return run_program({"sh", "-c",
                      "ffmpeg -v error -i '" + file.string() +
                          "' -map 0:v -c copy -f framehash - | awk -F, '!/^#/ { print $5, $6 }'"})
      .out;
}

TEST(ConvertCommand, AnImportedCaptureGivesTheVeryFramesOfItsIvf) {
  RTPX_NEEDS_CAPTURE(captures, "public/membraneframework-membrane_rtp_vp8_plugin");
  TempDir folder;
  ASSERT_EQ(rtpx({"import", captures / "input_vp8.pcap", "-o", folder / "call"}).status, 0);
  const auto run = rtpx({"convert", folder / "call", "-o", folder / "out", "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  const auto result = json::parse(run.out);
  ASSERT_EQ(result.size(), 1U);
  const std::string expected = frame_hashes(captures / "input_vp8.ivf");
  EXPECT_EQ(std::ranges::count(expected, '\n'), 300);
  EXPECT_EQ(frame_hashes(result.begin().value()["location"].get<std::string>()), expected);
}

TEST(ConvertCommand, PrintsAFileForEachStreamAndLayer) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_simulcast3");
  TempDir folder;
  const auto run = rtpx({"convert", call, "-o", folder / "out", "--rid", "f", "--thumbnail", "320x"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("_f.webm"));
  EXPECT_THAT(run.out, testing::Not(HasSubstr("_q.webm")));
}

TEST(ConvertCommand, ALayerOrStreamThatIsNotThereIsNamedWithThoseThatAre) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_simulcast3");
  TempDir folder;
  const auto rid = rtpx({"convert", call, "-o", folder / "rid", "--rid", "f", "--rid", "nope"});
  EXPECT_EQ(rid.status, 1);
  EXPECT_THAT(rid.out, HasSubstr("_f.webm"));
  EXPECT_THAT(rid.err, HasSubstr("there is no rid nope; there are f, h, q"));
  const auto stream = rtpx({"convert", call, "-o", folder / "stream", "--stream", "nope"});
  EXPECT_EQ(stream.status, 3);
  EXPECT_THAT(stream.err, HasSubstr("there is no stream nope; there are "));
}

TEST(ConvertCommand, WrongOptionsAreStatusTwo) {
  for (const std::vector<std::string>& extra : {std::vector<std::string>{"--format", "avi"},
                                                {"--thumbnail", "large"},
                                                {"--resolution", "640x360"},
                                                {"--reencode", "divx"},
                                                {"--crf", "99"},
                                                {"--from", "soon"},
                                                {"--exact", "encode"},
                                                {"--layers", "some"}}) {
    std::vector<std::string> arguments{"convert", "x", "-o", "y"};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    EXPECT_EQ(rtpx(arguments).status, 2) << extra[0] << " " << extra[1];
  }
}

TEST(ConvertCommand, CutsByTheRecordingsTimesAndByTheWallClock) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus");
  TempDir folder;
  const auto cut = [&](const std::string& name, const std::string& from, const std::string& to) {
    const auto run = rtpx({"convert", call, "-o", folder / name, "--from", from, "--to", to, "--json"});
    EXPECT_EQ(run.status, 0) << run.err;
    return run.status == 0 ? json::parse(run.out).begin().value() : json();
  };
  const json by_offset = cut("a", "5", "0:07.5");
  ASSERT_FALSE(by_offset.is_null());
  EXPECT_LE(by_offset["offset_seconds"].get<double>(), 5);
  const auto inspected = json::parse(rtpx({"inspect", call, "--json"}).out);
  const auto at = [&](const char* later) {
    const std::string time =
        run_program({"date", "-u", "-d", inspected["started"].get<std::string>() + " + " + later + " seconds",
                     "+%Y-%m-%dT%H:%M:%S.%6NZ"})
            .out;
    return time.substr(0, time.find('\n'));
  };
  const json by_clock = cut("b", at("5"), at("7.5"));
  ASSERT_FALSE(by_clock.is_null());
  EXPECT_EQ(by_clock["offset_seconds"], by_offset["offset_seconds"]);
  EXPECT_EQ(by_clock["duration_ms"], by_offset["duration_ms"]);
  EXPECT_EQ(frame_hashes(by_clock["location"].get<std::string>()),
            frame_hashes(by_offset["location"].get<std::string>()));
  EXPECT_EQ(rtpx({"convert", call, "-o", folder / "c", "--from", "1:00:00"}).status, 2);
  EXPECT_EQ(rtpx({"convert", call, "-o", folder / "c", "--from", "5", "--to", "3"}).status, 2);
  EXPECT_FALSE(std::filesystem::exists(folder / "c")) << "nothing was converted";
}

TEST(IndexCommand, MakesAnIndexByWhichThePictureIsTheSame) {
  RTPX_NEEDS_CAPTURE(capture, "browser/vp8_opus");
  TempDir folder;
  std::filesystem::copy(capture, folder / "call", std::filesystem::copy_options::recursive);
  ::setenv("RTPX_INDEX_KEY", (folder / "index.key").c_str(), 1);
  const auto picture = [&](const std::string& name) {
    EXPECT_EQ(rtpx({"frame", folder / "call", "--at", "0:06", "-o", folder / name}).status, 0);
    return read_file(folder / name);
  };
  const std::string before = picture("before.jpg");
  const auto run = rtpx({"index", folder / "call", "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(json::parse(run.out)["index"].get<std::string>(), folder / "call" / "packets.rtpxp");
  EXPECT_EQ(std::filesystem::file_size(folder / "call" / "packets.rtpxp"), json::parse(run.out)["bytes"]);
  EXPECT_EQ(picture("after.jpg"), before);
  EXPECT_EQ(rtpx({"index", folder / "nothing"}).status, 3);
  ::unsetenv("RTPX_INDEX_KEY");
}

TEST(FrameCommand, WritesThePictureOfAMoment) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus");
  TempDir folder;
  const auto run = rtpx({"frame", call, "--at", "0:04", "-o", folder / "x.jpg", "--size", "320x", "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(json::parse(run.out)["time_ms"], 4'000);
  const auto probed = run_program({"ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width",
                                   "-of", "csv=p=0", folder / "x.jpg"});
  EXPECT_EQ(probed.out, "mjpeg,320\n");
  EXPECT_EQ(rtpx({"frame", call, "--at", "x", "-o", folder / "y.jpg"}).status, 2);
  EXPECT_EQ(rtpx({"frame", call, "--at", "1:00:00", "-o", folder / "y.jpg"}).status, 2);
  EXPECT_EQ(rtpx({"frame", call, "--at", "1", "--track", "nobody", "-o", folder / "y.jpg"}).status, 3);
  EXPECT_FALSE(std::filesystem::exists(folder / "y.jpg"));
  const auto png = rtpx({"frame", call, "--at", "1", "-o", folder / "y.png"});
  EXPECT_EQ(png.status, 2) << "JPEG under another name is no picture that programs open";
  EXPECT_NE(png.err.find(".jpg"), std::string::npos) << png.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "y.png"));
  EXPECT_EQ(rtpx({"frame", call, "--at", "1", "-o", folder / "y.JPEG"}).status, 0);
}

TEST(ConvertCommand, UnusableRecordingsAreStatusThree) {
  TempDir folder;
  EXPECT_EQ(rtpx({"convert", folder / "missing", "-o", folder / "out"}).status, 3);
  std::filesystem::create_directory(folder / "broken");
  write_file(folder / "broken" / "manifest.json", "{\"a\":");
  const auto broken = rtpx({"convert", folder / "broken", "-o", folder / "out"});
  EXPECT_EQ(broken.status, 3);
  EXPECT_THAT(broken.err, HasSubstr("manifest.json"));
}

TEST(ConvertCommand, CtrlCLeavesNothingHalfWritten) {
  TempDir folder;
  {
    std::ofstream large(folder / "large.pcap", std::ios::binary);
    large << pcap_head(101);
    for (unsigned i = 0; i < 200'000; ++i)
      large << pcap_record(
          ipv4(udp(
              Rtp{.payload_type = 0, .sequence = i, .timestamp = 1000 * i, .payload = std::string(1000, 'a')}
                  .bytes())),
          i / 8, i % 8 * 125'000);
  }
  ASSERT_EQ(rtpx({"import", folder / "large.pcap", "-o", folder / "call"}).status, 0);
  const auto run =
      rtpx({"convert", folder / "call", "-o", folder / "out"}, [&] { return entries(folder / "out") > 0; });
  EXPECT_EQ(run.status, 4) << run.out << run.err;
  EXPECT_EQ(entries(folder / "out"), 0U);
}

TEST(InspectCommand, ShowsLossesBeforeAndAfterRepair) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus_lossy_audionack");
  const auto run = rtpx({"inspect", call});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("after repair"));
  EXPECT_THAT(run.out, HasSubstr("video/VP8"));
  EXPECT_EQ(run.err, "") << "no progress in a pipe";
  const auto report = json::parse(rtpx({"inspect", call, "--json"}).out);
  EXPECT_TRUE(report.contains("tracks"));
}

TEST(ReportCommand, IsOnePageThatNeedsNothingElse) {
  TempDir folder;
  const auto run = rtpx({"report", test::source_dir() / "tests/data/vp8_opus", "-o", folder / "report.html"});
  EXPECT_EQ(run.status, 0) << run.err;
  const std::string page = read_file(folder / "report.html");
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("video_1"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme"));
  EXPECT_THAT(page,
              testing::Not(testing::AnyOf(HasSubstr("http:"), HasSubstr("https:"), HasSubstr("<script"))));
  EXPECT_EQ(rtpx({"report", folder / "missing", "-o", folder / "x.html"}).status, 3);
  EXPECT_EQ(rtpx({"report", test::source_dir() / "tests/data/vp8_opus", "-o", folder / "a/new/folder.html"}).status, 0);
  EXPECT_EQ(rtpx({"report", test::source_dir() / "tests/data/vp8_opus", "-o", folder / "a/new/folder.html/page.html"}).status, 4);
}

TEST(InspectCommand, ReadsRecordingsOfTheRealExWebrtcRecorder) {
  RTPX_NEEDS_CAPTURE(golden, "golden");
  int recordings = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden)) {
    if (entry.path().filename() != "manifest.json") continue;
    // edge_head's packets are too short to tell their codec, so that its track is left out.
    const bool left_out = entry.path().string().find("edge_head") != std::string::npos;
    EXPECT_EQ(rtpx({"inspect", entry.path()}).status, left_out ? 1 : 0) << entry.path();
    ++recordings;
  }
  EXPECT_GE(recordings, 3);
}

}  // namespace
}  // namespace rtpx::test
