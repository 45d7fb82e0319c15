// Sealed recordings on the command line: keygen, import --recipient, everything that reads with --identity, rewrap, open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "ingest/capture_builder.hpp"
#include "support/captures.hpp"
#include "support/places.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out[fs::relative(entry.path(), folder)] = read_file(entry.path());
  return out;
}

class SealedCommand : public testing::Test {
 protected:
  void SetUp() override {
    const auto made = rtpx({"keygen", "-o", alice(), "--no-passphrase"});
    ASSERT_EQ(made.status, 0) << made.err;
    recipient_ = first_line(made.out);
    std::string file = pcap_head(101);
    for (unsigned i = 0; i < 200; ++i)
      file += pcap_record(
          ipv4(udp(Rtp{.payload_type = 0, .sequence = i, .payload = std::string(160, static_cast<char>('a' + i % 26))}
                       .bytes())),
          1000 + i * 20);
    write_file(folder_ / "call.pcap", file);
    ASSERT_EQ(rtpx({"import", folder_ / "call.pcap", "-o", folder_ / "plain"}).status, 0);
    const auto imported = rtpx({"import", folder_ / "call.pcap", "-o", call(), "--recipient", recipient_});
    ASSERT_EQ(imported.status, 0) << imported.err;
  }
  [[nodiscard]] std::string alice() const { return folder_ / "alice.identity"; }
  [[nodiscard]] std::string call() const { return folder_ / "call"; }

  TempDir folder_;
  std::string recipient_;
};

TEST_F(SealedCommand, AnIdentityFileIsItsOwnersAloneAndNeverOverwritten) {
  struct stat info {};
  ASSERT_EQ(::stat(alice().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(rtpx({"keygen", "-o", alice(), "--no-passphrase"}).status, 2);
  EXPECT_EQ(first_line(rtpx({"keygen", "--public-of", alice()}).out), recipient_);
}

TEST_F(SealedCommand, WithoutAnIdentityOneSentenceSaysForWhomItIsSealed) {
  const std::string output = folder_ / "out";
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"inspect", call()},
                                             {"report", call(), "-o", output},
                                             {"convert", call(), "-o", output},
                                             {"frame", call(), "--at", "0", "-o", output + ".jpg"},
                                             {"package", call(), "-o", output},
                                             {"compose", call(), "-o", output + ".webm"},
                                             {"recover", call()},
                                             {"export", call(), "-o", output + ".pcap"},
                                             {"open", call(), "-o", output + "2"}}) {
    const auto run = rtpx(command);
    EXPECT_EQ(run.status, 3) << command[0] << ": " << run.err;
    EXPECT_THAT(run.err, HasSubstr("is sealed for " + recipient_)) << command[0];
    EXPECT_THAT(run.err, HasSubstr("--identity")) << command[0];
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << command[0] << ": " << run.err;
  }
}

TEST_F(SealedCommand, WithItEverythingIsAsOfThePlainRecording) {
  const auto inspected = rtpx({"inspect", call(), "--identity", alice(), "--json"});
  ASSERT_EQ(inspected.status, 0) << inspected.err;
  json sealed = json::parse(inspected.out), plain = json::parse(rtpx({"inspect", folder_ / "plain", "--json"}).out);
  sealed.erase("recording");
  plain.erase("recording");
  EXPECT_EQ(sealed, plain);
  const auto converted = rtpx({"convert", call(), "--identity", alice(), "-o", folder_ / "a", "--no-reports"});
  ASSERT_EQ(converted.status, 0) << converted.err;
  ASSERT_EQ(rtpx({"convert", folder_ / "plain", "-o", folder_ / "b", "--no-reports"}).status, 0);
  EXPECT_EQ(files_below(folder_ / "a"), files_below(folder_ / "b"));
  const auto exported = rtpx({"export", call(), "--identity", alice(), "-o", folder_ / "a.pcap"});
  ASSERT_EQ(exported.status, 0) << exported.err;
  ASSERT_EQ(rtpx({"export", folder_ / "plain", "-o", folder_ / "b.pcap"}).status, 0);
  EXPECT_EQ(read_file(folder_ / "a.pcap"), read_file(folder_ / "b.pcap"));
  EXPECT_EQ(rtpx({"verify", call(), "--identity", alice()}).status, 0);
  EXPECT_EQ(rtpx({"recover", call(), "--identity", alice()}).status, 0);
  const auto without = rtpx({"verify", call()});
  EXPECT_EQ(without.status, 0) << without.out;
  EXPECT_THAT(without.out, HasSubstr("All blocks are there and in order"));
}

