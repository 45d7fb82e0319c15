// Calls that were encrypted end to end, with their keys: each frame is what the sender's encoder made, as a
// tap around the real worker hashed it (captures/e2ee, TRUTH.md and truth.tsv).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "base/sha256.hpp"
#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "frames/opened_frames.hpp"
#include "packets/packet_cursor.hpp"
#include "packets/scanned_recording.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::test {
namespace {

using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

std::string hash_of(Bytes bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : sha256(bytes)) {
    out += kHex[u8(byte) >> 4];
    out += kHex[u8(byte) & 15];
  }
  return out.substr(0, 32);
}

struct Truth {
  std::string plain, sent;
};
using Truths = std::map<std::pair<std::uint32_t, std::uint32_t>, Truth>;

Truths truths_of(const std::filesystem::path& call) {
  std::ifstream in(call / "truth.tsv");
  std::string line;
  std::getline(in, line);
  Truths out;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::uint32_t ssrc = 0, timestamp = 0;
    std::string type, plain_bytes, plain, sent_bytes, sent;
    fields >> ssrc >> timestamp >> type >> plain_bytes >> plain >> sent_bytes >> sent;
    out[{ssrc, timestamp}] = {plain, sent};
  }
  return out;
}

/// Compares each frame, before and after the keys, with what the sender's tap saw.
class Checked final : public FrameTransform {
 public:
  Checked(OpenedFrames& opened, const Truths& truths) : opened_(opened), truths_(truths) {}
  std::uint32_t ssrc = 0;
  std::uint64_t same = 0, differ = 0, refused = 0;

  Outcome transform(std::int64_t timestamp, std::vector<std::byte>& frame) override {
    const auto truth = truths_.find({ssrc, static_cast<std::uint32_t>(timestamp)});
    const bool sent = truth != truths_.end() && hash_of(frame) == truth->second.sent;
    const Outcome outcome = opened_.transform(timestamp, frame);
    if (outcome == Outcome::refused)
      ++refused;
    else
      ++(sent && hash_of(frame) == truth->second.plain ? same : differ);
    return outcome;
  }

 private:
  OpenedFrames& opened_;
  const Truths& truths_;
};

std::shared_ptr<const E2eeKeys> keys_of(const std::filesystem::path& call) {
  auto keys = E2eeKeys::load(call / "keys.json");
  EXPECT_TRUE(keys) << keys.error().message;
  return keys ? *keys : nullptr;
}

struct Call {
  const char* name;
  std::vector<std::uint64_t>
      frames;  ///< of each track, sorted: those that TRUTH.md calls equal to the sender's
};
void PrintTo(const Call& of, std::ostream* out) {
  *out << of.name;
}

class Decrypted : public testing::TestWithParam<Call> {};

TEST_P(Decrypted, EveryFrameIsByForByteWhatTheSendersEncoderMade) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto call = folder / GetParam().name;
  const Truths truths = truths_of(call);
  TempDir scratch;
  auto recording = find_recording((call / "recording").string(), scratch.path(), nullptr);
  ASSERT_TRUE(recording);
  SpillFile spill(scratch.path());
  const auto scanned = scan_recording(*recording, spill, {}, {});
  ASSERT_TRUE(scanned);
  std::vector<std::uint64_t> same;
  for (const PlacedLayer& layer : scanned->layers) {
    FrameLog log;
    OpenedFrames opened(keys_of(call), layer, log);
    Checked checked(opened, truths);
    DepacketizerOptions options;
    options.transform = &checked;
    const Codec* codec = layer.track->types->codec(*layer.layer->first_media_type);
    const auto depacketizer = make_depacketizer(
        *codec, options, [](const Frame&) {}, [](const Dropped&) {});
    ASSERT_TRUE(depacketizer);
    auto cursor = PacketCursor::open(*layer.track, *layer.layer, spill);
    ASSERT_TRUE(cursor);
    while (true) {
      const auto packet = (*cursor)->next();
      ASSERT_TRUE(packet);
      if (*packet == nullptr) break;
      const OrderedPacket& at = **packet;
      const bool media = at.media.role == PayloadRole::media;
      checked.ssrc = at.packet.ssrc;
      opened.expect(at.segment, hint_format(codec->mime_type));
      std::vector<std::byte> payload(at.media.payload.begin(), at.media.payload.end());
      if (layer.track->files.track.kind == MediaKind::audio) {
        if (media) (void)checked.transform(at.timestamp, payload);
      } else {
        (*depacketizer)
            ->push({at.sequence, at.timestamp, at.packet.marker, media ? Bytes(payload) : Bytes{}, {}});
      }
    }
    (*depacketizer)->flush();
    EXPECT_EQ(checked.differ, 0U) << layer.track->files.track_id;
    EXPECT_EQ(checked.refused, 0U) << layer.track->files.track_id;
    same.push_back(checked.same);
  }
  std::ranges::sort(same);
  EXPECT_EQ(same, GetParam().frames);
}

