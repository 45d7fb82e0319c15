#pragma once

#include <memory>
#include <stop_token>

#include "rtpx/rtpx.h"
#include "rtpx/s3.hpp"

struct rtpx_uploader {
  std::shared_ptr<rtpx::Uploader> uploader;
};

namespace rtpx::capi {

[[nodiscard]] S3Config s3_config(const rtpx_s3_options& options);
/// Null where there are no options. Errors: as make_s3_downloader().
[[nodiscard]] Result<std::shared_ptr<Downloader>> downloader_of(const rtpx_s3_options* options,
                                                                const std::stop_token& stop);
[[nodiscard]] rtpx_s3_options s3_options(const rtpx_s3_options* options) noexcept;

}  // namespace rtpx::capi
