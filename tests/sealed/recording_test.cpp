// Whole recordings that are sealed: they read as plain ones do, damage is named, and nobody is locked out by a rewrap.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtpx/verify.hpp"
#include "sealed/recorded.hpp"
#include "storage/recording_file.hpp"
#include "support/damage.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::record_call;
using test::records;
using test::TempDir;
using test::write_file;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

struct SealedRecording : testing::Test {
  TempDir dir;
  std::shared_ptr<const Identity> alice = Identity::generate(), bob = Identity::generate();
  fs::path call = dir / "call";

  std::map<std::string, std::string> files_of(const fs::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(folder)) out[entry.path().filename()] = read_file(entry.path());
    return out;
  }
};

TEST_F(SealedRecording, OpenedItsPacketsAreThoseOfAPlainOne) {
  record_call(call, {alice->recipient()}, 1);
  record_call(dir / "plain", {}, 1);
  const auto opened = open_sealed(call, dir / "opened", {alice});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(opened->whole());
  for (const char* name : {"camera.rtpx", "screen.rtpx", "camera.rtcpx"})
    EXPECT_EQ(read_file(dir / "opened" / name), read_file(dir / "plain" / name)) << name;
  const auto info = read_recording_info(real_file_system(), dir / "opened");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, "a name that nobody should see");
  EXPECT_EQ(info->key, "a key that nobody should see");
  EXPECT_EQ(info->facts.participants.size(), 1U);
  EXPECT_TRUE(info->unknown_keys.empty());
  Manifest theirs = read_manifest(dir / "opened").value(), ours = read_manifest(dir / "plain").value();
  ASSERT_EQ(theirs.size(), ours.size());
  for (auto& [id, track] : theirs) {
    EXPECT_EQ(track.packets, ours.at(id).packets);
    EXPECT_EQ(track.rid_map, ours.at(id).rid_map);
    EXPECT_EQ(fs::path(track.location).filename(), fs::path(ours.at(id).location).filename());
  }
  EXPECT_EQ(files_of(dir / "opened").size(), files_of(dir / "plain").size());
  EXPECT_EQ(verify(dir / "opened")->exit_code(), 0);
}

TEST_F(SealedRecording, WithoutAKeyItTellsNothingOfPeopleAndMedia) {
  record_call(call, {alice->recipient()}, 1);
  for (const auto& [name, bytes] : files_of(call)) {
    EXPECT_THAT(bytes, Not(HasSubstr("Alice"))) << name;
    EXPECT_THAT(bytes, Not(HasSubstr("nobody should see"))) << name;
    EXPECT_THAT(bytes, Not(HasSubstr("video/VP8"))) << name;
  }
  const auto info = read_recording_info(real_file_system(), call);
  ASSERT_TRUE(info) << "its state is readable";
  EXPECT_TRUE(info->ended_at);
  EXPECT_TRUE(info->name.empty());
  const auto manifest = read_manifest(call);
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().code, Errc::unsupported);
  EXPECT_THAT(manifest.error().message, HasSubstr("--identity"));
}

TEST_F(SealedRecording, StateThatOthersKeepInItStays) {
  record_call(call, {alice->recipient()}, 1);
  ASSERT_TRUE(change_recording_info(real_file_system(), call, [](RecordingInfo& info) { info.conversion = "{\"a\":1}"; }));
  ASSERT_TRUE(open_sealed(call, dir / "opened", {alice}));
  const auto info = read_recording_info(real_file_system(), dir / "opened");
  EXPECT_EQ(info->conversion, "{\"a\":1}");
  EXPECT_EQ(info->name, "a name that nobody should see");
}

TEST_F(SealedRecording, VerifiedWithAndWithoutAKey) {
  record_call(call, {alice->recipient()}, 1);
  const auto without = verify(call);
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_TRUE(without->sealed);
  EXPECT_EQ(without->exit_code(), 0) << (without->problems.empty() ? "" : without->problems.front());
  EXPECT_EQ(without->files.size(), 3U);
  const auto with = verify(call, {.identities = {alice}});
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_FALSE(with->sealed);
  EXPECT_EQ(with->exit_code(), 0);
  const auto wrong = verify(call, {.identities = {bob}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::unsupported);
}

TEST_F(SealedRecording, WhereItsEndWasCutOffIsSeenWithAndWithoutAKey) {
  record_call(call, {alice->recipient()}, 1);
  const std::string bytes = read_file(call / "camera.rtpx");
  std::size_t last = 0;  // the last data block
  for (std::size_t at = bytes.find("RXSB"), before = 0; at != std::string::npos; at = bytes.find("RXSB", at + 1)) {
    last = before;
    before = at;
  }
  write_file(call / "camera.rtpx", bytes.substr(0, last));
  for (const Identities& identities : {Identities(), Identities{alice}}) {
    const auto report = verify(call, {.identities = identities});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->exit_code(), 1) << identities.size();
  }
}

