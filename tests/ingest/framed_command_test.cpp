// `rtpx record --stdin` and `--socket`: framed packets through a real pipe and real connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"
#include "support/run_command.hpp"

namespace rtpx {
namespace {

using Json = nlohmann::json;

std::string integer(std::uint64_t value, std::size_t width) {
  std::string out;
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return out;
}

std::string frame(const std::string& content) { return integer(content.size(), 4) + content; }

std::string packet_frame(std::size_t track, std::uint8_t rid, std::uint64_t arrival_ns, const std::string& packet) {
  return frame("P" + integer(track, 2) + integer(rid, 1) + integer(arrival_ns, 8) + packet);
}

/// Sixteen bytes that begin as RTP does.
std::string small_packet(char fill) { return "\x80" + std::string(15, fill); }

/// One record of a file: its rid index, and the packet; and when it came against the file's first.
struct KeptRecord {
  std::string rid_and_packet;
  std::int64_t after_first_ms = 0;
};

std::vector<KeptRecord> kept_records(const std::filesystem::path& file) {
  std::vector<KeptRecord> out;
  const auto reader = RecordReader::open({file});
  EXPECT_TRUE(reader) << file;
  if (!reader) return out;
  std::optional<std::int64_t> first;
  for (auto record = (*reader)->next(); record && *record; record = (*reader)->next()) {
    const auto& header = (*record)->header;
    if (!first) first = header.receive_time_ms;
    out.push_back({static_cast<char>(header.rid_index) + std::string(as_text((*record)->packet)),
                   header.receive_time_ms - *first});
  }
  return out;
}

std::vector<std::string> packets_of(const std::vector<KeptRecord>& records) {
  std::vector<std::string> out;
  for (const KeptRecord& record : records) out.push_back(record.rid_and_packet);
  return out;
}

/// Runs `rtpx record --stdin` with `input` in its pipe.
struct Recorded {
  int status = -1;
  Json result;
};
Recorded record_stdin(const std::string& input, const std::filesystem::path& out, const std::string& more = "") {
  const std::string result = out.string() + ".json";
  const std::string command =
      "'" + test::rtpx_command() + "' record --stdin --json -o '" + out.string() + "' " + more + " >'" + result + "'";
  std::FILE* const pipe = ::popen(command.c_str(), "w");
  EXPECT_NE(pipe, nullptr);
  EXPECT_EQ(std::fwrite(input.data(), 1, input.size(), pipe), input.size());
  Recorded recorded;
  recorded.status = WEXITSTATUS(::pclose(pipe));
  recorded.result = Json::parse(test::read_file(result), nullptr, false);
  return recorded;
}

const char* const kOneTrack = R"(T[{"id":"a","kind":"audio","streams":["call"]}])";

TEST(FramedInput, TheGoldenPacketsThroughAPipeAreUpstreamsFiles) {
  RTPX_NEEDS_CAPTURE(golden, "golden");
  const test::TempDir folder;
  std::string input = frame("T" + Json{{{"id", "0"}, {"kind", "audio"}},
                                       {{"id", "1"}, {"kind", "video"}},
                                       {{"id", "2"}, {"kind", "video"}, {"rids", {"q", "h", "f"}}}}
                                      .dump());
  const std::string golden_input = test::read_file(golden / "small_input.rtpin");
  ByteReader in(as_bytes(golden_input));
  std::vector<std::vector<std::int64_t>> arrivals(3);
  constexpr std::uint64_t kSenderClock = 5'000'000'000'000'000;  // far from ours
  while (!in.empty()) {
    const std::size_t track = in.u8();
    const std::uint8_t rid = in.u8();
    const std::uint64_t ms = in.u32();
    const std::string packet(as_text(in.take(in.u16())));
    arrivals.at(track).push_back(static_cast<std::int64_t>(ms));
    input += packet_frame(track, rid == 0xFF ? 0 : rid, kSenderClock + ms * 1'000'000, packet);
  }
  const Recorded recorded = record_stdin(input, folder / "call");
  EXPECT_EQ(recorded.status, 0);
  EXPECT_EQ(recorded.result["packets"], 1028);

  std::vector<std::vector<std::string>> ours;
  for (std::size_t track = 0; track < 3; ++track) {
    const auto records = kept_records(folder / ("call/" + std::to_string(track) + ".rtpx"));
    ours.push_back(packets_of(records));
    ASSERT_EQ(records.size(), arrivals[track].size());
    for (std::size_t i = 0; i < records.size(); ++i)  // the clocks' offset is no whole number of milliseconds
      ASSERT_NEAR(static_cast<double>(records[i].after_first_ms),
                  static_cast<double>(arrivals[track][i] - arrivals[track][0]), 1.0);
  }
  std::ranges::sort(ours);
  for (const char* flavour : {"small_head", "small_030", "small_021"}) {
    std::vector<std::vector<std::string>> theirs;
    for (const auto& file : std::filesystem::recursive_directory_iterator(golden / flavour))
      if (file.path().extension() == ".rtpx") theirs.push_back(packets_of(kept_records(file.path())));
    std::ranges::sort(theirs);
    EXPECT_EQ(ours, theirs) << flavour;
  }
}

TEST(FramedInput, WhatIsLeftOutIsCountedAndTheRestRecorded) {
  const test::TempDir folder;
  const std::string packet = small_packet('p');
  const std::string input = frame(kOneTrack) + packet_frame(0, 0, 0, packet) + packet_frame(7, 0, 0, packet) +
                            frame("Z new in a later version") + frame("") + frame("P") + frame("E" + integer(0, 2)) +
                            packet_frame(0, 0, 0, packet) + integer(100, 4) + "cut";
  const Recorded recorded = record_stdin(input, folder / "call");
  EXPECT_EQ(recorded.status, 1);
  EXPECT_EQ(recorded.result["packets"], 1);
  EXPECT_EQ(recorded.result["refused_packets"], 1);  // after its track's end
  EXPECT_EQ(recorded.result["unknown_tracks"], 1);
  EXPECT_EQ(recorded.result["unknown_frames"], 1);
  EXPECT_EQ(recorded.result["malformed_frames"], 2);
  EXPECT_EQ(recorded.result["cut_bytes"], 7);
  EXPECT_EQ(recorded.result["errors"].size(), 0U);
  EXPECT_EQ(read_manifest(folder / "call").value().at("a").end_reason, "ended");
}

TEST(FramedInput, AnImpossibleLengthOrTrackEndsTheInputAndKeepsWhatCame) {
  const test::TempDir folder;
  const std::string begin = frame(kOneTrack) + packet_frame(0, 0, 0, small_packet('p'));
  const Recorded length = record_stdin(begin + "\x7F\xFF\xFF\xFF" + "more", folder / "length");
  EXPECT_EQ(length.status, 1);
  EXPECT_EQ(length.result["packets"], 1);
  EXPECT_THAT(length.result["errors"].at(0)["message"], testing::HasSubstr(std::to_string(begin.size())));
  const Recorded track = record_stdin(begin + frame(kOneTrack), folder / "track");
  EXPECT_EQ(track.status, 1);
  EXPECT_EQ(track.result["errors"].at(0)["code"], "already_exists");
  EXPECT_EQ(record_stdin("", folder / "nothing").status, 3);
  EXPECT_EQ(test::rtpx({"record", "-o", folder / "x"}).status, 2);
  EXPECT_EQ(test::rtpx({"record", "--stdin", "--sdp", "x", "-o", folder / "x"}).status, 2);
}

TEST(FramedInput, ALimitEndsTheRecordingAndSaysSo) {
  const test::TempDir folder;
  std::string input = frame(kOneTrack);
  for (std::uint64_t i = 0; i < 100; ++i) input += packet_frame(0, 0, 1 + i * 100'000'000, small_packet('p'));
  for (const auto& [option, value, packets, limit] :
       {std::tuple("--max-bytes", "165", 10, "max_bytes"), {"--max-duration", "3", 31, "max_duration"}}) {
    const Recorded recorded = record_stdin(input, folder / limit, std::string(option) + " " + value);
    EXPECT_EQ(recorded.status, 0);
    EXPECT_EQ(recorded.result["packets"], packets);
    EXPECT_EQ(recorded.result["limit"], limit);
    EXPECT_EQ(read_manifest(folder / limit).value().at("a").end_reason, limit);
  }
  for (const char* option : {"--idle", "--wait", "--max-bit-rate"})
    EXPECT_EQ(test::rtpx({"record", "--stdin", option, "1", "-o", folder / "x"}).status, 2) << option;
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return connection;
}

TEST(FramedInput, SeveralProgramsRecordThroughOneSocket) {
  const test::TempDir folder;
  const std::string socket = (folder / "in.sock").string();
  test::Child command({test::rtpx_command(), "record", "--socket", socket, "-o", folder / "call"});
  EXPECT_EQ(command.read_line(), "listening at " + socket);
  const int first = connect_to(socket), second = connect_to(socket);
  const auto send = [](int to, const std::string& bytes) {
    for (const char byte : bytes) ASSERT_EQ(::write(to, &byte, 1), 1);  // in the smallest pieces
  };
  send(first, frame(R"(T[{"id":"a","kind":"audio"}])") + packet_frame(0, 0, 0, small_packet('a')));
  send(second, frame(R"(T{"id":"b","kind":"video"})") + packet_frame(0, 0, 0, small_packet('b')) +
                   frame("C" + integer(0, 2) + integer(0, 8) + "12345678"));
  ::close(first);
  send(second, packet_frame(0, 0, 0, small_packet('c')));
  ::close(second);
  EXPECT_EQ(command.wait(), 0);
  EXPECT_THAT(command.read_rest(), testing::HasSubstr("3 packets and 1 RTCP packet recorded"));
  EXPECT_EQ(packets_of(kept_records(folder / "call/a.rtpx")), std::vector{std::string(1, '\0') + small_packet('a')});
  EXPECT_EQ(kept_records(folder / "call/b.rtpx").size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST(FramedInput, ASignalEndsTheRecordingOfAnOpenPipe) {
  const test::TempDir folder;
  const std::string socket = (folder / "in.sock").string();
  test::Child command({test::rtpx_command(), "record", "--socket", socket, "-o", folder / "call"});
  EXPECT_EQ(command.read_line(), "listening at " + socket);
  const int connection = connect_to(socket);
  const std::string bytes = frame(kOneTrack) + packet_frame(0, 0, 0, small_packet('a'));
  ASSERT_EQ(::write(connection, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const auto file = folder / "call/a.rtpx";
  while (!std::filesystem::exists(file) || std::filesystem::file_size(file) == 0) ::usleep(10'000);
  command.signal(SIGTERM);
  EXPECT_EQ(command.wait(), 0);
  EXPECT_EQ(read_manifest(folder / "call").value().at("a").end_reason, "stopped");
  ::close(connection);
}

}  // namespace
}  // namespace rtpx
