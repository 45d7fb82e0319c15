#include <nlohmann/json.hpp>

#include "rtpx/converter.hpp"

namespace rtpx {

std::string serialize_result(const ConvertResult& result) {
  using Json = nlohmann::ordered_json;
  Json out = Json::object();
  for (const auto& [id, file] : result.files) {
    Json entry{
        {"location", file.location},
        {"duration_seconds", file.duration_seconds},
        {"thumbnail_location", file.thumbnail_location ? Json(*file.thumbnail_location) : Json(nullptr)},
        {"duration_ms", file.duration_ms},
        {"offset_seconds", static_cast<double>(file.offset_ms) / 1000}};
    if (file.report_location) entry["report_location"] = *file.report_location;
    if (!file.parts.empty()) entry["parts"] = file.parts;
    out[id] = std::move(entry);
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace rtpx
