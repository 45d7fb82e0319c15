#include "server/news/webhooks.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "s3/digest.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string folder_name(const std::string& url) {
  return s3::hex(s3::sha256(url)).substr(0, 16);
}

/// Earlier versions had one queue, of files that name their receiver.
void sort_into_queues(const fs::path& all) {
  const auto entries = real_file_system().list(all);
  if (!entries) return;
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.name.ends_with(".json")) continue;
    const auto text = read_whole_file(real_file_system(), all / entry.name, 16U << 20);
    json event = json::parse(text ? *text : "", nullptr, false);
    if (event.is_object() && event.contains("url") && event["url"].is_string()) {
      const fs::path folder = all / folder_name(event["url"].get<std::string>());
      event.erase("url");
      (void)real_file_system().create_directories(folder);
      (void)write_file_atomically(real_file_system(), folder / entry.name, as_bytes(event.dump()));
    }
    (void)real_file_system().remove(all / entry.name);
  }
}

}  // namespace

Webhooks::Webhooks(const ServeOptions& options) {
  const fs::path all = options.base_dir / ".webhooks";
  sort_into_queues(all);
  std::vector<std::string> ours;
  for (const std::string& url : options.webhook_urls) {
    ours.push_back(folder_name(url));
    queues_.push_back(std::make_unique<WebhookQueue>(url, all / ours.back(), options.webhook_secret));
  }
  const auto entries = real_file_system().list(all);
  if (!entries) return;
  for (const DirectoryEntry& entry : *entries)
    if (std::ranges::find(ours, entry.name) == ours.end()) {
      log(LogLevel::warn, "events wait for a webhook that is not configured any more: " + (all / entry.name).string());
    }
}

void Webhooks::send(const std::string& type, const json& data) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const json event = {{"type", type},
                      {"at", std::chrono::duration_cast<std::chrono::seconds>(now).count()},
                      {"data", data}};
  const std::string name = next_event_name();
  for (const auto& queue : queues_) queue->add(name, event);
}

WebhookQueue::Counts Webhooks::counts() const {
  WebhookQueue::Counts out;
  for (const auto& queue : queues_) {
    const auto one = queue->counts();
    out.delivered += one.delivered;
    out.failed_tries += one.failed_tries;
    out.waiting += one.waiting;
  }
  return out;
}

}  // namespace rtpx::server