TEST_F(SealedCommand, OpenGivesThePlainFilesBackByteForByte) {
  const auto opened = rtpx({"open", call(), "--identity", alice(), "-o", folder_ / "opened"});
  ASSERT_EQ(opened.status, 0) << opened.err;
  const auto ours = files_below(folder_ / "opened");
  auto theirs = files_below(folder_ / "plain");
  ASSERT_EQ(ours.size(), theirs.size());
  for (const auto& [name, bytes] : theirs)
    if (name.ends_with("rtpx") || name.ends_with("rtcpx")) {
      EXPECT_EQ(ours.at(name), bytes) << name;
    }
  const json manifest = json::parse(ours.at("manifest.json")), other = json::parse(theirs.at("manifest.json"));
  for (const auto& [id, track] : other.items())
    for (const auto& [key, value] : track.items())
      if (key != "location" && key != "start_time" && key != "ended_at" && key != "index_location") {
        EXPECT_EQ(manifest[id][key], value) << key;
      }
}

// A recording that was ended has an end block in each file.
TEST_F(SealedCommand, OpenTellsAFileWhoseEndWasCutOff) {
  for (const auto& entry : fs::directory_iterator(call()))
    if (entry.path().extension() == ".rtpx") fs::resize_file(entry.path(), entry.file_size() - 2304);  // end block, header, its size, RTPXSEND
  const auto opened = rtpx({"open", call(), "--identity", alice(), "-o", folder_ / "opened", "--json"});
  EXPECT_EQ(opened.status, 1) << opened.out << opened.err;
  EXPECT_EQ(json::parse(opened.out)["whole"], false);
  EXPECT_THAT(opened.out, HasSubstr("no end block"));
}

