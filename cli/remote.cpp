#include "remote.hpp"

#include "rtpx/s3.hpp"

namespace rtpx::cli {

Result<std::shared_ptr<Downloader>> downloader_for(const std::string& recording) {
  if (!recording.starts_with("s3://")) return nullptr;
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
