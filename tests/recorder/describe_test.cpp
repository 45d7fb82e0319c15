// Names, labels and metadata of a recording: given at the start, altered at any time, bounded.
#include "rtpx/describe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recorder/started.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;

Recorder::Options options_of(const Description& about) {
  Recorder::Options options;
  options.name = about.name;
  options.labels = about.labels;
  options.metadata = about.metadata;
  return options;
}

TEST(Describe, WhatTheRecorderWasGivenIsReadAgain) {
  const Description about{"Grüße", {"daily", "köln"}, {{"ticket", "RTC-7"}, {"", "empty name"}}};
  Started s(options_of(about));
  const auto folder = s.recorder->folder();
  ASSERT_TRUE(description_of_recording(folder));
  EXPECT_EQ(*description_of_recording(folder), about);
  s.recorder.reset();
  EXPECT_EQ(*description_of_recording(folder), about);
}

TEST(Describe, IsAlteredWhileItRecordsAndStays) {
  Started s(options_of({"before", {"a"}, {}}));
  const auto folder = s.recorder->folder();
  s.add(video("camera"));
  ASSERT_TRUE(change_description(folder, [](Description& about) {
    about.name = "after";
    about.labels.emplace_back("b");
    about.metadata["k"] = "v";
  }));
  ASSERT_TRUE(s.recorder->mark("now"));
  s.recorder.reset();
  EXPECT_EQ(*description_of_recording(folder), (Description{"after", {"a", "b"}, {{"k", "v"}}}));
  const auto info = read_recording_info(real_file_system(), folder);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->facts.marks.size(), 1U);
  EXPECT_TRUE(info->ended_at);
}

TEST(Describe, WhatIsTooMuchIsRefusedAndChangesNothing) {
  Started s(options_of({"name", {}, {}}));
  const auto folder = s.recorder->folder();
  const std::string long_text(4'097, 'x');
  const auto refused = [&](const std::function<void(Description&)>& change) {
    const auto changed = change_description(folder, change);
    return changed ? std::string("taken") : changed.error().message;
  };
  EXPECT_THAT(refused([&](Description& about) { about.name = long_text; }), HasSubstr("4096 bytes"));
  EXPECT_THAT(refused([&](Description& about) { about.labels = {long_text}; }), HasSubstr("A label"));
  EXPECT_THAT(refused([&](Description& about) { about.metadata[long_text] = ""; }), HasSubstr("metadata"));
  EXPECT_THAT(refused([&](Description& about) { about.labels.resize(10'001); }), HasSubstr("10000 labels"));
  EXPECT_EQ(*description_of_recording(folder), (Description{"name", {}, {}}));
  EXPECT_FALSE(Recorder::start(options_of({long_text, {}, {}})));
}

TEST(Describe, OfAFolderWithoutOneNothingIsSaid) {
  const TempDir folder;
  const auto none = description_of_recording(folder / "nothing");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
}

TEST(Describe, ARecordingEndsForTheReasonOfItsTracks) {
  const auto reason_of = [](const std::vector<std::string>& reasons) {
    Started s;
    const auto folder = s.recorder->folder();
    for (std::size_t i = 0; i < reasons.size(); ++i) s.add(video("track" + std::to_string(i)));
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      const std::string id = "track" + std::to_string(i);
      if (!reasons[i].empty()) EXPECT_TRUE(s.recorder->end_tracks({&id, 1}, reasons[i]));
    }
    s.recorder.reset();
    return read_recording_info(real_file_system(), folder)->end_reason;
  };
  EXPECT_EQ(reason_of({"hangup", "hangup"}), "hangup");
  EXPECT_EQ(reason_of({"hangup", "left"}), "recorder_stopped");
  EXPECT_EQ(reason_of({"hangup", ""}), "recorder_stopped");
  EXPECT_EQ(reason_of({}), "recorder_stopped");
}

}  // namespace
}  // namespace rtpx::test
