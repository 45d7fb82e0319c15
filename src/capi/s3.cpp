#include "capi/s3.hpp"

#include "capi/call.hpp"

namespace rtpx::capi {

rtpx_s3_options s3_options(const rtpx_s3_options* options) noexcept {
  return versioned(options, rtpx_s3_options RTPX_S3_OPTIONS_INIT);
}

S3Config s3_config(const rtpx_s3_options& options) {
  S3Config config;
  if (options.access_key_id != nullptr || options.secret_access_key != nullptr)
    config.credentials = S3Credentials{text_or_empty(options.access_key_id), text_or_empty(options.secret_access_key),
                                       text_or_empty(options.session_token)};
  config.profile = text_or_empty(options.profile);
  config.endpoint = text_or_empty(options.endpoint);
  config.region = text_or_empty(options.region);
  config.ca_file = text_or_empty(options.ca_file);
  if (options.path_style >= 0) config.path_style = options.path_style != 0;
  return config;
}

Result<std::shared_ptr<Downloader>> downloader_of(const rtpx_s3_options* options, const std::stop_token& stop) {
  if (options == nullptr) return nullptr;
  return make_s3_downloader(s3_config(s3_options(options)), 0, stop);
}

}  // namespace rtpx::capi

using namespace rtpx;

rtpx_uploader* rtpx_uploader_s3(const rtpx_s3_options* options, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_uploader*>(nullptr), [&]() -> rtpx_uploader* {
    const rtpx_s3_options wanted = capi::s3_options(options);
    S3UploadConfig config;
    config.bucket_name = capi::text_or_empty(wanted.bucket_name);
    config.base_path = capi::text_or_empty(wanted.base_path);
    config.upload_manifest = wanted.upload_manifest != 0;
    config.overrides = capi::s3_config(wanted);
    config.delete_after_upload = wanted.delete_after_upload != 0;
    config.retry_for = std::chrono::seconds(wanted.retry_seconds);
    auto made = make_s3_uploader(config);
    if (!made) {
      capi::set_error(error, std::move(made).error());
      return nullptr;
    }
    return new rtpx_uploader{*std::move(made)};
  });
}

void rtpx_uploader_free(rtpx_uploader* uploader) { delete uploader; }
