// Telephone events of senders whose RTP time stands still over them: each press at its time, the sound too.
#include <gtest/gtest.h>

#include <cmath>

#include "rtpx/inspect.hpp"
#include "support/captures.hpp"
#include "support/packet_recording.hpp"

namespace rtpx {
namespace {

struct PressedKeys {
  bool same_key = true, stands = true, marker = true;
  int between = 0;    ///< packets of sound after each press
  int silent_ms = 0;  ///< after each press, before the sound goes on
};

struct TrueKey {
  int key;
  double ms;
};

void append(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

/// G.711 with ten presses of 160 ms (RFC 4733), recorded as a phone sends it.
class PhoneCall {
 public:
  PhoneCall(const std::filesystem::path& folder, const PressedKeys& keys) : keys_(keys) {
    speak(150);
    for (int i = 0; i < 10; ++i) {
      press(keys.same_key ? 5 : i);
      now_ += keys.silent_ms;
      speak(keys.between);
    }
    speak(200);
    test::PacketRecording recording(folder);
    recording.add("phone", MediaKind::audio,
                  {{.payload_type = 0, .mime_type = "audio/PCMU", .clock_rate = 8000, .channels = 1},
                   {.payload_type = 101, .mime_type = "audio/telephone-event", .clock_rate = 8000}},
                  packets_, {}, arrivals_);
  }
  [[nodiscard]] const std::vector<TrueKey>& pressed() const { return pressed_; }
  [[nodiscard]] double end_ms() const { return now_; }

 private:
  void send(int type, bool marker, const std::string& payload) {
    std::string packet;
    append(packet, 0x80, 1);
    append(packet, static_cast<std::uint64_t>(type | (marker ? 0x80 : 0)), 1);
    append(packet, number_++, 2);
    append(packet, time_, 4);
    append(packet, 0xD1, 4);
    packets_.push_back(packet + payload);
    arrivals_.push_back(1'000'000 + std::llround(now_));
  }
  void speak(int count) {
    for (int i = 0; i < count; ++i) {
      send(0, false, std::string(160, '\x55'));
      time_ += 160;
      now_ += 20;
    }
  }
  void press(int key) {
    pressed_.push_back({key, now_});
    for (int k = 0; k < 10; ++k) {
      std::string event;
      append(event, static_cast<std::uint64_t>(key), 1);
      append(event, k >= 7 ? 0x8A : 0x0A, 1);
      append(event, static_cast<std::uint64_t>(160 * std::min(k + 1, 8)), 2);
      send(101, k == 0 && keys_.marker, event);
      if (k < 8) now_ += 20;
    }
    if (!keys_.stands) time_ += 8 * 160;
  }

  PressedKeys keys_;
  std::vector<std::string> packets_;
  std::vector<std::int64_t> arrivals_;
  std::vector<TrueKey> pressed_;
  std::uint16_t number_ = 65'400;
  std::uint32_t time_ = 4'294'900'000U;
  double now_ = 0;
};

TEST(Digits, EachPressHasItsTimeWhetherTheClockStandsOverItOrNot) {
  for (const bool same_key : {false, true})
    for (const bool stands : {false, true})
      for (const bool marker : {true, false})
        for (const int between : {0, 1, 2, 5, 50})
          for (const int silent_ms : {0, 60}) {
            if (!stands && silent_ms > 0) continue;  // then RTP time would not go on by it
            SCOPED_TRACE(testing::Message() << (same_key ? "same key" : "ten keys")
                                            << (stands ? ", stands" : "") << (marker ? "" : ", no marker")
                                            << ", " << between << " between, " << silent_ms << " ms silent");
            const test::TempDir folder;
            const PhoneCall call(folder / "call", {same_key, stands, marker, between, silent_ms});
            const auto report = inspect_recording((folder / "call").string());
            ASSERT_TRUE(report) << report.error().message;
            const TrackReport& track = report->tracks.at(0);
            EXPECT_EQ(track.lost.after_repair, 0U);
            EXPECT_EQ(track.unknown_packets, 0U);
            EXPECT_NEAR(track.end_ms, call.end_ms() - 20, 30);
            ASSERT_EQ(track.digits.size(), 10U);
            for (std::size_t i = 0; i < 10; ++i) {
              EXPECT_EQ(track.digits[i].event, call.pressed()[i].key) << i;
              EXPECT_NEAR(track.digits[i].time_ms, call.pressed()[i].ms, 40) << i;
              EXPECT_NEAR(track.digits[i].duration_ms, 160, 1) << i;
            }
          }
}

}  // namespace
}  // namespace rtpx
