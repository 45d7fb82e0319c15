#include "remote.hpp"

#include <cstdlib>
#include <optional>

#include "rtpx/s3.hpp"
#include "s3/object_relay.hpp"

namespace rtpx::cli {
namespace {

/// Of who reads objects for this process, which has no network.
std::optional<int> relay_descriptor() {
  const char* const told = std::getenv(s3::kRelayVariable);
  const int descriptor = told != nullptr ? std::atoi(told) : 0;
  return descriptor > 2 ? std::optional(descriptor) : std::nullopt;
}

}  // namespace

Result<std::shared_ptr<Downloader>> downloader_for(const std::string& recording) {
  if (!recording.starts_with("s3://")) return nullptr;
  if (const auto relay = relay_descriptor()) return s3::relayed_downloader(*relay);
  return make_s3_downloader({});
}

Result<std::shared_ptr<Uploader>> uploader_for(const std::string& prefix) {
  const auto url = parse_s3_url(prefix);
  if (!url) return std::unexpected(url.error());
  S3UploadConfig config;
  config.bucket_name = url->bucket;
  config.base_path = url->key;
  config.retry_for = std::chrono::seconds(60);  // a person waits
  return make_s3_uploader(config);
}

}  // namespace rtpx::cli