INSTANTIATE_TEST_SUITE_P(Captures, Decrypted,
                         testing::Values(Call{"lk_vp8", {281, 503}}, Call{"lk_h264", {291, 503}},
                                         Call{"lk_vp9", {278, 505}}, Call{"lk_two_h264", {134, 249, 447}},
                                         Call{"lk_ratchet_vp8", {228, 501}},
                                         Call{"lk_toggle_vp8", {187, 522}}, Call{"lk_red_vp8", {207, 405}},
                                         Call{"jf_vp8", {241, 503}}),
                         [](const auto& call) { return call.param.name; });

class ConvertedWithKeys : public testing::TestWithParam<Call> {};

TEST_P(ConvertedWithKeys, TheCallPlaysAndItsReportTellsWhichKeyOpenedIt) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto call = folder / GetParam().name;
  TempDir out;
  const auto result =
      convert((call / "recording").string(),
              {.output_path = out.path(), .gaps = GapPolicy::keep, .e2ee_keys = keys_of(call)});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->lost_media);
  std::vector<std::uint64_t> packets;
  std::uint64_t decrypted = 0, plain = 0;
  for (const auto& [id, file] : result->files) {
    EXPECT_THAT(decode_errors(file.location), Not(testing::ContainsRegex("[Ee]rror|[Ii]nvalid")));
    for (const auto& stream : probe(file.location).streams) {
      packets.push_back(static_cast<std::uint64_t>(stream.packets));
      EXPECT_EQ(stream.width > 0, stream.kind == "video");
    }
    const auto report = report_of(file);
    for (const auto& track : report["tracks"])
      for (const auto& span : track["encryption"]) {
        const bool opened = span["state"] == "decrypted";
        (opened ? decrypted : plain) += span["frames"].get<std::uint64_t>();
        EXPECT_TRUE(opened || span["state"] == "plain") << span;
        EXPECT_THAT(span.value("key", ""), testing::AnyOf(opened ? "shared" : "", "alice", "bob"));
        EXPECT_EQ(track["segments"][0]["clock_rate"], track["segments"][0]["negotiated_rate"]);
      }
  }
  std::ranges::sort(packets);
  EXPECT_EQ(packets, GetParam().frames);
  std::uint64_t all = 0;
  for (const std::uint64_t frames : GetParam().frames) all += frames;
  EXPECT_EQ(decrypted + plain, all);
  EXPECT_EQ(plain, std::string(GetParam().name) == "lk_toggle_vp8" ? 433U : 0U);  // TRUTH: 94 and 339
}

INSTANTIATE_TEST_SUITE_P(Captures, ConvertedWithKeys,
                         testing::Values(Call{"lk_vp8", {281, 503}}, Call{"lk_h264", {291, 503}},
                                         Call{"lk_vp9", {278, 505}}, Call{"lk_two_h264", {134, 249, 447}},
                                         Call{"lk_ratchet_vp8", {228, 501}},
                                         Call{"lk_toggle_vp8", {187, 522}}, Call{"lk_red_vp8", {207, 405}},
                                         Call{"jf_vp8", {241, 503}}, Call{"sf_vp8", {192, 403}}),
                         [](const auto& call) { return call.param.name; });

