// Recordings on a real S3 server, read where they lie: what is told is what a local recording tells, and
// little is fetched.
#include <gtest/gtest.h>

#include <stdlib.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "base/crc32c.hpp"
#include "base/file_system.hpp"
#include "play/playlist.hpp"
#include "play/presentation.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/packet_index.hpp"
#include "rtpx/reader.hpp"
#include "rtpx/sealed.hpp"
#include "s3/object_files.hpp"
#include "s3/object_relay.hpp"
#include "s3/server.hpp"
#include "support/packet_recording.hpp"
#include "support/payloader.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::S3Server;
using test::TempDir;

constexpr int kSeconds = 48, kRate = 25, kKeyframeEvery = 50, kPacketsOfFrame = 6;
constexpr std::size_t kPayload = 1100;
constexpr std::int64_t kSecond = 1'000'000'000;

std::string noise(std::size_t bytes) {
  static std::mt19937 random(7);
  std::string out(bytes, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

/// VP8 (RFC 7741) with a keyframe each two seconds, about 8 MB: true headers, noise behind them.
void make_call(const fs::path& folder) {
  test::RtpSource source(96);
  for (int frame = 0; frame < kSeconds * kRate; ++frame)
    for (int packet = 0; packet < kPacketsOfFrame; ++packet) {
      std::string payload(1, packet == 0 ? '\x10' : '\0');
      if (packet == 0 && frame % kKeyframeEvery == 0)
        payload += std::string("\x10\x02\x00\x9d\x01\x2a\x40\x01\xf0\x00", 10);
      else if (packet == 0)
        payload += std::string("\x11\x02\x00", 3);
      payload += noise(kPayload);
      source.add(static_cast<std::uint32_t>(frame * 90'000 / kRate), packet + 1 == kPacketsOfFrame, payload);
    }
  test::PacketRecording recording(folder);
  recording.add("camera", MediaKind::video, {Codec{96, "video/VP8", 90'000, std::nullopt, std::nullopt, {}}},
                source.packets());
}

std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  return bytes;
}

S3TransferOptions transfer(const S3Config& config) {
  S3TransferOptions options;
  options.config = config;
  return options;
}

struct Seen {
  std::int64_t time_ns = 0;
  std::uint32_t data = 0;
  bool operator==(const Seen&) const = default;
};

Result<std::vector<Seen>> frames(const Reader& reader, std::int64_t from_ns, std::int64_t to_ns = INT64_MAX) {
  auto source = reader.frames("camera", {}, from_ns);
  if (!source) return std::unexpected(source.error());
  std::vector<Seen> out;
  MediaFrame frame;
  for (;;) {
    const auto next = source->next(frame);
    if (!next) return std::unexpected(next.error());
    if (*next != Next::frame || frame.time_ns >= to_ns) return out;
    out.push_back({frame.time_ns, crc32c(frame.data)});
  }
}

/// A call, the same stored, and an index key of its own.
class Reading : public testing::Test {
 protected:
  Reading() { ::setenv("RTPX_INDEX_KEY", (dir_ / "index.key").c_str(), 1); }
  ~Reading() override { ::unsetenv("RTPX_INDEX_KEY"); }

  void store(S3Server& server, const fs::path& call) {
    server_ = &server;
    const S3Url bucket{server.make_bucket(), "calls"};
    const auto stored = upload_recording(call, bucket, transfer(server.config()));
    ASSERT_TRUE(stored) << stored.error().message;
    url_ = bucket.text() + "/" + call.filename().string();
  }
  /// With objects that are new at each call, through the relay, which counts.
  [[nodiscard]] std::shared_ptr<Downloader> objects() const {
    return make_s3_downloader(server_->relay_config()).value();
  }
  [[nodiscard]] Result<Reader> open() const {
    ReaderOptions options;
    options.downloader = objects();
    options.download_path = dir_ / "fetched";
    return Reader::open(url_ + "/", options);
  }
  void index(const std::string& copy = {}) {
    MakeIndexOptions options;
    options.downloader = objects();
    options.copy = copy;
    const auto made = make_packet_index(url_, options);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(*made, url_ + "/packets.rtpxp");
  }

  TempDir dir_;
  S3Server* server_ = nullptr;
  std::string url_;
};

TEST_F(Reading, TellsWhatALocalRecordingTellsAndFetchesOnlyWhatIsRead) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  store(*server, dir_ / "call");
  const std::uint64_t size = bytes_in(dir_ / "call");
  ASSERT_GT(size, 7'500'000U);
  const auto local = Reader::open((dir_ / "call").string());
  ASSERT_TRUE(local) << local.error().message;
  const auto all = frames(*local, INT64_MIN);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), static_cast<std::size_t>(kSeconds * kRate));

  server->relay("pass");
  (void)server->received();
  const auto unindexed = open();
  ASSERT_TRUE(unindexed) << unindexed.error().message;
  EXPECT_EQ(frames(*unindexed, INT64_MIN), *all);
  const std::uint64_t without = server->received();
  EXPECT_GT(without, size) << "opening looks at every packet";
  EXPECT_LT(without, size + size / 10) << "what was read last is kept: here all of it";
  EXPECT_LT(server->seen("GET"), 30) << "who reads on gets more with each request";

  index((dir_ / "call").string());
  EXPECT_LT(server->received(), 300'000U) << "the copy on this machine is read, not the objects";

  const auto indexed = open();
  ASSERT_TRUE(indexed) << indexed.error().message;
  EXPECT_EQ(indexed->timeline().duration_ns, local->timeline().duration_ns);
  EXPECT_LT(server->received(), size / 20) << "an index takes the place of the look through the packets";
  const auto part = frames(*indexed, 30 * kSecond, 32 * kSecond);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ(*part, *frames(*local, 30 * kSecond, 32 * kSecond));
  const std::uint64_t fetched = server->received();
  EXPECT_GT(fetched, size * 2 / kSeconds);
  EXPECT_LT(fetched, size / 6) << "two of 48 seconds, and what is read ahead of them";
  EXPECT_EQ(*frames(*indexed, INT64_MIN), *all);
  EXPECT_FALSE(fs::exists(dir_ / "fetched")) << "nothing lies on the disk";
}

TEST_F(Reading, CutsAndPlaylistsAreThoseOfALocalRecording) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  ASSERT_TRUE(make_packet_index((dir_ / "call").string(), {}));
  store(*server, dir_ / "call");
  const auto stored = list_objects(*parse_s3_url(url_), transfer(server->config()));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->size(), 2U) << "the index of the files here is of no use elsewhere";
  index();
  (void)server->received();
  const auto cut = [&](const std::string& recording, const std::string& to) {
    ConvertOptions options;
    options.from = std::chrono::nanoseconds(20 * kSecond);
    options.to = std::chrono::nanoseconds(22 * kSecond);
    options.output_path = dir_ / to;
    options.thumbnails = std::nullopt;
    options.downloader = objects();
    const auto made = convert(recording, options);
    EXPECT_TRUE(made) << made.error().message;
    std::string bytes;
    for (const auto& entry : fs::directory_iterator(dir_ / to))
      if (entry.path().extension() == ".webm") bytes += test::read_file(entry.path());
    EXPECT_GT(bytes.size(), 200'000U);
    return bytes;
  };
  EXPECT_TRUE(cut(url_, "remote") == cut((dir_ / "call").string(), "local"));
  EXPECT_LT(server->received(), bytes_in(dir_ / "call") / 3);

  const auto play = [&](const std::string& recording) {
    Presentation::Options options;
    options.temporary = dir_.path();
    options.downloader = objects();
    const auto opened = Presentation::open(recording, options);
    EXPECT_TRUE(opened) << opened.error().message;
    const auto view = (*opened)->view();
    const Program& program = view->programs.front();
    std::string out = media_playlist(program, program.renditions.front(), {});
    MemorySink bytes;
    auto segment = (*opened)->segment(program.renditions.front().id, 7, Format::webm);
    EXPECT_TRUE(segment && (*segment)->all(bytes));
    return out + std::string(as_text(bytes.bytes()));
  };
  const std::string here = play((dir_ / "call").string());
  (void)server->received();
  EXPECT_TRUE(play(url_) == here);
  EXPECT_LT(server->received(), bytes_in(dir_ / "call") / 6)
      << "the index has the playlists, a segment is a part";
}

TEST_F(Reading, AProcessWithoutNetworkReadsThroughOneThatHasIt) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  store(*server, dir_ / "call");
  index((dir_ / "call").string());
  const auto local = frames(*Reader::open((dir_ / "call").string()), INT64_MIN);
  const auto relay =
      s3::ObjectRelay::begin(std::make_shared<s3::Client>(server->relay_config()), *parse_s3_url(url_ + "/"));
  ASSERT_TRUE(relay) << relay.error().message;
  const auto objects = s3::relayed_downloader((*relay)->descriptor());
  ReaderOptions options;
  options.downloader = objects;
  (void)server->received();
  const auto reader = Reader::open(url_, options);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_LT(server->received(), bytes_in(dir_ / "call") / 20);
  EXPECT_EQ(*frames(*reader, INT64_MIN), *local);

  ConvertOptions whole;
  whole.output_path = dir_ / "remote";
  whole.downloader = objects;
  const auto made = convert(url_, whole);
  ASSERT_TRUE(made) << made.error().message;
  whole.output_path = dir_ / "local";
  ASSERT_TRUE(convert((dir_ / "call").string(), whole));
  for (const auto& entry : fs::directory_iterator(dir_ / "local"))
    if (entry.path().extension() == ".webm")
      EXPECT_TRUE(test::read_file(entry.path()) ==
                  test::read_file(dir_ / "remote" / entry.path().filename()));

  const auto files = objects->objects();
  EXPECT_EQ(files->list(url_)->size(), 3U) << "records, manifest, index";
  const auto absent = files->stat(url_ + "/nothing");
  EXPECT_TRUE(absent && !*absent);
  EXPECT_EQ(files->open(url_ + "/nothing", OpenMode::read).error().code, Errc::not_found);
  for (const std::string& other : {parse_s3_url(url_)->bucket, std::string("elsewhere")})
    EXPECT_EQ(files->stat("s3://" + other + "/another/manifest.json").error().code, Errc::denied);
}

TEST_F(Reading, ARelayAnswersNonsenseByEndingAndItsEndIsAnErrorThatSaysSo) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  store(*server, dir_ / "call");
  const auto client = std::make_shared<s3::Client>(server->relay_config());
  auto relay = s3::ObjectRelay::begin(client, *parse_s3_url(url_ + "/"));
  ASSERT_TRUE(relay);
  const std::string nonsense(400, '\xff');
  ASSERT_EQ(::write((*relay)->descriptor(), nonsense.data(), nonsense.size()),
            static_cast<ssize_t>(nonsense.size()));
  char nothing;
  EXPECT_EQ(::read((*relay)->descriptor(), &nothing, 1), 0) << "it has hung up";

  server->relay("hang");
  auto hangs = s3::ObjectRelay::begin(client, *parse_s3_url(url_ + "/"));
  ASSERT_TRUE(hangs);
  const auto files = s3::relayed_downloader((*hangs)->descriptor())->objects();
  std::jthread asks([&] { EXPECT_EQ(files->stat(url_ + "/manifest.json").error().code, Errc::network); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto began = std::chrono::steady_clock::now();
  (*hangs)->end();
  asks.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20))
      << "it does not wait for a service that hangs";
  server->relay("pass");
}

