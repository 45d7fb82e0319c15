#include "server/http/gate.hpp"

#include <algorithm>

namespace rtpx::http {

std::optional<Gate::Id> Gate::oldest(const std::list<Id>& guests) const {
  if (guests.empty()) return std::nullopt;
  return guests.front();
}

Gate::Verdict Gate::arrive(Id id, const IpAddress& address, bool shared) {
  const IpAddress key = address.limit_key();
  Verdict verdict;
  const auto own = by_address_.find(key);
  if (!shared && own != by_address_.end() && own->second.size() >= limits_.guests_per_address) {
    verdict.evicted = oldest(own->second);
  } else if (guests_ >= limits_.guests || members_.size() >= limits_.connections) {
    const auto heaviest =
        std::ranges::max_element(by_address_, {}, [](const auto& guests) { return guests.second.size(); });
    if (heaviest == by_address_.end()) return {.admitted = false};
    verdict.evicted = oldest(heaviest->second);
  }
  if (verdict.evicted) leave(*verdict.evicted);
  Member& member = members_[id];
  member.key = key;
  member.shared = shared;
  enter(id, member);
  return verdict;
}

void Gate::enter(Id id, Member& member) {
  std::list<Id>& guests = by_address_[member.key];
  member.place = guests.insert(guests.end(), id);
  ++guests_;
}

void Gate::go(Member& member) {
  if (!member.place) return;
  const auto at = by_address_.find(member.key);
  at->second.erase(*member.place);
  member.place.reset();
  --guests_;
  if (at->second.empty()) by_address_.erase(at);
}

void Gate::trust(Id id) {
  if (const auto at = members_.find(id); at != members_.end()) go(at->second);
}

void Gate::guest(Id id) {
  const auto at = members_.find(id);
  if (at == members_.end()) return;
  go(at->second);  // to the end of the queue
  enter(id, at->second);
}

bool Gate::is_guest(Id id) const {
  const auto at = members_.find(id);
  return at == members_.end() || at->second.place.has_value();
}

void Gate::leave(Id id) {
  const auto at = members_.find(id);
  if (at == members_.end()) return;
  go(at->second);
  members_.erase(at);
}

}  // namespace rtpx::http
