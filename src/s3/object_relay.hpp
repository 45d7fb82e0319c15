#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "rtpx/uploader.hpp"
#include "s3/client.hpp"

namespace rtpx::s3 {

/// Reads objects for a process that has no network and no keys: it asks over a socket, and is answered for
/// what lies in one folder.
class ObjectRelay {
 public:
  /// `folder`: its key ends in a slash. Errors: too_many_files, io.
  [[nodiscard]] static Result<std::unique_ptr<ObjectRelay>> begin(std::shared_ptr<Client> client,
                                                                  const S3Url& folder);
  ~ObjectRelay();
  ObjectRelay(const ObjectRelay&) = delete;
  ObjectRelay& operator=(const ObjectRelay&) = delete;

  /// Nothing is answered any more; what is read just now is given up. Any thread.
  void end();
  /// For the process that asks. Ours, and closed on exec.
  [[nodiscard]] int descriptor() const { return other_; }

 private:
  ObjectRelay(std::shared_ptr<Client> client, std::string folder, int own, int other);
  void answer_all(FileSystem& objects, const std::string& folder) const;

  const int own_, other_;
  std::stop_source stop_;
  std::thread thread_;
};

/// In that process's environment: the descriptor.
inline constexpr const char* kRelayVariable = "RTPX_OBJECTS";
/// In that process: reads by ranges whatever is asked for, also where all of it is needed. `descriptor` stays
/// the caller's.
[[nodiscard]] std::shared_ptr<Downloader> relayed_downloader(int descriptor);

}  // namespace rtpx::s3
