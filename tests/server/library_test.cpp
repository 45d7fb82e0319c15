#include "server/library/library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "recorder/started.hpp"

namespace rtpx::server {
namespace {

// Whoever records it: a session of this server, one that went on in another folder, another process.
TEST(Library, DeletesNoRecordingThatIsBeingWritten) {
  test::Started s;
  s.add(test::video("camera"));
  const auto folder = s.recorder->folder();
  const Library library(folder.parent_path());
  const std::string id = folder.filename();
  const auto refused = library.remove(id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::already_exists);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("is being written"));
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  s.end("camera");
  s.recorder.reset();
  EXPECT_TRUE(std::filesystem::exists(folder / "camera.rtpx"));
  EXPECT_TRUE(library.remove(id));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace rtpx::server
