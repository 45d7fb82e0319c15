// A program in C++20 with all warnings that uses rtpx.hpp. usage: consumer WORK-FOLDER RECORDING
#include <cstdio>
#include <cstdlib>

#include "rtpx/rtpx.hpp"

namespace api = rtpx::api;

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);      \
      std::exit(1);                                                                       \
    }                                                                                     \
  } while (0)

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// The interface of std::expected, as its page of the standard has it.
void use_results() {
  using Number = rtpx::Expected<int, std::string>;
  const auto half = [](int n) -> Number {
    if (n % 2 != 0) return rtpx::Unexpected<std::string>("odd");
    return n / 2;
  };
  CHECK(half(4).and_then(half) == 1);
  CHECK(half(6).and_then(half).error() == "odd");
  CHECK(half(8).transform([](int n) { return std::string(static_cast<std::size_t>(n), 'x'); }).value() == "xxxx");
  CHECK(half(3).transform([](int n) { return n; }).error() == "odd");
  CHECK(half(3).or_else([](const std::string&) -> Number { return 7; }) == 7);
  CHECK(half(3).value_or(9) == 9 && half(4).value_or(9) == 2);
  CHECK(half(2) && !half(3) && half(3) == half(5) && !(half(3) == half(2)));
  bool thrown = false;
  try {
    (void)half(3).value();
  } catch (const std::bad_variant_access&) {
    thrown = true;
  }
  CHECK(thrown);
  rtpx::Expected<std::unique_ptr<int>, std::string> owner = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = *std::move(owner);
  CHECK(*taken == 5);
  rtpx::Expected<void, std::string> done;
  CHECK(done && done.transform([] { return 3; }) == 3);
  done = rtpx::Unexpected<std::string>("not");
  CHECK(!done && done.error() == "not" && done.and_then([] { return Number(1); }).error() == "not");
  rtpx::Expected<std::string, std::string> text = "a literal";
  text.emplace(3U, 'y');
  CHECK(*text == "yyy" && text->size() == 3);
}

void record(const std::string& folder) {
  api::Recorder::Options options;
  options.folder = folder.c_str();
  auto recorder = api::Recorder::start(options);
  CHECK(recorder);
  CHECK(!api::Recorder::start(options));
  CHECK(has(recorder->add_tracks(R"([{"id":"a","kind":"audio"}])").value(), "\"a\":{"));
  CHECK(recorder->add_tracks("[").error().code == RTPX_ERROR_MALFORMED);
  CHECK(recorder->track("b").error().name == "not_found");
  auto track = recorder->track("a");
  CHECK(track);
  const std::vector<std::byte> packet(20, std::byte{0x80});
  for (int i = 0; i < 10; ++i) CHECK(track->record(packet) == RTPX_ACCEPTED);
  CHECK(track->record_rtcp(packet) == RTPX_ACCEPTED);
  CHECK(track->record(packet, 3) == RTPX_UNKNOWN_RID);
  CHECK(recorder->flush());
  CHECK(recorder->stats().packets == 10 && recorder->event_fd() >= 0);
  (void)recorder->next_event();
  CHECK(has(recorder->folder(), folder) && has(recorder->manifest(), "\"a\":{"));
  const std::vector<std::string> ids{"a"};
  const auto ended = recorder->end_tracks(ids);
  CHECK(ended && has(ended->manifest, "\"packets\":10") && ended->upload_ref == 0);
  CHECK(recorder->end_tracks(ids).error().code == RTPX_ERROR_TRACKS_NOT_FOUND);
}

void convert(const std::string& recording, const std::string& output) {
  api::ConvertOptions options;
  options.output_path = output.c_str();
  int told = 0;
  const auto result = api::convert(recording, options, [&](double fraction, double, std::string_view what) {
    ++told;
    return fraction > 1 || what.empty();
  });
  CHECK(result && told > 0);
  const auto begin = result->find("\"location\":\"") + 12;
  auto pictures = api::Pictures::open(result->substr(begin, result->find('"', begin) - begin));
  CHECK(pictures);
  const auto first = pictures->next();
  CHECK(first && *first != nullptr && (*first)->width > 0 && (*first)->rgb != nullptr);
  CHECK(pictures->seek(0));
  CHECK(api::convert(recording, options, [](double, double, std::string_view) { return true; }).error().code ==
        RTPX_ERROR_CANCELLED);
  CHECK(api::inspect(recording) && api::read_manifest(recording) && !api::inspect("/nowhere"));
}

void read(const std::string& recording) {
  auto reader = api::Reader::open(recording);
  CHECK(reader && has(reader->tracks().value(), "video/VP8"));
  CHECK(api::Reader::open("/nowhere").error().code == RTPX_ERROR_NOT_FOUND);
  auto frames = reader->frames("audio_0");
  int count = 0;
  for (; frames->next() == RTPX_NEXT_FRAME; ++count) CHECK(!frames->data().empty());
  CHECK(count == 1518);  // packets that the recorder counted
  CHECK(frames->seek(1'000'000'000).value() <= 1'000'000'000);
  std::int64_t keyframe_ns = -1;
  CHECK(reader->keyframe_before("video_1", "", INT64_MAX, keyframe_ns) == true && keyframe_ns >= 0);
  CHECK(reader->frames("video_1", "no such rid").error().code == RTPX_ERROR_NOT_FOUND);
  CHECK(reader->refresh() == false && reader->wait(1) == false);
  auto pictures = reader->pictures("video_1", "", keyframe_ns);
  CHECK(pictures && (*pictures->next())->time_ns == keyframe_ns);
  CHECK(api::compose({&recording, 1}, {}).error().code == RTPX_ERROR_INVALID_ARGUMENT);

  const auto identity = api::Identity::generate();
  const auto again = api::Identity::parse(identity->text().value());
  CHECK(again && again->recipient() == identity->recipient() && again->get() != nullptr);
  CHECK(api::Identity::load("/nowhere").error().code == RTPX_ERROR_NOT_FOUND);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc > 2);
  use_results();
  const std::string work = argv[1];
  record(work + "/cxx-call");
  convert(argv[2], work + "/cxx-videos");
  read(argv[2]);
  std::puts("ok");
}
