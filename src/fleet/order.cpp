#include "fleet/order.hpp"

#include <algorithm>

namespace rtpx::fleet {
namespace {

constexpr int kTries = 10;  // then the next look after it goes on
constexpr Milliseconds kBetweenPublishing{500};

}  // namespace

Order::Order(Job job, Rules rules) : job_(std::move(job)), rules_(rules) {}

Order::Step Order::begin() {
  return {.what = Do::read};
}

Order::Step Order::read_was(const std::optional<Stored>& stored) {
  if (!stored) {
    wrote_ = false;
    return {.what = Do::find};
  }
  const JobRecord& there = stored->record;
  if (wrote_ && is_what_was_written(there)) return {.what = Do::publish, .record = record_};
  wrote_ = false;
  revision_ = stored->revision;
  if (there.job.generation < job_.generation) {
    job_.publication = 1;
    record_ = {.job = job_};
    return put(revision_);
  }
  record_ = there;
  if (is_settled(there.state) || stored->age < 2 * rules_.lease) return ended(record_);
  return {.what = Do::count, .record = record_};
}

/// By what a node alone writes: a record without a claim's token.
bool Order::is_what_was_written(const JobRecord& there) const {
  return there.state == record_.state && there.token == record_.token && there.job == record_.job;
}

Order::Step Order::found(const std::optional<JobRecord>& made) {
  if (made && made->job.generation >= job_.generation) {
    record_ = *made;
  } else {
    job_.generation = std::max<std::uint64_t>(job_.generation, 1);
    job_.publication = 1;
    record_ = {.job = job_};
  }
  return put(0);
}

Order::Step Order::put(std::uint64_t expected) {
  if (++tries_ > kTries) return ended(record_);
  wrote_ = true;
  return {.what = Do::write, .record = record_, .expected = expected};
}

Order::Step Order::wrote(Wrote how) {
  if (how == Wrote::yes && is_settled(record_.state)) return ended(record_);
  if (how == Wrote::yes) return {.what = Do::publish, .record = record_};
  if (how == Wrote::refused) wrote_ = false;
  if (++tries_ > kTries) return ended(record_);
  return {.what = Do::read, .delay = how == Wrote::unknown ? kBetweenPublishing : Milliseconds(0)};
}

Order::Step Order::counted(std::uint64_t messages) {
  if (messages > 0) return ended(record_);
  record_.state = JobState::waiting;
  record_.token.clear();
  record_.fraction = 0;
  record_.job.publication += 1;
  return put(revision_);
}

Order::Step Order::published(bool acknowledged) {
  if (acknowledged || ++tries_ > kTries) return ended(record_);
  return {.what = Do::publish, .record = record_, .delay = kBetweenPublishing};
}

}  // namespace rtpx::fleet
