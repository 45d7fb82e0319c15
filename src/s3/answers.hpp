#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/s3.hpp"

// What services answer, in XML: parsers of text from outside. Total; nothing is kept of what they do not
// know.

namespace rtpx::s3 {

/// An <Error> document, also the token service's. All empty when the text is none.
struct ServiceError {
  std::string code;
  std::string message;  ///< one line of at most 300 bytes without control characters
  std::string region;   ///< of the bucket, where the error is that another was asked
};
[[nodiscard]] ServiceError parse_service_error(std::string_view body);

/// One page of ListObjectsV2; nullopt when the text is none.
struct ObjectPage {
  std::vector<S3Object> objects;
  std::string next;  ///< token of the next page; empty: this is the last
};
[[nodiscard]] std::optional<ObjectPage> parse_object_page(std::string_view body);

/// A multipart upload under way.
struct OpenUpload {
  std::string key, upload_id;
};
/// One page of ListMultipartUploads; nullopt when the text is none.
struct UploadPage {
  std::vector<OpenUpload> uploads;
  std::string next_key, next_id;  ///< markers of the next page; both empty: this is the last
};
[[nodiscard]] std::optional<UploadPage> parse_upload_page(std::string_view body);

/// The id that CreateMultipartUpload answers; empty when there is none.
[[nodiscard]] std::string parse_upload_id(std::string_view body);

/// True when the text says that a multipart upload was completed.
[[nodiscard]] bool says_completed(std::string_view body);

/// The temporary credentials of an STS answer (`AssumeRole…Response`); nullopt when the text has none.
struct StsCredentials {
  S3Credentials credentials;
  std::string expiration;  ///< ISO 8601
};
[[nodiscard]] std::optional<StsCredentials> parse_sts_credentials(std::string_view body);

}  // namespace rtpx::s3
