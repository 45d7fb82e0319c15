// Films that follow recordings under way: how many, how long, and what stays of them.
#include "server/work/live_films.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/captures.hpp"
#include "support/fault_file_system.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::write_file;

/// The server's program is a script that writes a film's first files and goes on until it is told to end.
class FilmsOfRecordings : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"call", "other"}) {
      fs::create_directories(base_ / name);
      write_file(base_ / name / "manifest.json", "{}");
    }
    options_.command = folder_ / "program";
    options_.base_dir = base_;
    options_.min_free_bytes = 1'000;
    options_.max_live_films = 1;
    program(
        "trap 'exit 0' TERM\n"
        "printf '#EXTM3U\\n#EXT-X-PLAYLIST-TYPE:EVENT\\nsound-1.m4s\\n' > sound.m3u8; echo one > sound-1.m4s\n"
        "echo '{\"written_ms\": 2000, \"waiting_ms\": 500, \"fps\": 15}' >&3\n"
        "while :; do sleep 0.02; done");
  }
  void program(const std::string& script) {
    write_file(options_.command, "#!/bin/sh\n" + script + "\n");
    fs::permissions(options_.command, fs::perms::owner_all);
  }
  static std::string state_of(const LiveFilms& films, const std::string& id = "call") {
    const auto state = films.state(id);
    return state ? state->state : "none";
  }
  static bool becomes(const LiveFilms& films, const std::string& state) {
    for (int i = 0; i < 3'000 && state_of(films) != state; ++i) std::this_thread::sleep_for(10ms);
    return state_of(films) == state;
  }
  /// Folders of films in the base folder.
  [[nodiscard]] std::size_t folders() const { return test::entries(base_) - 2; }

  test::TempDir folder_;
  const fs::path base_ = folder_ / "recordings";
  ServeOptions options_;
  Library library_{base_};
  LiveFilms::OnChanged nobody_ = [](const std::string&) {};
};

TEST_F(FilmsOfRecordings, AreOneForEachAndLimitedForTheServer) {
  LiveFilms films(options_, library_, nobody_);
  EXPECT_EQ(films.begin("nobody", {}).error().code, Errc::not_found);
  ASSERT_TRUE(films.begin("call", {}));
  EXPECT_EQ(films.begin("call", {}).error().code, Errc::already_exists);
  EXPECT_EQ(films.begin("other", {}).error().code, Errc::denied);
  EXPECT_EQ(state_of(films, "other"), "none");
  ASSERT_TRUE(becomes(films, "running"));
  EXPECT_EQ(films.state("call")->written_ms, 2'000);
  EXPECT_EQ(films.state("call")->fps, 15);
  ASSERT_TRUE(films.end("call"));
  ASSERT_TRUE(becomes(films, "ended"));
  EXPECT_EQ(films.state("call")->error, "");
  EXPECT_EQ(films.end("call").error().code, Errc::not_found);
  EXPECT_TRUE(films.begin("other", {}));
}

TEST_F(FilmsOfRecordings, GiveWhatPlayersAskForAndNothingElse) {
  LiveFilms films(options_, library_, nobody_);
  ASSERT_TRUE(films.begin("call", {}));
  ASSERT_TRUE(becomes(films, "running"));
  EXPECT_THAT(films.playlist("call", "sound.m3u8").value_or(""), testing::EndsWith("sound-1.m4s\n"));
  EXPECT_NE(films.segment("call", "sound-1.m4s"), nullptr);
  for (const char* name : {"result.json", "sound-2.m4s", "../call/manifest.json", ".m4s", "", "/etc/passwd.mp4"})
    EXPECT_EQ(films.segment("call", name), nullptr) << name;
  EXPECT_EQ(films.segment("other", "sound-1.m4s"), nullptr);
  // The child did not say itself that the film is over.
  ASSERT_TRUE(films.end("call"));
  ASSERT_TRUE(becomes(films, "ended"));
  EXPECT_THAT(films.playlist("call", "sound.m3u8").value_or(""), testing::EndsWith("sound-1.m4s\n#EXT-X-ENDLIST\n"));
}

TEST_F(FilmsOfRecordings, EndWhenNobodyWatchesAndAreGoneAWhileLater) {
  LiveFilms films(options_, library_, nobody_, {.unwatched = 300ms, .kept = 300ms, .look = 10ms});
  ASSERT_TRUE(films.begin("call", {}));
  ASSERT_TRUE(becomes(films, "ended"));
  EXPECT_EQ(films.state("call")->error, "Nobody watched it any more.");
  EXPECT_EQ(folders(), 1U);
  ASSERT_TRUE(becomes(films, "none"));
  for (int i = 0; i < 1'000 && folders() > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(folders(), 0U);
}

TEST_F(FilmsOfRecordings, EndWhereTheDiskIsNearlyFull) {
  test::FaultFileSystem disk;
  LiveFilms films(options_, library_, nobody_, {.look = 10ms}, disk);
  ASSERT_TRUE(films.begin("call", {}));
  ASSERT_TRUE(becomes(films, "running"));
  disk.set_capacity(1);
  ASSERT_TRUE(becomes(films, "ended"));
  EXPECT_EQ(films.state("call")->error, "The disk is nearly full.");
  EXPECT_EQ(films.begin("call", {}).error().code, Errc::no_space);
}

TEST_F(FilmsOfRecordings, GoWithTheirRecordingsAndWithTheServer) {
  fs::create_directories(base_ / ".film-old");
  {
    LiveFilms films(options_, library_, nobody_);
    EXPECT_EQ(folders(), 0U) << "what a server that was killed has left";
    ASSERT_TRUE(films.begin("call", {}));
    ASSERT_TRUE(becomes(films, "running"));
    films.forget("call");
    EXPECT_EQ(state_of(films), "none");
    for (int i = 0; i < 1'000 && folders() > 0; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(folders(), 0U);
    ASSERT_TRUE(films.begin("call", {}));
    ASSERT_TRUE(becomes(films, "running"));
  }
  EXPECT_EQ(folders(), 0U);
}

TEST_F(FilmsOfRecordings, SayWhyTheyFailed) {
  program("echo 'rtpx compose: the encoder is missing' >&2; exit 4");
  LiveFilms films(options_, library_, nobody_);
  ASSERT_TRUE(films.begin("call", {}));
  ASSERT_TRUE(becomes(films, "failed"));
  EXPECT_EQ(films.state("call")->error, "the encoder is missing");
  EXPECT_TRUE(films.begin("call", {})) << "one that failed can be begun anew";
}

}  // namespace
}  // namespace rtpx::server
