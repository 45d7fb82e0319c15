#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "fleet/bus.hpp"
#include "fleet/claim.hpp"
#include "fleet/store.hpp"
#include "rtpx/sealed.hpp"

namespace rtpx::server {

/// Where and within which bounds jobs are done.
struct WorkLimits {
  std::filesystem::path program;  ///< rtpx
  std::filesystem::path folder;   ///< for what is fetched and made; a folder of its own for each claim
  std::uint64_t memory_bytes = 4ULL << 30;  ///< of a job's process
  std::uint64_t max_bytes = 0;              ///< of a recording that is fetched; 0: what the disk has
  std::uint64_t min_free_bytes = 1ULL << 30;
  Identities identities;  ///< open sealed recordings
  bool in_place = false;  ///< a recording with a packet index is read by ranges where it lies, instead of fetched
};

/// The record of a job, by its key; as Bus::read().
using ReadRecord = std::function<Result<std::optional<fleet::Stored>>(const std::string& key)>;

/// Does one job: fetches the recording, runs rtpx on it as a child process without network, stores what it
/// made under `token`. Waits. A stop ends it, with what was made of it thrown away here; what is stored
/// already is the caller's to discard. Nothing is left in the folder.
[[nodiscard]] fleet::WorkEnd do_job(const WorkLimits& limits, const fleet::Store& store,
                                    const ReadRecord& read_record, const fleet::Job& job, const std::string& worker,
                                    const std::string& token, unsigned attempt,
                                    const std::function<void(double fraction)>& on_progress,
                                    std::stop_token stop);

}  // namespace rtpx::server
