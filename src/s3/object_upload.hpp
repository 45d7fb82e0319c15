#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include "s3/client.hpp"
#include "s3/queue_file.hpp"

namespace rtpx::s3 {

/// Brings one file of a recording into its object, going on from whatever an earlier process left: the state
/// on disk is always a step behind the server, never ahead of it. A file may be grown into its object part by
/// part while it is recorded. An object of other content is never replaced, unless it is what this state left
/// there. Thread-safe; calls wait for each other.
class ObjectUpload {
 public:
  /// `folder` as recording_folder() answers it; `file` a plain name in it.
  ObjectUpload(Client& client, std::filesystem::path folder, std::string file, S3Url object);

  /// Called with bytes that have newly reached the server, on any thread.
  using OnBytes = std::function<void(std::uint64_t)>;

  /// Stores the parts that `bytes` of a growing file fill.
  [[nodiscard]] Result<void> grow(std::uint64_t bytes, CallContext context);
  /// Stores the whole file as it is now, and compares size and checksum of the object. What an earlier run
  /// stored is asked for again: the server may have lost it. Errors: already_exists for an object of other
  /// content; not_found for a file that is neither here nor there.
  [[nodiscard]] Result<ObjectState> finish(CallContext context, const OnBytes& on_bytes);
  /// Aborts what is under way at the server.
  [[nodiscard]] Result<void> give_up(CallContext context);

 private:
  [[nodiscard]] Result<void> store(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes);
  [[nodiscard]] Result<bool> is_still_there(CallContext context);
  [[nodiscard]] Result<void> look_before(std::uint64_t bytes, CallContext context);
  [[nodiscard]] Result<void> put_at_once(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes);
  [[nodiscard]] Result<void> open_upload(const std::string& md5, CallContext context);
  [[nodiscard]] Result<void> give_up_upload(CallContext context);
  [[nodiscard]] Result<void> abort_strangers(CallContext context);
  [[nodiscard]] Result<void> put_parts(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes);
  [[nodiscard]] Result<void> complete(CallContext context);
  [[nodiscard]] Result<void> verify(CallContext context);
  [[nodiscard]] Result<void> put_multipart(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes);
  [[nodiscard]] std::string expected_etag() const;
  [[nodiscard]] bool with_crc32c() const;
  [[nodiscard]] Result<void> save() { return save_object_state(folder_, state_); }
  [[nodiscard]] Result<void> forget_changed_parts();
  void start_anew(std::uint64_t bytes);

  Client& client_;
  std::filesystem::path folder_, path_;
  std::mutex mutex_;
  ObjectState state_;
  Replace replace_ = Replace::nothing;
  bool compared_ = false;  // the parts that an earlier run stored, with the file
};

}  // namespace rtpx::s3