TEST_F(SealedCommand, IsListedWithAnIdentity) {
  const auto listed = rtpx({"list", call(), "--identity", alice(), "--json"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  EXPECT_EQ(json::parse(listed.out).at(0).at("tracks").size(), 1U);
  EXPECT_NE(rtpx({"list", call()}).status, 0);
}

TEST_F(SealedCommand, VerifyTellsAMissingManifestWithoutAKey) {
  std::filesystem::remove(std::filesystem::path(call()) / "manifest.json");
  const auto verified = rtpx({"verify", call()});
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.out, HasSubstr("manifest.json is missing"));
}

TEST_F(SealedCommand, RewrapLetsASecondIdentityIn) {
  const auto bob = rtpx({"keygen", "-o", folder_ / "bob.identity", "--no-passphrase"});
  write_file(folder_ / "bob.pub", bob.out);
  EXPECT_EQ(rtpx({"inspect", call(), "--identity", folder_ / "bob.identity"}).status, 3);
  const auto added = rtpx({"rewrap", call(), "--add", "@" + (folder_ / "bob.pub").string(), "--identity", alice()});
  ASSERT_EQ(added.status, 0) << added.err;
  EXPECT_EQ(rtpx({"inspect", call(), "--identity", folder_ / "bob.identity"}).status, 0);
  ASSERT_EQ(rtpx({"rewrap", call(), "--remove", recipient_}).status, 0);
  EXPECT_EQ(rtpx({"inspect", call(), "--identity", alice()}).status, 3);
  EXPECT_EQ(rtpx({"rewrap", call(), "--list"}).out, bob.out);
}

TEST_F(SealedCommand, PicturesOfSealedOutputsAreSealedToo) {
  ASSERT_EQ(rtpx({"export", source_dir() / "tests/data/vp8_opus", "-o", folder_ / "pictures.pcap"}).status, 0);
  const auto imported =
      rtpx({"import", folder_ / "pictures.pcap", "-o", folder_ / "pictures", "--recipient", recipient_});
  ASSERT_EQ(imported.status, 0) << imported.err;
  const fs::path out = folder_ / "out";
  const auto converted = rtpx({"convert", folder_ / "pictures", "--identity", alice(), "-o", out, "--seal-output",
                               "--thumbnail", "--sprites", "4"});
  const auto sealed = files_below(out);
  EXPECT_GE(sealed.size(), 5U) << "file, report, thumbnail, pictures for scrubbing and where they are: " << converted.err;
  for (const auto& [name, bytes] : sealed) EXPECT_TRUE(bytes.starts_with("RTPXSEAL")) << name;
}

TEST_F(SealedCommand, OutputsAreSealedWhereThatIsAskedFor) {
  const fs::path out = folder_ / "out";
  const auto converted = rtpx({"convert", call(), "--identity", alice(), "-o", out, "--seal-output"});
  ASSERT_EQ(converted.status, 0) << converted.err;
  ASSERT_EQ(rtpx({"convert", folder_ / "plain", "-o", folder_ / "b"}).status, 0);
  const auto sealed = files_below(out);
  ASSERT_GE(sealed.size(), 2U) << "a file and its report";
  for (const auto& [name, bytes] : sealed) EXPECT_TRUE(bytes.starts_with("RTPXSEAL")) << name;
  for (const auto& [name, bytes] : files_below(folder_ / "b")) {
    if (name.ends_with(".json")) continue;
    ASSERT_EQ(rtpx({"open", out / name, "--identity", alice(), "-o", folder_ / ("o" + name)}).status, 0);
    EXPECT_EQ(read_file(folder_ / ("o" + name) / name), bytes);
  }
}

TEST_F(SealedCommand, APassphraseComesFromADescriptorNeverFromAnArgument) {
  const fs::path secret = folder_ / "passphrase";
  write_file(secret, "correct horse\n");
  const std::string locked = folder_ / "locked.identity";
  const auto with_passphrase = [&](const std::string& command) {
    return run_program({"sh", "-c", "exec " + rtpx_command() + " " + command + " --passphrase-fd 7 7<" + secret.string()});
  };
  const auto made = with_passphrase("keygen -o " + locked);
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(read_file(locked), HasSubstr("RTPXLOCKED1"));
  const std::string second = folder_ / "second";
  ASSERT_EQ(rtpx({"import", folder_ / "call.pcap", "-o", second, "--recipient", first_line(made.out)}).status, 0);
  EXPECT_EQ(with_passphrase("inspect " + second + " --identity " + locked).status, 0);
  write_file(secret, "wrong\n");
  const auto wrong = with_passphrase("inspect " + second + " --identity " + locked);
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("not the passphrase"));
}

TEST_F(SealedCommand, AnIdentityComesFromADescriptorToo) {
  const auto run = run_program(
      {"sh", "-c", "exec " + rtpx_command() + " inspect " + call() + " --identity-fd 9 9<" + alice()});
  EXPECT_EQ(run.status, 0) << run.err;
}

TEST_F(SealedCommand, ASecretIsRefusedAsARecipient) {
  const auto run = rtpx({"import", folder_ / "call.pcap", "-o", folder_ / "x", "--recipient", "@" + alice()});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("secret"));
  EXPECT_FALSE(fs::exists(folder_ / "x"));
}

// A second implementation, in Python, reads what this one wrote.
TEST_F(SealedCommand, AnotherReaderOpensItsFiles) {
  ASSERT_EQ(rtpx({"open", call(), "--identity", alice(), "-o", folder_ / "opened"}).status, 0);
  const std::string reader = source_dir() / "tests/sealed/unseal.py";
  for (const auto& [name, bytes] : files_below(folder_ / "opened")) {
    if (name == "recording.json") continue;
    const auto theirs = run_program({"python3", reader, alice(), call() + "/" + name});
    ASSERT_EQ(theirs.status, 0) << name << ": " << theirs.err;
    EXPECT_EQ(theirs.out, bytes) << name;
    EXPECT_EQ(theirs.err, "") << "it is complete";
  }
}

}  // namespace
}  // namespace rtpx::test
