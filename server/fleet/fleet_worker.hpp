#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "fleet/nats_bus.hpp"
#include "server/fleet/fleet_work.hpp"

namespace rtpx::server {

/// Settings of `rtpx worker`.
struct WorkerOptions {
  fleet::NatsOptions nats;
  S3Url store;
  S3Config s3;
  std::string name;
  std::vector<fleet::JobClass> classes = {fleet::JobClass::hi, fleet::JobClass::norm, fleet::JobClass::low};
  unsigned jobs = 1;  ///< at once
  WorkLimits limits;
  /// Asked to stop, it takes no more jobs; those under way may go on for so long, then they are given back.
  std::chrono::seconds drain{300};
};

/// Does the jobs of a fleet until a stop is asked for. Errors: invalid_argument, denied, io, already_exists
/// (another worker has the folder).
[[nodiscard]] Result<void> run_worker(WorkerOptions options, std::stop_token stop);

}  // namespace rtpx::server
