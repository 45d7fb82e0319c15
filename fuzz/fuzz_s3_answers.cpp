// What S3 services, token services and the AWS files say.
#include <string_view>

#include "require.hpp"
#include "s3/answers.hpp"
#include "s3/names.hpp"
#include "s3/profile.hpp"
#include "s3/temporary_credentials.hpp"

using namespace rtpx::s3;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ServiceError error = parse_service_error(text);
  require(error.message.size() <= 303);
  require(error.message.find_first_of("\n\r\t\x1b") == std::string::npos);
  (void)parse_object_page(text);
  (void)parse_upload_page(text);
  (void)parse_upload_id(text);
  (void)says_completed(text);
  if (const auto found = parse_sts_credentials(text)) require(!found->credentials.secret_access_key.empty());
  if (const auto found = parse_credentials_json(text)) require(!found->credentials.secret_access_key.empty());
  (void)ini_section(text, "default");
  if (check_download_name(text)) require(text.front() != '.' && text.find("/.") == text.npos);
  return 0;
}