TEST_F(Reading, AnObjectThatChangesIsAnErrorThatNamesIt) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  store(*server, dir_ / "call");
  index((dir_ / "call").string());
  const auto reader = open();
  ASSERT_TRUE(reader) << reader.error().message;
  ASSERT_TRUE(frames(*reader, 4 * kSecond, 5 * kSecond));
  std::string other = test::read_file(dir_ / "call/camera.rtpx");
  other[other.size() / 2] ^= 1;
  const S3Url object = parse_s3_url(url_ + "/camera.rtpx").value();
  s3::Client client(server->config());
  s3::RetryBudget budget(std::chrono::seconds(10));
  ASSERT_TRUE(client.put(object, other, {budget, {}}));

  const auto read = frames(*reader, 40 * kSecond);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::network);
  EXPECT_NE(read.error().message.find(object.text() + " has changed"), std::string::npos)
      << read.error().message;

  (void)server->received();
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_GT(server->received(), bytes_in(dir_ / "call")) << "the index speaks of another object";

  ASSERT_TRUE(client.remove(object, {budget, {}}));
  const auto without = open();
  ASSERT_TRUE(without) << without.error().message;
  ASSERT_EQ(without->tracks().size(), 1U);
  EXPECT_EQ(without->tracks().front().refused, "There is no " + object.text());
}

