#pragma once

#include <optional>

#include "fleet/claim.hpp"

namespace rtpx::fleet {

/// What a node does for one of its jobs to be done: ordered once, and looked after until it is settled. Like
/// Claim no I/O and no clock.
///
/// The record goes first, then the message, published under one id until it is acknowledged. What was lost
/// between the two, or of the queue, is found by looking after it: a job that nobody has changed for two
/// leases and of which the queue holds no message is published again, as the next publication; its record
/// is written first, so a worker that still has it is fenced off.
class Order {
 public:
  enum class Do : std::uint8_t {
    read,     ///< the record, then call read_was(), or nothing any more if that fails
    find,     ///< whether a whole result lies in the store, then call found()
    write,    ///< then call wrote()
    count,    ///< the messages of the job's subject, then call counted(), or nothing any more if that fails
    publish,  ///< `record.job` under message_id_of(), then call published()
    end,      ///< nothing is left to do for now; `record` is the job's, as far as it is known
  };
  struct Step {
    Do what = Do::end;
    JobRecord record = {};
    std::uint64_t expected = 0;
    Milliseconds delay{0};  ///< before it
  };

  /// `generation` of `job`: the order's; 0: whichever there is, or the first. Only looks after it.
  Order(Job job, Rules rules);

  [[nodiscard]] Step begin();
  [[nodiscard]] Step read_was(const std::optional<Stored>& stored);
  /// Where the bucket knows nothing of the job: the latest whole result that the store has of it.
  [[nodiscard]] Step found(const std::optional<JobRecord>& made);
  [[nodiscard]] Step wrote(Wrote how);
  [[nodiscard]] Step counted(std::uint64_t messages);
  [[nodiscard]] Step published(bool acknowledged);

 private:
  [[nodiscard]] Step put(std::uint64_t expected);
  [[nodiscard]] bool is_what_was_written(const JobRecord& there) const;
  [[nodiscard]] Step ended(const JobRecord& record) { return {.what = Do::end, .record = record}; }

  Job job_;
  const Rules rules_;
  JobRecord record_;            // as read, or as written
  std::uint64_t revision_ = 0;  // that record_ was read at
  bool wrote_ = false;          // record_ is what was, or may have been, written
  int tries_ = 0;
};

}  // namespace rtpx::fleet
