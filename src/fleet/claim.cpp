#include "fleet/claim.hpp"

#include <algorithm>

namespace rtpx::fleet {
namespace {

constexpr unsigned kRenewalsInALease = 4;
constexpr unsigned kReadsBeforeLeaving = 10;
constexpr unsigned kOldReads = 5;
constexpr Milliseconds kBetweenReads{1'000};
constexpr Milliseconds kLongestBackoff{300'000};

}  // namespace

Claim::Claim(Job job, std::string worker, std::string token, Rules rules)
    : job_(std::move(job)), worker_(std::move(worker)), token_(std::move(token)), rules_(rules) {}

Claim::Step Claim::begin() {
  return {.what = Do::read};
}

Claim::Step Claim::read_was(Milliseconds now, const std::optional<Stored>& stored) {
  failed_reads_ = 0;
  if (phase_ == Phase::looking) return decide(now, stored);
  if (phase_ == Phase::claiming) {
    if (!stored || !is_mine(*stored)) return decide(now, stored);
    revision_ = stored->revision;
    return work_on(now, rules_.lease / kRenewalsInALease);
  }
  // An answer of a server that lags behind is older than what is known to be written. One that lost its store
  // says the same for ever: there, the record is made again.
  if ((!stored || stored->revision < revision_) && ++old_reads_ <= kOldReads)
    return {.what = Do::read, .delay = kBetweenReads};
  old_reads_ = 0;
  if (stored && !is_mine(*stored)) {
    phase_ = Phase::finishing;
    return {.what = Do::leave, .discard = true};
  }
  revision_ = stored ? stored->revision : 0;
  if (phase_ == Phase::renewing) {
    if (stored) return work_on(now, rules_.lease / kRenewalsInALease);
    return write_mine();
  }
  if (stored && stored->record.state == mine_.state) return last_word();
  return write_mine();
}

Claim::Step Claim::read_failed(Milliseconds now) {
  if (phase_ == Phase::renewing) return work_on(now, rules_.lease / (2 * kRenewalsInALease));
  // What is finished waits for the store as long as it takes; what is not begun is left for another delivery.
  if (phase_ != Phase::finishing && ++failed_reads_ >= kReadsBeforeLeaving) return {.what = Do::leave};
  return {.what = Do::read, .delay = kBetweenReads};
}

Claim::Step Claim::wrote(Milliseconds now, Wrote how, std::uint64_t revision) {
  if (how != Wrote::yes)
    return {.what = Do::read, .delay = how == Wrote::unknown ? kBetweenReads : Milliseconds(0)};
  revision_ = revision;
  if (phase_ == Phase::finishing) return last_word();
  return work_on(now, rules_.lease / kRenewalsInALease);
}

Claim::Step Claim::on_time(Milliseconds now, double fraction) {
  mine_.fraction = std::max(mine_.fraction, fraction);
  if (now < renew_at_) return {.what = Do::work};
  phase_ = Phase::renewing;
  return write_mine();
}

Claim::Step Claim::ended(Milliseconds, WorkEnd end) {
  phase_ = Phase::finishing;
  mine_.error = std::move(end.error);
  not_before_ = end.not_before;
  mine_.fraction = 0;
  switch (end.kind) {
    case WorkEnd::Kind::done:
      mine_.state = JobState::done;
      mine_.result = std::move(end.result);
      break;
    case WorkEnd::Kind::failed:
      mine_.state = mine_.attempts >= rules_.max_attempts ? JobState::failed : JobState::waiting;
      break;
    case WorkEnd::Kind::hopeless:
      mine_.state = JobState::failed;
      break;
    case WorkEnd::Kind::returned:
      mine_.state = JobState::waiting;
      mine_.attempts -= 1;
      break;
  }
  return write_mine();
}

/// Nothing of ours is in the record: may it be had?
Claim::Step Claim::decide(Milliseconds, const std::optional<Stored>& stored) {
  phase_ = Phase::claiming;
  if (!stored || stored->record.job.generation < job_.generation) return take(stored, 0);
  const JobRecord& there = stored->record;
  if (there.job.generation > job_.generation || is_settled(there.state)) return {.what = Do::ack};
  if (there.state == JobState::running && stored->age < rules_.lease)
    return {.what = Do::nak, .delay = rules_.lease - std::max(stored->age, Milliseconds(0))};
  if (there.attempts >= rules_.max_attempts) return give_up(*stored);
  return take(stored, there.attempts);
}

Claim::Step Claim::take(const std::optional<Stored>& stored, unsigned attempts) {
  mine_ = {
      .job = job_, .state = JobState::running, .attempts = attempts + 1, .worker = worker_, .token = token_};
  if (stored && stored->record.job.generation == job_.generation) {
    mine_.job = stored->record.job;  // the node counts its messages there
    mine_.error = stored->record.error;
  }
  revision_ = stored ? stored->revision : 0;
  return write_mine();
}

/// Every worker that had it fell silent, or failed.
Claim::Step Claim::give_up(const Stored& stored) {
  phase_ = Phase::finishing;
  mine_ = stored.record;
  mine_.state = JobState::failed;
  mine_.token = token_;
  if (stored.record.state == JobState::running)
    mine_.error = "Worker " + stored.record.worker + " did not come back from it; it was the last of " +
                  std::to_string(stored.record.attempts) + " attempts.";
  revision_ = stored.revision;
  return write_mine();
}

Claim::Step Claim::write_mine() const {
  return {.what = Do::write, .record = mine_, .expected = revision_};
}

Claim::Step Claim::work_on(Milliseconds now, Milliseconds until_renewal) {
  phase_ = Phase::working;
  renew_at_ = now + until_renewal;
  return {.what = Do::work};
}

Claim::Step Claim::last_word() const {
  if (mine_.state == JobState::done) return {.what = Do::ack};
  if (mine_.state == JobState::failed) return {.what = Do::ack, .discard = true};
  return {.what = Do::nak, .delay = std::max(backoff(mine_.attempts), not_before_), .discard = true};
}

bool Claim::is_mine(const Stored& stored) const {
  return stored.record.token == token_ && stored.record.job.generation == job_.generation;
}

/// Work that was given back without a failure of its own comes again after the shortest time.
Milliseconds Claim::backoff(unsigned attempts) const {
  const Milliseconds wanted(rules_.retry_delay.count() * (1LL << std::min(attempts, 10U)) / 2);
  return std::min(wanted, kLongestBackoff);
}

}  // namespace rtpx::fleet
