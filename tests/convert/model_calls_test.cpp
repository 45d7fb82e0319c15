// Whole calls of combined trouble, recorded and converted, against a model that knows the truth.
// RTPX_SEEDS sets the number of seeds (default 60; `make soak` runs 1,000), RTPX_SEED takes one alone, and
// RTPX_KEEP names a folder for the calls that fail.

#include <gtest/gtest.h>

extern "C" {
#include <libavformat/avformat.h>
}

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "convert/converted.hpp"
#include "convert/recorded_model.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {
namespace {

using nlohmann::json;
using test::Anew;
using test::ModelCall;

struct WrittenFrame {
  int number;
  double ms;  // in the file
};

struct WrittenCall {
  std::vector<WrittenFrame> audio, video;  // those that were put in are left out
};

WrittenCall read_call(const std::filesystem::path& file) {
  WrittenCall out;
  AVFormatContext* input = nullptr;
  if (avformat_open_input(&input, file.c_str(), nullptr, nullptr) < 0) return out;
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(input, packet) >= 0) {
    const AVStream& stream = *input->streams[packet->stream_index];
    const bool audio = stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
    const int number = test::frame_number({packet->data, packet->data + packet->size}, audio);
    // libavformat takes the codec delay off Opus times.
    const double delay = stream.codecpar->codec_id == AV_CODEC_ID_OPUS ? 6.5 : 0;
    const double ms = static_cast<double>(packet->pts) * av_q2d(stream.time_base) * 1e3 + delay;
    if (number >= 0) (audio ? out.audio : out.video).push_back({number, ms});
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&input);
  return out;
}

/// What is wrong with a call, in words; empty: nothing.
class Judge {
 public:
  Judge(const ModelCall& call, const WrittenCall& written, json report)
      : call_(call), written_(written), report_(std::move(report)) {}

  std::string verdict() {
    std::vector<double> off;
    for (const WrittenFrame& frame : written_.video) off.push_back(frame.ms - sent_ms(frame));
    if (off.empty()) return "no picture";
    std::ranges::nth_element(off, off.begin() + static_cast<std::ptrdiff_t>(off.size() / 2));
    zero_ms_ = off[off.size() / 2];
    for (const bool audio : {true, false}) {
      look_for_frames(audio);
      look_at_times(audio);
      look_at_steps(audio);
    }
    return said_;
  }

 private:
  static constexpr double kGridMs = 1;  // of Matroska, and of arrivals

  double sent_ms(const WrittenFrame& frame) const {
    return call_.frames()[static_cast<std::size_t>(frame.number)].sent * 1e3;
  }
  const std::vector<WrittenFrame>& written(bool audio) const {
    return audio ? written_.audio : written_.video;
  }
  void say(bool audio, const std::string& what) { said_ += (audio ? "sound: " : "picture: ") + what + "; "; }

  void look_for_frames(bool audio) {
    std::set<int> there;
    int before = -1;
    for (const WrittenFrame& frame : written(audio)) {
      if (frame.number <= before) say(audio, "frame " + std::to_string(frame.number) + " out of order");
      before = frame.number;
      there.insert(frame.number);
    }
    bool keyframe_came = audio;
    int missing = 0;
    std::string which;
    for (std::size_t i = 0; i < call_.frames().size(); ++i) {
      const ModelCall::Frame& frame = call_.frames()[i];
      if (frame.audio != audio || !call_.whole(i)) continue;
      keyframe_came = keyframe_came || frame.keyframe;
      if (!keyframe_came || there.contains(static_cast<int>(i))) continue;
      if (++missing <= 5) which += " " + std::to_string(frame.sent) + " s";
    }
    if (missing > 0) say(audio, std::to_string(missing) + " whole frames missing:" + which);
  }

  const json& track(bool audio) const {
    for (const json& track : report_["tracks"])
      if ((track["kind"] == "audio") == audio) return track;
    static const json kNone;
    return kNone;
  }

  /// Whether reports place the segment in which the model's lies. What has none may be off by twice as much.
  bool reported(bool audio, double at_ms) const {
    for (const json& segment : track(audio)["segments"])
      if (at_ms >= segment["start_ms"].get<double>() - 100 &&
          at_ms <= segment["end_ms"].get<double>() + 100 && segment["clock_source"] != "sender_reports")
        return false;
    return call_.reported();
  }