TEST_F(Reading, AServiceThatFailsIsAskedAgainAndNothingIsTakenForLost) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  store(*server, dir_ / "call");
  server->relay("pass");
  server->relay("cut camera.rtpx 100000 3");
  const auto reader = open();
  ASSERT_TRUE(reader) << reader.error().message;
  const auto told = frames(*reader, INT64_MIN);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->size(), static_cast<std::size_t>(kSeconds * kRate));
  server->relay("pass");

  server->relay("match camera.rtpx 403 100");  // no credentials any more: not a recording with a loss
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::network);
  EXPECT_NE(refused.error().message.find("camera.rtpx"), std::string::npos) << refused.error().message;
  server->relay("pass");
}

TEST_F(Reading, AnIndexOfAnotherKeyOrCopyIsNone) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  store(*server, dir_ / "call");
  index((dir_ / "call").string());
  const std::uint64_t size = bytes_in(dir_ / "call");
  ::setenv("RTPX_INDEX_KEY", (dir_ / "another.key").c_str(), 1);
  (void)server->received();
  ASSERT_TRUE(open());
  EXPECT_GT(server->received(), size);
  fs::copy(dir_ / "call", dir_ / "other");
  fs::resize_file(dir_ / "other/camera.rtpx", 4'000'000);
  MakeIndexOptions options;
  options.downloader = objects();
  options.copy = (dir_ / "other").string();
  const auto made = make_packet_index(url_, options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::invalid_argument);
}

