#include "server/live/plain_ingests.hpp"

#include "base/random_text.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kIdSize = 22;

PlainIngest view_of(const std::string& id, const UdpReceiver& receiver) {
  return {id, receiver.tracks(), receiver.ports(), receiver.stats()};
}

}  // namespace

void PlainIngests::request_keyframes(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = running_.find(id); found != running_.end() && !found->second->over)
    found->second->receiver->request_keyframes();
}

void PlainIngests::end_all() {
  std::map<std::string, std::shared_ptr<Running>> last;
  {
    const std::lock_guard lock(mutex_);
    last.swap(running_);
  }
  for (auto& [id, one] : last) one->thread.request_stop();
}

/// Lets go of those that have ended by themselves; their threads could not.
void PlainIngests::reap() {
  std::erase_if(running_, [](const auto& one) { return one.second->done; });
}

Result<PlainIngest> PlainIngests::start(std::string_view sdp, const UdpReceiver::Options& options,
                                        const Open& open) {
  auto receiver = UdpReceiver::open(sdp, options);
  if (!receiver) return std::unexpected(receiver.error());
  const std::lock_guard lock(mutex_);
  reap();
  if (running_.size() >= max_ingests_)
    return fail(Errc::denied, "All of the " + std::to_string(max_ingests_) +
                                  " ingests that there may be are running; try again later.");
  const std::string id = random_text(kIdSize);
  const auto running = std::make_shared<Running>();
  auto sink = open(id, (*receiver)->tracks());
  if (!sink) return std::unexpected(sink.error());
  running->receiver = *std::move(receiver);
  running->sink = *std::move(sink);
  running_[id] = running;
  running->thread = std::jthread([this, id, one = running.get()](const std::stop_token& stop) {
    const UdpEnd reason = one->receiver->run(*one->sink, stop);  // which lets go of its ports
    const UdpReceiver::Stats last = one->receiver->stats();
    {
      const std::lock_guard ended(mutex_);
      one->over = true;
    }
    one->sink.reset();
    on_ended_(id, reason, last);
    const std::lock_guard done(mutex_);
    one->done = true;
  });
  return view_of(id, *running->receiver);
}

Result<void> PlainIngests::stop(const std::string& id) {
  std::shared_ptr<Running> one;
  {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end() || found->second->over)
      return fail(Errc::not_found, "There is no such ingest.");
    one = std::move(found->second);
    running_.erase(found);
  }
  one->thread.request_stop();
  one->thread.join();
  return {};
}

std::vector<PlainIngest> PlainIngests::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<PlainIngest> out;
  for (const auto& [id, one] : running_)
    if (!one->over) out.push_back(view_of(id, *one->receiver));
  return out;
}

}  // namespace rtpx::server
