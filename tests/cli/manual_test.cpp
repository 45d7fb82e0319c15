// Man pages, completions, and the list of recordings: what is made from the command's own definitions and folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/places.hpp"
#include "support/run_command.hpp"
#include "support/tools.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

constexpr const char* kCommands[] = {"record", "serve",  "import",  "inspect", "report", "convert",  "frame", "package",
                                     "compose", "verify", "recover", "export",  "upload", "download", "list", "index"};

/// What a shell prints.
std::string shell(const std::string& command) {
  std::string out;
  FILE* const pipe = ::popen(("bash -c '" + command + "' 2>&1").c_str(), "r");
  char piece[4096];
  for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, pipe)) > 0;) out.append(piece, got);
  ::pclose(pipe);
  return out;
}

class MadeHelp : public testing::Test {
 protected:
  MadeHelp() {
    fs::create_directories(folder_);
    EXPECT_EQ(rtpx({"help", "--write", folder_}).status, 0);
  }
  ~MadeHelp() override { fs::remove_all(folder_); }
  const fs::path folder_ = fs::temp_directory_path() / ("rtpx-help-" + std::to_string(::getpid()));
};

TEST_F(MadeHelp, EachCommandHasAManPageWithAllOfItsOptions) {
  EXPECT_TRUE(fs::exists(folder_ / "man/man1/rtpx.1"));
  for (const std::string command : kCommands) {
    const auto page = rtpx({"help", "--man", command});
    EXPECT_EQ(page.status, 0);
    EXPECT_THAT(page.out, testing::StartsWith(".TH RTPX-")) << command;
    EXPECT_THAT(page.out, HasSubstr(".SH EXAMPLES")) << command;
    const std::string help = rtpx({command, "--help"}).out;
    for (std::size_t at = 0; (at = help.find("\n  --", at)) != help.npos;) {
      const std::size_t from = at + 3, end = help.find_first_of(" ,=[{\n", from + 2);
      std::string name = help.substr(from, end - from);
      for (std::size_t hyphen = 0; (hyphen = name.find('-', hyphen)) != name.npos; hyphen += 2) name.insert(hyphen, "\\");
      EXPECT_THAT(page.out, HasSubstr(name)) << command;
      at = end;
    }
  }
}

TEST_F(MadeHelp, ManPagesAreGoodRoff) {
  if (std::system("command -v groff >/dev/null") != 0) GTEST_SKIP() << "needs groff";
  for (const auto& page : fs::directory_iterator(folder_ / "man/man1"))
    EXPECT_THAT(shell("groff -Kutf8 -man -Tutf8 -ww -z " + page.path().string()), IsEmpty()) << page.path();
}

TEST_F(MadeHelp, BashCompletesCommandsOptionsAndChoices) {
  const std::string script = folder_ / "bash-completion/completions/rtpx";
  const auto complete = [&](const std::string& words, int at) {
    return shell("source " + script + "; compopt() { :; }; COMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(at) +
                 "; _rtpx; printf \"%s\\n\" \"${COMPREPLY[@]}\"");
  };
  EXPECT_EQ(complete("rtpx conv", 1), "convert\n");
  EXPECT_EQ(complete("rtpx help ver", 2), "verify\n");
  EXPECT_EQ(complete("rtpx convert --reorder", 2), "--reorder-buffer-size\n");
  EXPECT_THAT(complete("rtpx convert x --incomplete \"\"", 4), HasSubstr("freeze\n"));
  EXPECT_THAT(complete("rtpx serve --log-level d", 3), "debug\n");
  EXPECT_THAT(complete("rtpx serve --conv", 2), Not(HasSubstr("--sprites")));
}

