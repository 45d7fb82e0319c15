#include "convert/converted.hpp"

#include <gtest/gtest.h>

#include "support/packet_recording.hpp"

namespace rtpx::test {
namespace {

ConvertedFile first_file(const std::filesystem::path& recording, const ConvertOptions& options,
                         bool may_lose) {
  const auto result = convert(recording.string(), options);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  EXPECT_TRUE(may_lose || !result->lost_media) << serialize_result(*result);
  return result->files.begin()->second;
}

}  // namespace

ConvertedFile converted(const std::filesystem::path& recording, const TempDir& out, ConvertOptions options) {
  options.output_path = out.path();
  return first_file(recording, options, true);
}

ConvertedFile converted_track(const TempDir& folder, const Codec& codec, MediaKind kind,
                              const std::vector<std::string>& packets, ConvertOptions options) {
  PacketRecording recording(folder / "call");
  recording.add("track", kind, {codec}, packets);
  options.output_path = folder / "files";
  return first_file(recording.path(), options, false);
}

nlohmann::json report_of(const ConvertedFile& file) {
  return nlohmann::json::parse(read_file(*file.report_location));
}

nlohmann::json track_report(const ConvertedFile& file) {
  return report_of(file)["tracks"][0];
}

}  // namespace rtpx::test
