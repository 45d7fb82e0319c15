// manifest.json and recording.json: what is read is written so that it reads the same again; salvage finds
// tracks only.
#include <string>

#include "recover/manifest_salvage.hpp"
#include "require.hpp"
#include "rtpx/manifest.hpp"
#include "storage/recording_file.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = parse_manifest(text)) {
    const std::string written = serialize_manifest(*manifest);
    require(written.find('\n') == std::string::npos);
    const auto again = parse_manifest(written);
    require(again.has_value() && again->size() == manifest->size());
    require(serialize_manifest(*again) == written);
  }
  if (const auto info = parse_recording_info(text)) {
    const std::string written = serialize_recording_info(*info);
    const auto again = parse_recording_info(written);
    require(again.has_value() && serialize_recording_info(*again) == written);
  }
  const std::string salvaged = serialize_manifest(salvage_manifest(text));
  require(parse_manifest(salvaged).has_value());
  for (const std::string_view location : {text.substr(0, 4096)})
    if (const auto path = resolve_location(location, "/nonexistent")) require(path->is_absolute());
  return 0;
}
