#include <nlohmann/json.hpp>

#include "rtpx/converter.hpp"

namespace rtpx {

std::string serialize_result(const ConvertResult& result) {
  using OrderedJson = nlohmann::ordered_json;
  OrderedJson out = OrderedJson::object();
  for (const auto& [id, file] : result.files) {
    OrderedJson entry{{"location", file.location},
                      {"duration_seconds", file.duration_seconds},
                      {"thumbnail_location", file.thumbnail_location ? OrderedJson(*file.thumbnail_location)
                                                                     : OrderedJson(nullptr)},
                      {"duration_ms", file.duration_ms},
                      {"offset_seconds", static_cast<double>(file.offset_ms) / 1000}};
    if (file.report_location) entry["report_location"] = *file.report_location;
    if (!file.sprite_locations.empty()) entry["sprite_locations"] = file.sprite_locations;
    for (const ConvertedPart& part : file.parts)
      entry["parts"].push_back({{"location", part.location},
                                {"duration_ms", part.duration_ms},
                                {"offset_seconds", static_cast<double>(part.offset_ms) / 1000}});
    for (const ConvertedChapter& chapter : file.chapters)
      entry["chapters"].push_back({{"time_ms", chapter.time_ms}, {"text", chapter.text}});
    out[id] = std::move(entry);
  }
  return out.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace rtpx
