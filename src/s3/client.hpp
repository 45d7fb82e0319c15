#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/s3.hpp"
#include "s3/credentials.hpp"
#include "s3/digest.hpp"
#include "s3/http.hpp"
#include "s3/retry.hpp"

namespace rtpx::s3 {

struct ObjectInfo {
  std::uint64_t bytes = 0;
  std::string etag;                             ///< without quotes
  std::map<std::string, std::string> metadata;  ///< x-amz-meta-*, names without the prefix
};

struct OpenUpload {
  std::string key, upload_id;
};

/// How a call waits and for how long.
struct CallContext {
  RetryBudget& budget;
  std::stop_token stop;
};

/// Errors: io.
[[nodiscard]] Result<Md5> md5_of(const FileRange& range);

/// The S3 operations that rtpx needs, against one service. Connection errors, 408, 429 and 5xx are tried
/// again within the budget; any other refusal is an Error that says what is wrong and what to do.
/// Thread-safe.
class Client {
 public:
  explicit Client(const S3Config& config);

  [[nodiscard]] const S3Config& config() const { return config_; }

  /// Both answer the ETag. The bytes' MD5 comes back in `md5` and is compared with the ETag where that is an
  /// MD5.
  [[nodiscard]] Result<std::string> put(const S3Url& object, const std::variant<std::string, FileRange>& body,
                                        Md5& md5, CallContext context,
                                        std::function<void(std::uint64_t)> on_sent = {});
  [[nodiscard]] Result<std::string> put_part(const S3Url& object, const std::string& upload_id, int part,
                                             const FileRange& range, Md5& md5, CallContext context,
                                             std::function<void(std::uint64_t)> on_sent = {});

  struct CreatedUpload {
    std::string upload_id;
    bool tried_again;  ///< the server may have begun others, whose ids did not reach us
  };
  /// `part_bytes` becomes the object's metadata: its ETag can then be computed again.
  [[nodiscard]] Result<CreatedUpload> create_upload(const S3Url& object, std::uint64_t part_bytes,
                                                    CallContext context);
  [[nodiscard]] Result<void> complete_upload(const S3Url& object, const std::string& upload_id,
                                             const std::vector<std::string>& etags, CallContext context);
  [[nodiscard]] Result<void> abort_upload(const S3Url& object, const std::string& upload_id,
                                          CallContext context);
  /// Multipart uploads under way for keys that begin with `prefix.key`.
  [[nodiscard]] Result<std::vector<OpenUpload>> open_uploads(const S3Url& prefix, CallContext context);

  [[nodiscard]] Result<ObjectInfo> head(const S3Url& object, CallContext context);
  /// Bytes [from, from + length) handed to `sink` in order; a connection that breaks goes on where it was.
  /// `etag`, when not empty, must still be the object's.
  [[nodiscard]] Result<void> get(const S3Url& object, std::uint64_t from, std::uint64_t length,
                                 const std::string& etag, std::function<bool(Bytes)> sink,
                                 CallContext context);
  [[nodiscard]] Result<std::string> get_text(const S3Url& object, CallContext context);
  [[nodiscard]] Result<std::vector<S3Object>> list(const S3Url& prefix, CallContext context);
  [[nodiscard]] Result<void> remove(const S3Url& object, CallContext context);

 private:
  struct Call;
  [[nodiscard]] Result<HttpResponse> send(const Call& call, CallContext context, int* tries = nullptr);
  [[nodiscard]] Result<HttpResponse> send_once(const Call& call, std::stop_token stop);
  [[nodiscard]] Result<std::string> put_body(Call& call, Md5& md5, CallContext context);
  [[nodiscard]] Error explain(const Call& call, const HttpResponse& answer) const;

  S3Config config_;
  Http http_;
  CredentialSource credentials_;
};

}  // namespace rtpx::s3