TEST_F(MadeHelp, ScriptsOfOtherShellsAreOnesOfTheirs) {
  const std::string zsh = folder_ / "zsh/site-functions/_rtpx", fish = folder_ / "fish/vendor_completions.d/rtpx.fish";
  if (std::system("command -v zsh >/dev/null") == 0) {
    EXPECT_THAT(shell("zsh -n " + zsh), IsEmpty());
  }
  if (std::system("command -v fish >/dev/null") == 0) {
    EXPECT_THAT(shell("fish -n " + fish), IsEmpty());
  }
  EXPECT_THAT(shell("bash -n " + (folder_ / "bash-completion/completions/rtpx").string()), IsEmpty());
}

TEST(Help, WhatItCannotMakeItSays) {
  EXPECT_EQ(rtpx({"help", "--man", "nothing"}).status, 2);
  EXPECT_EQ(rtpx({"help", "--completion", "tcsh"}).status, 2);
  EXPECT_EQ(rtpx({"help", "--write", "/proc/none"}).status, 4);
}

class ListedFolder : public testing::Test {
 protected:
  ListedFolder() {
    for (const char* name : {"b", "a"}) {
      fs::create_directories(folder_ / name);
      fs::copy(source_dir() / "tests/data/h264_l1t3", folder_ / name, fs::copy_options::recursive);
    }
    fs::create_directory(folder_ / "no recording");
    fs::create_directory(folder_ / ".hidden");
  }
  ~ListedFolder() override { fs::remove_all(folder_); }
  const fs::path folder_ = fs::temp_directory_path() / ("rtpx-list-" + std::to_string(::getpid()));
};

TEST_F(ListedFolder, ShowsWhenAnImportedCallWas) {
  ASSERT_EQ(rtpx({"export", test::source_dir() / "tests/data/vp8_opus", "-o", folder_ / "call.pcap"}).status, 0);
  ASSERT_EQ(rtpx({"import", folder_ / "call.pcap", "-o", folder_ / "imported"}).status, 0);
  const auto listed = nlohmann::json::parse(rtpx({"list", folder_ / "imported", "--json"}).out).at(0);
  const auto inspected = nlohmann::json::parse(rtpx({"inspect", folder_ / "imported", "--json"}).out);
  EXPECT_EQ(listed.at("created").get<std::string>().substr(0, 16), inspected.at("started").get<std::string>().substr(0, 16));
  EXPECT_THAT(rtpx({"list", folder_ / "imported"}).out, HasSubstr("30."));
}

TEST_F(ListedFolder, ShowsItsRecordings) {
  auto info = nlohmann::json::parse(std::ifstream(folder_ / "a/recording.json"));
  info["name"] = "a name";
  info["labels"] = {"x", "y"};
  info["metadata"] = {{"k", "v"}};
  std::ofstream(folder_ / "a/recording.json") << info;
  const auto run = rtpx({"list", folder_, "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto listed = nlohmann::json::parse(run.out);
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0]["folder"], (folder_ / "a").string());
  EXPECT_EQ(listed[0]["name"], "a name");
  EXPECT_EQ(listed[0]["labels"], nlohmann::json({"x", "y"}));
  EXPECT_EQ(listed[0]["metadata"]["k"], "v");
  EXPECT_EQ(listed[0]["created"], info["created"]);
  EXPECT_EQ(listed[0]["tracks"][0]["codec"], "video/H264");
  EXPECT_GT(listed[0]["bytes"], 1000);
  const auto text = rtpx({"list", folder_});
  EXPECT_THAT(text.out, HasSubstr("a name"));
  EXPECT_THAT(text.out, Not(HasSubstr("no recording")));
  EXPECT_THAT(rtpx({"list", folder_ / "a"}).out, HasSubstr("a name"));
}

TEST_F(ListedFolder, SaysWhatItCannotRead) {
  std::ofstream(folder_ / "a/manifest.json") << "{";
  const auto run = rtpx({"list", folder_, "--json"});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.err, HasSubstr("a/manifest.json"));
  EXPECT_EQ(nlohmann::json::parse(run.out).size(), 1U);
  EXPECT_EQ(rtpx({"list", folder_ / "nothing"}).status, 3);
}

}  // namespace
}  // namespace rtpx::test
