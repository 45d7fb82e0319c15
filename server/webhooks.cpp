#include "webhooks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "s3/digest.hpp"
#include "s3/http.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kFirstPause = 1s;
constexpr auto kLongestPause = 300s;
constexpr std::size_t kMaxWaiting = 10'000;

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Webhooks::Webhooks(const ServeOptions& options)
    : options_(options),
      queue_(options.base_dir / ".webhooks"),
      thread_([this](std::stop_token stop) { run(stop); }) {}

Webhooks::~Webhooks() {
  thread_.request_stop();
  thread_.join();
}

void Webhooks::send(const std::string& type, json data) {
  static std::atomic<std::uint64_t> number = 0;
  if (options_.webhook_urls.empty()) return;
  (void)real_file_system().create_directories(queue_);
  for (const std::string& url : options_.webhook_urls) {
    const json event = {{"url", url}, {"type", type}, {"at", unix_now()}, {"data", data}};
    const auto nanoseconds = std::chrono::system_clock::now().time_since_epoch().count();
    const std::string name = std::to_string(nanoseconds) + "-" + std::to_string(++number) + ".json";
    (void)write_file_atomically(real_file_system(), queue_ / name,
                                as_bytes(event.dump(-1, ' ', false, json::error_handler_t::replace)));
  }
  const std::lock_guard lock(mutex_);
  pending_ = true;
  changed_.notify_all();
}

Webhooks::Counts Webhooks::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Webhooks::run(std::stop_token stop) {
  s3::Http http({"", 5s, 10s});
  auto pause = std::chrono::seconds(0);
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      if (pause.count() == 0)
        changed_.wait(lock, stop, [&] { return pending_; });
      else
        changed_.wait_for(lock, stop, pause, [] { return false; });
      pending_ = false;
    }
    bool all = true;
    const auto entries = real_file_system().list(queue_);
    std::size_t waiting = entries ? entries->size() : 0;
    if (entries)
      for (const auto& entry : *entries) {
        if (stop.stop_requested()) return;
        const auto text = read_whole_file(real_file_system(), queue_ / entry.name, 16U << 20);
        json event = json::parse(text ? *text : "", nullptr, false);
        if (entry.name.starts_with('.')) continue;
        bool delivered = !event.is_object() || !event.contains("url");
        if (!delivered) {
          s3::HttpRequest request;
          request.method = "POST";
          request.url = event["url"].get<std::string>();
          event.erase("url");
          const std::string body = event.dump();
          const std::string time = std::to_string(unix_now());
          request.headers = {"Content-Type: application/json"};
          if (!options_.webhook_secret.empty())
            request.headers.push_back("Rtpx-Signature: t=" + time + ",v1=" +
                                      s3::hex(s3::hmac_sha256(options_.webhook_secret, time + "." + body)));
          request.body = body;
          const auto answer = http.perform(request, stop);
          delivered = answer && answer->status / 100 == 2;
        }
        if (delivered || waiting > kMaxWaiting) {
          (void)real_file_system().remove(queue_ / entry.name);
          --waiting;
        } else {
          all = false;
        }
        const std::lock_guard lock(mutex_);
        counts_.waiting = waiting;
        ++(delivered ? counts_.delivered : counts_.failed_tries);
        if (!delivered) break;  // the receiver is away: keep the order
      }
    pause = all ? 0s : std::clamp<std::chrono::seconds>(pause * 2, kFirstPause, kLongestPause);
  }
}

}  // namespace rtpx::server
