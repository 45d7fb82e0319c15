#include "server/news/webhook_queue.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "s3/digest.hpp"
#include "s3/http.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 1s;
constexpr auto kLongestPause = 300s;
constexpr std::size_t kMostQueued = 10'000;  // beyond, the oldest go

std::string unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

}  // namespace

WebhookQueue::WebhookQueue(std::string url, std::filesystem::path folder, std::string secret)
    : url_(std::move(url)),
      files_(std::move(folder)),
      secret_(std::move(secret)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

WebhookQueue::~WebhookQueue() {
  thread_.request_stop();
  thread_.join();
}

void WebhookQueue::add(const std::string& name, const nlohmann::json& event) {
  (void)files_.add(name, event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const std::lock_guard lock(mutex_);
  pending_ = true;
  changed_.notify_all();
}

WebhookQueue::Counts WebhookQueue::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void WebhookQueue::run(const std::stop_token& stop) {
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
    if (stop.stop_requested()) return;
    pause = deliver_all(stop) ? 0s : std::clamp<std::chrono::seconds>(pause * 2, kFirstPause, kLongestPause);
  }
}

bool WebhookQueue::deliver_all(const std::stop_token& stop) {
  const std::vector<std::string> names = files_.names();
  std::size_t waiting = names.size();
  for (const std::string& name : names) {
    if (stop.stop_requested()) return true;
    const auto body = files_.read(name);
    const bool delivered = body && post(*body, stop);
    const bool goes = delivered || !body || waiting > kMostQueued;
    if (!body) log(LogLevel::warn, "an event for a webhook cannot be read and is left out: " + name);
    if (goes) {
      files_.remove(name);
      --waiting;
    }
    const std::lock_guard lock(mutex_);
    counts_.waiting = waiting;
    if (body) ++(delivered ? counts_.delivered : counts_.failed_tries);
    if (!goes) return false;
  }
  return true;
}

bool WebhookQueue::post(const std::string& body, const std::stop_token& stop) const {
  s3::Http http({"", 5s, 10s});
  s3::HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.headers = {"Content-Type: application/json"};
  const std::string time = unix_time();
  if (!secret_.empty())
    request.headers.push_back("Rtpx-Signature: t=" + time +
                              ",v1=" + s3::hex(s3::hmac_sha256(secret_, time + "." + body)));
  request.body = body;
  const auto answer = http.perform(request, stop);
  return answer && answer->status / 100 == 2;
}

}  // namespace rtpx::server
