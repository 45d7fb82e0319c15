#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/s3.hpp"
#include "s3/answers.hpp"
#include "s3/content.hpp"
#include "s3/credentials.hpp"
#include "s3/digest.hpp"
#include "s3/http.hpp"
#include "s3/retry.hpp"

namespace rtpx::s3 {

/// How a call waits and for how long.
struct CallContext {
  RetryBudget& budget;
  std::stop_token stop;
};

/// What an upload may replace.
enum class Replace : std::uint8_t {
  anything,
  nothing,  ///< If-None-Match: an object that is there stays, and the error is already_exists
};

/// What is needed of a part to complete its upload.
struct PartChecksums {
  std::string etag;
  Md5 md5{};
  std::string crc32c;  ///< base64; empty: none was sent
};

/// The S3 operations that rtpx needs, against one service. Connection errors, 408, 429 and 5xx are tried
/// again within the budget; any other refusal is an Error that says what is wrong, what to do, and what the
/// service said.
/// Thread-safe.
class Client {
 public:
  explicit Client(const S3Config& config);

  [[nodiscard]] const S3Config& config() const { return config_; }

  /// Answers the checksums of what was sent; where the service's ETag is an MD5, it has been compared with
  /// them.
  [[nodiscard]] Result<PartChecksums> put(const S3Url& object,
                                          const std::variant<std::string, FileRange>& body,
                                          CallContext context, Replace replace = Replace::anything);
  [[nodiscard]] Result<PartChecksums> put_part(const S3Url& object, const std::string& upload_id, int part,
                                               const FileRange& range, CallContext context);

  struct CreatedUpload {
    std::string upload_id;
    bool tried_again;  ///< the server may have begun others, whose ids did not reach us
  };
  [[nodiscard]] Result<CreatedUpload> create_upload(const S3Url& object,
                                                    const std::map<std::string, std::string>& metadata,
                                                    CallContext context);
  /// Waits as long as the service shows that it still works on it. `parts` in order.
  [[nodiscard]] Result<void> complete_upload(const S3Url& object, const std::string& upload_id,
                                             const std::vector<PartChecksums>& parts, CallContext context,
                                             Replace replace = Replace::anything);
  [[nodiscard]] Result<void> abort_upload(const S3Url& object, const std::string& upload_id,
                                          CallContext context);
  /// Multipart uploads under way for keys that begin with `prefix.key`. Errors: malformed, where the list has
  /// no end.
  [[nodiscard]] Result<std::vector<OpenUpload>> open_uploads(const S3Url& prefix, CallContext context);

  [[nodiscard]] Result<ObjectInfo> head(const S3Url& object, CallContext context);
  /// Bytes [from, from + length) handed to `sink` in order; a connection that breaks goes on where it was.
  /// `etag`, when not empty, must still be the object's. `info`: what the answer tells of the object, as head() does but
  /// for its size.
  [[nodiscard]] Result<void> get(const S3Url& object, std::uint64_t from, std::uint64_t length,
                                 const std::string& etag, std::function<bool(Bytes)> sink,
                                 CallContext context, ObjectInfo* info = nullptr);
  /// At most 16 MiB.
  [[nodiscard]] Result<std::string> get_text(const S3Url& object, CallContext context);
  /// All of them. Errors: malformed, for an answer that is no list, keys that are not below the prefix, and
  /// lists without an end.
  [[nodiscard]] Result<std::vector<S3Object>> list(const S3Url& prefix, CallContext context);
  [[nodiscard]] Result<void> remove(const S3Url& object, CallContext context);

 private:
  struct Call;
  [[nodiscard]] Result<HttpResponse> send(const Call& call, CallContext context, int* tries = nullptr);
  [[nodiscard]] Result<HttpResponse> send_once(const Call& call, std::stop_token stop);
  [[nodiscard]] Result<PartChecksums> put_body(Call& call, CallContext context);
  [[nodiscard]] Error explain(const Call& call, const HttpResponse& answer) const;
  [[nodiscard]] Error explain_status(const Call& call, const HttpResponse& answer,
                                     const ServiceError& said) const;
  [[nodiscard]] std::string no_list(const S3Url& prefix) const;
  [[nodiscard]] std::string endless(const S3Url& prefix) const;

  S3Config config_;
  Http http_;
  CredentialSource credentials_;
  std::atomic<bool> knows_conditions_ = true;  // false once the service has answered that it does not
};

}  // namespace rtpx::s3
