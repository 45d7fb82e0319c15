#pragma once

#include <mutex>
#include <string>

#include "rtpx/s3.hpp"

namespace rtpx::s3 {

/// Adds up what moves and tells the caller, one call at a time.
class ProgressMeter {
 public:
  ProgressMeter(const S3TransferOptions& options, std::uint64_t total) : options_(options) {
    progress_.total_bytes = total;
  }
  void add(const std::string& object, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    progress_.bytes += bytes;
    progress_.object = object;
    if (options_.progress) options_.progress(progress_);
  }
  [[nodiscard]] std::uint64_t bytes() const { return progress_.bytes; }

 private:
  const S3TransferOptions& options_;
  std::mutex mutex_;
  S3Progress progress_;
};

}  // namespace rtpx::s3