TEST(WithKeys, RatchetsAreToldByHowMany) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto call = folder / "lk_ratchet_vp8";
  const auto report = inspect_recording((call / "recording").string(), {.e2ee_keys = keys_of(call)});
  ASSERT_TRUE(report);
  for (const TrackReport& track : report->tracks) {
    std::vector<std::uint64_t> frames;
    for (const ReportEncryption& span : track.encryption) {
      EXPECT_EQ(span.ratchets, frames.size());
      frames.push_back(span.frames);
    }
    EXPECT_EQ(frames, track.kind == MediaKind::video ? (std::vector<std::uint64_t>{86, 69, 73})
                                                     : (std::vector<std::uint64_t>{205, 148, 148}));
  }
}

TEST(WithKeys, WrongOnesGiveNothingAndSaySo) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  for (const char* name : {"lk_vp8", "lk_h264", "lk_vp9", "lk_two_h264", "lk_red_vp8", "jf_vp8", "sf_vp8"}) {
    const auto recording = (folder / name / "recording").string();
    const auto keys = E2eeKeys::parse(R"({"keys": [{"name": "mine", "passphrase": "wrong"}]})");
    ASSERT_TRUE(keys);
    TempDir out;
    const auto result = convert(recording, {.output_path = out.path(), .e2ee_keys = *keys});
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, Errc::nothing_to_convert);
    EXPECT_THAT(result.error().message, HasSubstr("none of the keys given fits"));
    EXPECT_EQ(entries(out.path()), 0U);
    const auto report = inspect_recording(recording, {.e2ee_keys = *keys});
    ASSERT_TRUE(report);
    for (const TrackReport& track : report->tracks) {
      EXPECT_EQ(track.frames, 0U);
      EXPECT_EQ(track.width, 0);
      EXPECT_TRUE(track.changes.empty());
      for (const ReportEncryption& span : track.encryption) EXPECT_EQ(span.state, "wrong_key") << name;
    }
  }
}

TEST(WithKeys, OneParticipantsKeyOpensHisTracksAlone) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto recording = (folder / "lk_two_h264" / "recording").string();
  const auto keys = E2eeKeys::parse(
      R"({"format": "livekit", "keys": [{"name": "bob", "index": 0, "passphrase": "bob key one"}]})");
  ASSERT_TRUE(keys);
  TempDir out;
  const auto result = convert(recording, {.output_path = out.path(), .e2ee_keys = *keys});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->lost_media);
  ASSERT_EQ(result->files.size(), 1U);
  const auto probed = probe(result->files.begin()->second.location);
  EXPECT_EQ(probed.packets("video"), 134);
  EXPECT_EQ(probed.packets("audio"), 0);
}

TEST(WithKeys, WhatWasSentPlainIsLeftOutWhereThatIsAskedFor) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto recording = (folder / "lk_toggle_vp8" / "recording").string();
  const auto keys = E2eeKeys::parse(
      R"({"plain_ok": false, "keys": [{"index": 0, "passphrase": "correct horse battery staple"}]})");
  ASSERT_TRUE(keys);
  const auto report = inspect_recording(recording, {.e2ee_keys = *keys});
  ASSERT_TRUE(report);
  for (const TrackReport& track : report->tracks)
    EXPECT_EQ(track.frames, track.kind == MediaKind::audio ? 183U : 0U);  // no keyframe was encrypted
}

TEST(WithoutKeys, NoPlainRecordingIsCalledEncrypted) {
  RTPX_NEEDS_CAPTURE(folder, "");
  std::size_t recordings = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().filename() != "manifest.json" ||
        entry.path().string().find("/e2ee/") != std::string::npos)
      continue;
    TempDir scratch;
    auto recording = find_recording(entry.path().parent_path().string(), scratch.path(), nullptr);
    if (!recording) continue;
    SpillFile spill(scratch.path());
    const auto scanned = scan_recording(*recording, spill, {}, {});
    if (!scanned) continue;
    ++recordings;
    for (const PlacedLayer& layer : scanned->layers)
      EXPECT_TRUE(layer.layer->encrypted.empty()) << entry.path() << " " << layer.track->files.track_id;
  }
  EXPECT_GT(recordings, 30U);
}

}  // namespace
}  // namespace rtpx::test
