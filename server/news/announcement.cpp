#include "server/news/announcement.hpp"

#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/utc_time.hpp"
#include "server/app.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::days kLinkLife{7};
constexpr std::uint64_t kMostReport = 64U << 20;

std::uint64_t count_of(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

/// Packets that never came, and those of them that stayed lost, by the report beside a file.
json losses_of(const fs::path& report) {
  const auto text = read_whole_file(real_file_system(), report, kMostReport);
  const json document = json::parse(text ? *text : "", nullptr, false);
  std::uint64_t never_came = 0, for_good = 0;
  if (!document.is_object() || !document.contains("tracks") || !document["tracks"].is_array()) return nullptr;
  for (const json& track : document["tracks"]) {
    if (!track.is_object() || !track.contains("lost") || !track["lost"].is_object()) continue;
    never_came += count_of(track["lost"], "before_repair");
    for_good += count_of(track["lost"], "after_repair");
  }
  return {{"before_repair", never_came}, {"after_repair", for_good}};
}

}  // namespace

json announcement_of(App& app, const std::string& id) {
  const auto entry = app.library().entry(id);
  const auto folder = app.library().folder(id);
  if (!entry || !folder) return nullptr;
  const fs::path output = fs::absolute(*folder) / "output";
  const auto end = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + kLinkLife;
  const std::string link = app.access().credentials().sign_link(id, end), &base = app.options().public_url;
  json out = {{"id", id},
              {"name", entry->info.name},
              {"labels", entry->info.facts.labels},
              {"metadata", entry->info.facts.metadata},
              {"created", format_utc(entry->recorded_at)},
              {"folder", fs::absolute(*folder).string()},
              {"duration_ms", entry->duration_ms},
              {"bytes", entry->bytes},
              {"has_losses", entry->conversion.exit_code == 1},
              {"files", json::array()},
              {"link", base + "/watch.html?recording=" + id + "&link=" + link},
              {"link_ends", format_utc(std::chrono::time_point_cast<UtcTime::duration>(end))}};
  if (entry->info.ended_at) out["ended"] = format_utc(*entry->info.ended_at);
  if (!entry->conversion.error.empty()) out["error"] = entry->conversion.error;
  for (const OutputFile& file : entry->outputs) {
    json one = {{"id", file.id},
                {"name", file.name},
                {"format", file.format},
                {"profile", file.profile},
                {"bytes", file.bytes},
                {"duration_ms", file.duration_ms},
                {"location", (output / file.name).string()},
                {"url", base + "/api/recordings/" + id + "/files/" + http::percent_encoded(file.name) + "?link=" + link}};
    if (!file.report.empty()) one["lost"] = losses_of(output / file.report);
    out["files"].push_back(std::move(one));
  }
  return out;
}

}  // namespace rtpx::server