  void look_at_times(bool audio) {
    double worst = 0, at = 0;
    for (const WrittenFrame& frame : written(audio)) {
      double off = frame.ms - zero_ms_ - sent_ms(frame);
      if (!reported(audio, frame.ms)) off /= 2;
      if (std::abs(off) > std::abs(worst)) worst = off, at = sent_ms(frame) / 1e3;
    }
    if (std::abs(worst) > 20 + kGridMs)
      say(audio, std::to_string(worst) + " ms off at " + std::to_string(at) + " s");
  }

  /// Where the file's time goes on otherwise than RTP time, the report says so.
  void look_at_steps(bool audio) {
    const auto& frames = written(audio);
    const json& steps = track(audio)["steps"];
    for (std::size_t i = 1; i < frames.size(); ++i) {
      const auto& a = call_.frames()[static_cast<std::size_t>(frames[i - 1].number)];
      const auto& b = call_.frames()[static_cast<std::size_t>(frames[i].number)];
      if (a.segment != b.segment) continue;
      const double rtp_ms = static_cast<double>(b.rtp - a.rtp) * 1e3 / call_.rate(a.segment);
      const double step = frames[i].ms - frames[i - 1].ms - rtp_ms;
      if (std::abs(step) < 20) continue;
      const bool told = std::ranges::any_of(steps, [&](const json& s) {
        const double time = s["time_ms"], length = s["duration_ms"];
        return time > frames[i - 1].ms - 50 && time < frames[i].ms + 50 && std::abs(length - step) < 20;
      });
      if (!told)
        say(audio,
            "a step of " + std::to_string(step) + " ms at " + std::to_string(b.sent) + " s is not told");
    }
  }

  const ModelCall& call_;
  const WrittenCall& written_;
  json report_;
  double zero_ms_ = 0;
  std::string said_;
};

unsigned model_seeds() {
  const char* wanted = std::getenv("RTPX_SEEDS");
  return wanted != nullptr ? static_cast<unsigned>(std::max(1, std::atoi(wanted))) : 60;
}

void try_calls(unsigned from, ModelCall::Options options) {
  const char* only = std::getenv("RTPX_SEED");  // to look at one
  unsigned failed = 0;
  const unsigned seeds = model_seeds();
  for (unsigned i = 0; i < seeds; ++i) {
    const unsigned seed = only != nullptr ? static_cast<unsigned>(std::atoi(only)) : from + i;
    options.rtx = seed % 2 == 0 ? 0.7 : 0;
    const ModelCall call(seed, options);
    const test::TempDir folder;
    const Anew anew = seed % 3 == 0   ? Anew::other_ssrc
                      : seed % 3 == 1 ? Anew::other_numbers
                                      : Anew::same_numbers;
    test::record_model(call, seed, anew, folder / "call");
    ConvertOptions convert_options;
    convert_options.output_path = folder / "out";
    convert_options.format = Format::mkv;
    const auto result = convert((folder / "call").string(), convert_options);
    std::string verdict;
    if (!result) {
      verdict = result.error().message;
    } else {
      const ConvertedFile& file = result->files.at("call");
      verdict = Judge(call, read_call(file.file), test::report_of(file)).verdict();
    }
    if (!verdict.empty()) {
      ++failed;
      ADD_FAILURE() << "seed " << seed << ": " << verdict;
      if (const char* keep = std::getenv("RTPX_KEEP"))
        std::filesystem::copy(folder.path(), std::filesystem::path(keep) / std::to_string(seed),
                              std::filesystem::copy_options::recursive);
    }
    if (only != nullptr) break;
  }
  if (failed > 0) std::printf("%u of %u seeds\n", failed, seeds);
}

constexpr ModelCall::Options kTrouble{.most_parts = 4, .duplicates = 0.01, .outages = 0.3};

TEST(RecordedModelCalls, WithReportsEveryWholeFrameIsThereWithin20Ms) {
  try_calls(20'000, kTrouble);
}

TEST(RecordedModelCalls, WithoutReportsEveryWholeFrameIsThereWithin40Ms) {
  ModelCall::Options options = kTrouble;
  options.reports = false;
  try_calls(30'000, options);
}

}  // namespace
}  // namespace rtpx
