// The files of the upload queue and of downloads: what is read names plain files, and reads the same again.
#include <string_view>

#include "require.hpp"
#include "s3/download.hpp"
#include "s3/names.hpp"
#include "s3/queue_file.hpp"

using namespace rtpx::s3;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto task = parse_task(text)) {
    for (const std::string& file : task->files) require(check_plain_name(file).has_value());
    require(check_bucket_name(task->bucket) && check_key(task->base_path));
    const std::string written = serialize_task(*task);
    const auto again = parse_task(written);
    require(again.has_value() && serialize_task(*again) == written);
  }
  if (const auto state = parse_object_state(text)) {
    require(check_plain_name(state->file).has_value());
    for (const auto& [number, part] : state->parts)
      require(number >= 1 && number <= static_cast<int>(kMostParts));
    const std::string written = serialize_object_state(*state);
    const auto again = parse_object_state(written);
    require(again.has_value() && serialize_object_state(*again) == written);
  }
  if (const auto arrived = parse_arrived(text))
    for (const std::uint64_t range : arrived->ranges) require(range * arrived->range_bytes <= arrived->bytes);
  return 0;
}
