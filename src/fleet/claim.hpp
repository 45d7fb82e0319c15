#pragma once

#include <optional>
#include <string>

#include "fleet/record.hpp"

namespace rtpx::fleet {

using Milliseconds = std::chrono::milliseconds;

/// What all members of a fleet go by.
struct Rules {
  Milliseconds lease{60'000};  ///< silence after which a claim may be taken over; AckWait of the consumers
  unsigned max_attempts = 5;   ///< after so many it is failed: a dead letter
  Milliseconds retry_delay{5'000};  ///< after the first failure; doubles with each, up to 5 minutes
};

/// How the work of a job ended.
struct WorkEnd {
  enum class Kind : std::uint8_t {
    done,      ///< all of it is stored under the claim's token
    failed,    ///< another try may help
    hopeless,  ///< no other try will help: the recording is unusable
    returned,  ///< not the job's fault: the worker drains, the store is away, or what it joins is not made yet
  };
  Kind kind = Kind::done;
  JobResult result;
  std::string error;
  Milliseconds not_before{0};  ///< returned: it is of no use earlier
};

/// One delivery of a job to a worker, from first look to last word: the fence against doing it twice. No I/O,
/// no clock, no thread: it says what to do next, is told how that ended, and says again. Times are those of
/// a steady clock of the caller's.
///
/// The message only says that there may be work. Who may work is decided by the record: a claim is a record
/// with the claim's token, written at the revision that was read. Every later write is at a revision that
/// belongs to the same claim; where another's is there, the claim is lost, and with it what it has made. A
/// write without an answer is looked for by its token before anything is concluded. Reads may be answered by
/// a server that lags behind: nothing is concluded from a record older than one that is known to be written.
class Claim {
 public:
  enum class Do : std::uint8_t {
    read,   ///< read the record of the job, then call read_was() or read_failed()
    write,  ///< replace the record at `expected` (0: create) by `record`, then call wrote()
    work,   ///< work, or go on; call on_time() now and then, and ended() once
    // The end of it; nothing is to be called any more.
    ack,    ///< the message is dealt with
    nak,    ///< deliver it again after `delay`
    leave,  ///< say nothing about the message: it is another's now, or is delivered again by itself
  };
  struct Step {
    Do what = Do::leave;
    Milliseconds delay{0};  ///< of a read or write: do it after so long; of a nak: see there
    JobRecord record = {};
    std::uint64_t expected = 0;
    bool discard = false;  ///< at the end: what was made, or partly made, is no result and is to be removed
  };

  /// `token`: used by no other claim, ever.
  Claim(Job job, std::string worker, std::string token, Rules rules);

  [[nodiscard]] Step begin();
  [[nodiscard]] Step read_was(Milliseconds now, const std::optional<Stored>& stored);
  [[nodiscard]] Step read_failed(Milliseconds now);
  [[nodiscard]] Step wrote(Milliseconds now, Wrote how, std::uint64_t revision);
  /// While it works: renews the claim four times in a lease.
  [[nodiscard]] Step on_time(Milliseconds now, double fraction);
  [[nodiscard]] Step ended(Milliseconds now, WorkEnd end);
  /// The work must stop: the claim is lost. Also known from a step that ends everything.
  [[nodiscard]] bool is_working() const { return phase_ == Phase::working || phase_ == Phase::renewing; }
  [[nodiscard]] const std::string& token() const { return token_; }
  [[nodiscard]] unsigned attempt() const { return mine_.attempts; }

 private:
  enum class Phase : std::uint8_t { looking, claiming, working, renewing, finishing };

  [[nodiscard]] Step decide(Milliseconds now, const std::optional<Stored>& stored);
  [[nodiscard]] Step take(const std::optional<Stored>& stored, unsigned attempts);
  [[nodiscard]] Step give_up(const Stored& stored);
  [[nodiscard]] Step write_mine() const;
  [[nodiscard]] Step work_on(Milliseconds now, Milliseconds until_renewal);
  [[nodiscard]] Step last_word() const;
  [[nodiscard]] bool is_mine(const Stored& stored) const;
  [[nodiscard]] Milliseconds backoff(unsigned attempts) const;

  const Job job_;
  const std::string worker_, token_;
  const Rules rules_;
  Phase phase_ = Phase::looking;
  JobRecord mine_;              // as last written, or to be written
  std::uint64_t revision_ = 0;  // at which mine_ is to be written
  Milliseconds renew_at_{0};
  unsigned failed_reads_ = 0, old_reads_ = 0;
  Milliseconds not_before_{0};  // WorkEnd's
};

}  // namespace rtpx::fleet