// What damage may do to a sealed recording, it may do to a plain one: some of it is lost, and said to be.
TEST_F(SealedRecording, DamageIsNamedAndNeverYieldsPacketsThatWereNotRecorded) {
  record_call(call, {alice->recipient()}, 3);
  ASSERT_TRUE(open_sealed(call, dir / "healthy", {alice}));
  const auto healthy = files_of(call), plain = files_of(dir / "healthy");
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const TempDir scratch;
    const fs::path copy = scratch / "call";
    fs::create_directory(copy);
    for (const auto& [name, bytes] : healthy)
      write_file(copy / name, name != "recording.json" && random() % 2 == 0 ? test::damage(bytes, random).bytes : bytes);
    for (const Identities& identities : {Identities(), Identities{alice}}) {
      const auto report = verify(copy, {.identities = identities});
      if (!report) continue;  // a header that is gone may look like that of a file for others
      if (report->exit_code() == 0) {
        const auto opened = open_sealed(copy, scratch / ("a" + std::to_string(identities.size())), {alice});
        ASSERT_TRUE(opened) << opened.error().message;
        for (const auto& [name, bytes] : plain)
          if (name.ends_with(".rtpx")) {
            EXPECT_EQ(read_file(scratch / ("a" + std::to_string(identities.size())) / name), bytes)
                << name << ": nothing was said, so nothing is missing; key: " << identities.size();
          }
      }
    }
    const auto opened = open_sealed(copy, scratch / "opened", {alice});
    if (!opened) continue;
    for (const auto& [name, bytes] : plain) {
      if (!name.ends_with(".rtpx")) continue;
      const std::string there = read_file(scratch / "opened" / name);
      if (there.starts_with("RTPXSEAL") || there.find("RXSB") != std::string::npos) continue;  // header and copy gone
      for (std::size_t i = 0; i < there.size(); ++i)
        ASSERT_TRUE(i < bytes.size() && (there[i] == bytes[i] || there[i] == '\0')) << name << " " << i;
    }
  }
}

TEST_F(SealedRecording, RewrapLetsOthersInAndOut) {
  record_call(call, {alice->recipient()}, 1);
  ASSERT_TRUE(open_sealed(call, dir / "before", {alice}));
  const auto sealed = files_of(call);
  const Recipient a = alice->recipient(), b = bob->recipient();
  EXPECT_FALSE(rewrap(call, {bob}, {&b, 1}, {})) << "who cannot open it lets nobody in";
  EXPECT_FALSE(rewrap(call, {}, {}, {&a, 1})) << "nobody would be left";
  EXPECT_EQ(files_of(call), sealed) << "and nothing was changed";
  ASSERT_TRUE(rewrap(call, {alice}, {&b, 1}, {}));
  for (const auto& who : {alice, bob}) {
    TempDir scratch;
    ASSERT_TRUE(open_sealed(call, scratch / "opened", {who}));
    EXPECT_EQ(files_of(scratch / "opened"), files_of(dir / "before"));
  }
  for (const auto& [name, bytes] : files_of(call))
    if (name != "recording.json") {
      EXPECT_EQ(bytes.size(), sealed.at(name).size()) << "media were not rewritten";
    }
  ASSERT_TRUE(rewrap(call, {}, {}, {&a, 1}));
  EXPECT_FALSE(open_sealed(call, dir / "no", {alice}));
  ASSERT_TRUE(open_sealed(call, dir / "after", {bob}));
  EXPECT_EQ(files_of(dir / "after"), files_of(dir / "before"));
  EXPECT_THAT(recipients_of(call).value(), testing::ElementsAre(b));
  EXPECT_EQ(rewrap(call, {}, {}, {&a, 1}).error().code, Errc::not_found);
}

TEST_F(SealedRecording, AFailedOpenLeavesNothing) {
  record_call(call, {alice->recipient()}, 1);
  EXPECT_FALSE(open_sealed(call, dir / "opened", {bob}));
  EXPECT_FALSE(fs::exists(dir / "opened"));
}

}  // namespace
}  // namespace rtpx
