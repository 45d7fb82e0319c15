// A program in C++20 that links the static libraries. usage: consumer RECORDING
#include "all_headers.hpp"

#include <cstdio>
#include <cstdlib>

static_assert(__cplusplus == 202002L);

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);      \
      std::exit(1);                                                                       \
    }                                                                                     \
  } while (0)

namespace {

namespace fs = std::filesystem;

// Results with values, without, and with what can only be moved.
void record(const fs::path& folder) {
  rtpx::Recorder::Options options;
  options.folder = folder;
  options.event_sink = [](const rtpx::Event&) {};
  auto recorder = rtpx::Recorder::start(options);
  CHECK(recorder.has_value());
  CHECK(!rtpx::Recorder::start(options));
  rtpx::MediaStreamTrack audio;
  audio.id = "a";
  audio.kind = rtpx::MediaKind::audio;
  const auto manifest = (*recorder)->add_tracks({&audio, 1});
  CHECK(manifest && manifest->contains("a"));
  CHECK((*recorder)->track("b").error().code == rtpx::Errc::not_found);
  CHECK(!(*recorder)->track("b").error().message.empty());
  auto track = (*recorder)->track("a");
  CHECK(track);
  const std::vector<std::byte> packet(20, std::byte{0x80});
  CHECK(track->record(0, packet) == rtpx::Outcome::accepted);
  const auto bytes = (*recorder)->flush().transform([&] { return (*recorder)->stats().packets; });
  CHECK(bytes == 1U);
  recorder->reset();
  CHECK(rtpx::read_manifest(folder)->at("a").kind == rtpx::MediaKind::audio);
}

// A callback that answers a Result crosses the border as well.
void open_identity() {
  const auto locked = rtpx::Identity::generate()->text("open sesame");
  CHECK(locked);
  bool asked = false;
  const auto ask = [&](const std::string&) -> rtpx::Result<std::string> {
    asked = true;
    return std::string("open sesame");
  };
  CHECK(rtpx::Identity::parse(*locked, "it", ask) && asked);
  const auto refuse = [](const std::string&) -> rtpx::Result<std::string> {
    return rtpx::fail(rtpx::Errc::denied, "nobody knows it");
  };
  CHECK(rtpx::Identity::parse(*locked, "it", refuse).error().message == "nobody knows it");
}

void read(const std::string& recording) {
  const auto keyframe = rtpx::Reader::open(recording).and_then(
      [](const rtpx::Reader& reader) { return reader.keyframe_before("video_1", {}, INT64_MAX); });
  CHECK(keyframe && keyframe->has_value());
  auto reader = rtpx::Reader::open(recording);
  CHECK(reader);
  auto frames = reader->frames("video_1");
  rtpx::MediaFrame frame;
  int count = 0;
  while (*frames->next(frame) == rtpx::Next::frame) ++count;
  CHECK(count >= 548 && count <= 555);  // Chromium has counted 548 when it was asked, shortly before the end
  CHECK(reader->frames("nobody").error().code == rtpx::Errc::not_found);
}

void convert(const std::string& recording, const fs::path& output) {
  rtpx::ConvertOptions options;
  options.output_path = output;
  options.format = rtpx::Format::mkv;
  const auto result = rtpx::convert(recording, options);
  CHECK(result && result->files.size() == 1 && fs::is_regular_file(result->files.begin()->second.file));
  CHECK(!rtpx::convert("/nowhere", options));
  const auto report = rtpx::inspect_recording(recording).transform(
      [](const rtpx::RecordingReport& found) { return rtpx::serialize_report(found); });
  CHECK(report && report->find("video_1") != std::string::npos);
  CHECK(rtpx::plan_composition({recording}, {}).has_value());
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  std::string work = (fs::temp_directory_path() / "rtpx-cxx20-XXXXXX").string();
  CHECK(::mkdtemp(work.data()) != nullptr);
  record(fs::path(work) / "call");
  open_identity();
  read(argv[1]);
  convert(argv[1], fs::path(work) / "videos");
  fs::remove_all(work);
  std::puts("ok");
}
