#include "server/live/pulls.hpp"

#include <algorithm>

#include "base/random_text.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kPullIdSize = 22;
constexpr std::size_t kRememberedPulls = 50;  // that have ended

/// "https://example.net/whep/room" of what may have a user and a query.
std::string shown_url(const std::string& url) {
  std::string out = url.substr(0, url.find_first_of("?#"));
  const std::size_t authority = out.find("://");
  if (authority == out.npos) return "";
  const std::size_t path = std::min(out.find('/', authority + 3), out.size());
  if (const std::size_t user = out.rfind('@', path); user != out.npos && user > authority)
    out.erase(authority + 3, user - authority - 2);
  return out;
}

}  // namespace

void Pulls::end_all() {
  std::map<std::string, std::shared_ptr<Running>> last;
  {
    const std::lock_guard lock(mutex_);
    last.swap(pulls_);
  }
  for (auto& [id, one] : last) one->thread.request_stop();
}

/// Under mutex_. What is forgotten is destroyed without it: its thread is joined.
void Pulls::forget_oldest(std::vector<std::shared_ptr<Running>>& forgotten) {
  const auto ended = [](const auto& one) { return one.second->done; };
  while (static_cast<std::size_t>(std::ranges::count_if(pulls_, ended)) > kRememberedPulls) {
    auto oldest = pulls_.end();
    for (auto at = pulls_.begin(); at != pulls_.end(); ++at)
      if (ended(*at) && (oldest == pulls_.end() || at->second->number < oldest->second->number)) oldest = at;
    forgotten.push_back(std::move(oldest->second));
    pulls_.erase(oldest);
  }
}

Result<std::string> Pulls::start(WhepReceiver::Options options,
                                 const std::function<void(const std::string& id)>& named) {
  const std::string id = random_text(kPullIdSize);
  const auto running = std::make_shared<Running>();
  running->url = shown_url(options.url);
  WhepReceiver::Handlers handlers;
  handlers.open = [this, id, one = running.get()](std::span<const MediaStreamTrack> tracks) {
    auto sink = handlers_.open(id, !one->opened, tracks);
    one->opened |= sink.has_value();
    return sink;
  };
  handlers.connected = [this, id] { handlers_.connected(id); };
  handlers.lost = [this, id](const Error& why, std::optional<std::chrono::milliseconds> again_in) {
    handlers_.lost(id, why, again_in.has_value());
  };
  auto receiver = WhepReceiver::create(std::move(options), std::move(handlers));
  if (!receiver) return std::unexpected(receiver.error());
  running->receiver = *std::move(receiver);

  std::vector<std::shared_ptr<Running>> forgotten;
  const std::lock_guard lock(mutex_);
  const auto under_way = std::ranges::count_if(pulls_, [](const auto& one) { return !one.second->done; });
  if (static_cast<std::size_t>(under_way) >= max_pulls_)
    return fail(Errc::denied, "All of the " + std::to_string(max_pulls_) +
                                  " pulls that there may be are running; try again later.");
  named(id);
  forget_oldest(forgotten);
  running->number = next_number_++;
  pulls_[id] = running;
  running->thread = std::jthread([this, id, one = running.get()](const std::stop_token& stop) {
    const WhepEnd reason = one->receiver->run(stop);
    const WhepReceiver::Stats last = one->receiver->stats();
    {
      const std::lock_guard ended(mutex_);
      one->reason = reason;
    }
    handlers_.ended(id, reason, last);
    const std::lock_guard done(mutex_);
    one->done = true;
  });
  return id;
}

Result<void> Pulls::stop(const std::string& id) {
  std::shared_ptr<Running> one;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pulls_.find(id);
    if (found == pulls_.end()) return fail(Errc::not_found, "There is no such pull.");
    one = std::move(found->second);
    pulls_.erase(found);
  }
  one->thread.request_stop();
  one->thread.join();
  return {};
}

void Pulls::request_stop(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = pulls_.find(id); found != pulls_.end()) found->second->thread.request_stop();
}

std::vector<Pull> Pulls::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Pull> out;
  for (const auto& [id, one] : pulls_) out.push_back({id, one->url, one->reason, one->receiver->stats()});
  return out;
}

void Pulls::request_keyframes(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = pulls_.find(id); found != pulls_.end()) found->second->receiver->request_keyframes();
}

void Pulls::want_keyframes(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = pulls_.find(id); found != pulls_.end()) found->second->receiver->want_keyframes();
}

}  // namespace rtpx::server
