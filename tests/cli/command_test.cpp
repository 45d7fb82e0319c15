// The frame of the command: help, version, wrong usage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "rtpx/version.hpp"
#include "support/places.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;

TEST(Command, SaysItsVersion) {
  const auto run = rtpx({"--version"});
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.out, std::string("rtpx ") + version() + "\n");
}

TEST(Command, BeginsWithoutTheLibrariesThatFewCommandsNeed) {
  const auto run = run_program({"ldd", rtpx_command()});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("libstdc++"));
  for (const char* library : {"libavcodec", "libavformat", "libswscale", "libcurl", "libpango", "libcairo"})
    EXPECT_THAT(run.out, testing::Not(HasSubstr(library)));
}

TEST(Command, HelpTeachesByExamples) {
  const auto run = rtpx({"--help"});
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.out, HasSubstr("Examples:"));
  EXPECT_THAT(run.out, HasSubstr("Exit status"));
  for (const char* command : {"import", "inspect", "report", "convert", "verify", "recover", "export"}) {
    EXPECT_THAT(run.out, HasSubstr(command));
    const auto help = rtpx({command, "--help"});
    EXPECT_EQ(help.status, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Examples:")) << command;
    EXPECT_THAT(help.out, HasSubstr(std::string("rtpx ") + command)) << command;
  }
}

TEST(Command, HelpNamesWhatThereIsToChooseInWords) {
  for (const char* command : {"serve", "record", "import", "inspect", "report", "convert", "compose", "package", "frame", "index",
                              "verify", "recover", "export", "upload", "download", "list", "keygen", "rewrap", "open", "worker",
                              "fleet"}) {
    const std::string help = rtpx({command, "--help"}).out;
    EXPECT_THAT(help, HasSubstr("Example")) << command;
    EXPECT_TRUE(std::ranges::all_of(help, [](unsigned char c) { return c == '\n' || (c >= ' ' && c != 0x7F); })) << help;
    EXPECT_THAT(help, testing::Not(testing::AnyOf(HasSubstr("->"), HasSubstr("{false}")))) << command;
  }
}

TEST(Command, WrongUsageIsStatusTwo) {
  EXPECT_EQ(rtpx({}).status, 2);
  EXPECT_EQ(rtpx({"frobnicate"}).status, 2);
  EXPECT_EQ(rtpx({"import"}).status, 2);
  EXPECT_EQ(rtpx({"import", "x", "-o", "y", "--nonsense"}).status, 2);
  EXPECT_EQ(rtpx({"import", "x", "-o", "y", "--map", "96=what"}).status, 2);
  EXPECT_EQ(rtpx({"compose", "x", "--follow", "-o", "y", "--join", "2"}).status, 2);
  const auto following = rtpx({"compose", "x", "--follow", "-o", "y", "--mute", "Bob"});
  EXPECT_EQ(following.status, 2);
  EXPECT_THAT(following.err, HasSubstr("mute"));
  EXPECT_THAT(rtpx({"import"}).err, HasSubstr("CAPTURE"));
  EXPECT_EQ(
      rtpx({"convert", "x", "--format", "avi"}).err,
      "rtpx convert: --format: \"avi\" is none of auto, webm, mkv, mp4, fmp4, ogg, wav, ivf, h264, h265\n"
      "`rtpx convert --help` says how it is used.\n");
}

TEST(Command, AnUnknownCommandIsAnsweredInTwoLinesWithTheOneThatWasMeant) {
  for (const auto& [word, meant] :
       {std::pair("convrt", "convert"), std::pair("verfy", "verify"), std::pair("inpsect", "inspect"),
        std::pair("serv", "serve"), std::pair("dowload", "download")}) {
    const auto run = rtpx({word, "x"});
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.err, "rtpx: there is no command \"" + std::string(word) + "\"; did you mean `rtpx " +
                           meant + "`?\n`rtpx --help` lists them.\n");
  }
  EXPECT_EQ(rtpx({"frobnicate"}).err,
            "rtpx: there is no command \"frobnicate\"\n`rtpx --help` lists them.\n");
}

TEST(Command, AMisspeltOptionIsAnsweredWithTheOneThatWasMeant) {
  const auto run = rtpx({"compose", "call", "--layuot", "grid"});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("did you mean `--layout`?"));
  EXPECT_THAT(rtpx({"--versoin"}).err, HasSubstr("did you mean `--version`?"));
}

TEST(Command, AnEmptyLockOfTheServerIsRefused) {
  for (const char* variable : {"RTPX_TOKEN=", "RTPX_RECIPIENT="}) {
    const auto run = run_program({"env", variable, rtpx_command(), "serve", "--listen", "127.0.0.1:0"});
    EXPECT_EQ(run.status, 2) << variable;
    EXPECT_THAT(run.err, HasSubstr("is empty"));
  }
}

TEST(Command, HelpIsACommandToo) {
  EXPECT_EQ(rtpx({"help"}).out, rtpx({"--help"}).out);
  EXPECT_EQ(rtpx({"help"}).status, 0);
  EXPECT_EQ(rtpx({"help", "convert"}).out, rtpx({"convert", "--help"}).out);
}

TEST(Command, AReportGoesToStandardOutput) {
  const auto recording = test::source_dir() / "tests/data/vp8_opus";
  const auto run = rtpx({"report", recording, "-o", "-"});
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.out, testing::StartsWith("<!doctype html>"));
  EXPECT_THAT(run.out, HasSubstr("</html>"));
}

}  // namespace
}  // namespace rtpx::test