TEST_F(Reading, ASealedRecordingIsOpenedWhereItLies) {
  RTPX_NEEDS_S3(server);
  make_call(dir_ / "call");
  const auto local = frames(*Reader::open((dir_ / "call").string()), INT64_MIN);
  const auto identity = Identity::generate();
  ASSERT_TRUE(identity);
  const Recipient recipient = identity->recipient();
  for (const char* file : {"camera.rtpx", "manifest.json"})
    ASSERT_TRUE(seal_file(dir_ / "call" / file, {&recipient, 1}));
  store(*server, dir_ / "call");
  const auto closed = open();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::unsupported);
  ReaderOptions options;
  options.downloader = objects();
  options.identities = {identity};
  const auto reader = Reader::open(url_, options);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(*frames(*reader, INT64_MIN), *local);
  MakeIndexOptions index;
  index.downloader = objects();
  EXPECT_FALSE(make_packet_index(url_, index)) << "it would hold packets in plain";
}

TEST(RangeCache, ThreadsThatWantTheSameFetchItOnce) {
  RTPX_NEEDS_S3(server);
  const S3Url object{server->make_bucket(), "folder/noise"};
  const std::string content = noise(3U << 20);
  auto client = std::make_shared<s3::Client>(server->relay_config());
  s3::RetryBudget budget(std::chrono::seconds(10));
  ASSERT_TRUE(client->put(object, content, {budget, {}}));
  s3::ObjectFiles files(client, std::make_shared<s3::RangeCache>(client, std::stop_token()), {});
  server->relay("pass");
  (void)server->received();
  std::vector<std::jthread> readers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i)
    readers.emplace_back([&] {
      const auto file = files.open(object.text(), OpenMode::read);
      if (!file) return;
      std::string got(content.size() + 10, '\0');
      const auto bytes = (*file)->pread(std::as_writable_bytes(std::span(got)), 0);
      right += bytes && *bytes == content.size() && got.starts_with(content);
    });
  readers.clear();
  EXPECT_EQ(right, 4);
  EXPECT_LT(server->received(), content.size() + content.size() / 4);

  const auto file = files.open(object.text(), OpenMode::read);
  ASSERT_TRUE(file);
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    const std::size_t from = random() % content.size(), length = random() % 600'000;
    std::string got(length, '\0');
    const auto bytes = (*file)->pread(std::as_writable_bytes(std::span(got)), from);
    ASSERT_TRUE(bytes) << bytes.error().message;
    got.resize(*bytes);
    ASSERT_TRUE(got == content.substr(from, length)) << from << " " << length;
  }
  EXPECT_EQ(files.open(object.text() + "x", OpenMode::read).error().code, Errc::not_found);
  EXPECT_EQ(files.open(object.text(), OpenMode::append).error().code, Errc::unsupported);
  EXPECT_EQ((*files.stat(object.text()))->size, content.size());
  EXPECT_EQ(files.list("s3://" + object.bucket + "/folder").value().size(), 1U);
}

}  // namespace
}  // namespace rtpx
