#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "s3/recording_growth.hpp"
#include "server/library/library.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// Stores recordings at `--upload` while they are recorded, a part of 8 MiB when it is full, so that little is left to do,
/// and to lose, when one ends. Where the store is away recording goes on, and the upload at the end has more to do. What
/// was begun of recordings that were deleted since is aborted at the store. Thread-safe.
class GrowingUploads {
 public:
  GrowingUploads(const ServeOptions& options, const Library& library);
  ~GrowingUploads();

  /// `id` is being recorded from now on.
  void begin(const std::string& id);
  /// It is not looked at any more when this returns: another may upload it.
  void end(const std::string& id);

 private:
  struct Growing {
    std::unique_ptr<s3::RecordingGrowth> growth;  // none yet
    bool given_up = false;
  };
  void run(std::stop_token stop);
  void look_at_all(const std::shared_ptr<s3::Client>& client, const S3Url& prefix, std::stop_token stop);

  const ServeOptions& options_;
  const Library& library_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::shared_ptr<Growing>> growing_;  // by id
  std::string looked_at_;                                    // now; empty: none
  std::stop_source looking_;
  std::jthread thread_;
};

}  // namespace rtpx::server
