#include "s3/sign.hpp"

#include <ctime>

#include "s3/digest.hpp"
#include "s3/names.hpp"

namespace rtpx::s3 {
namespace {

std::string utc(std::chrono::sys_seconds when, const char* format) {
  const std::time_t seconds = when.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

Sha256 signing_key(const std::string& secret, const std::string& day, const std::string& region,
                   const std::string& service) {
  Sha256 key = hmac_sha256("AWS4" + secret, day);
  for (const std::string& step : {region, service, std::string("aws4_request")})
    key = hmac_sha256(as_text(key), step);
  return key;
}

}  // namespace

std::string canonical_query(const std::map<std::string, std::string>& query) {
  std::string out;
  for (const auto& [name, value] : query)
    out += (out.empty() ? "" : "&") + uri_encode(name, false) + "=" + uri_encode(value, false);
  return out;
}

std::vector<std::string> sign(const SignedParts& parts, const S3Credentials& credentials,
                              const std::string& region, std::chrono::sys_seconds now) {
  const std::string day = utc(now, "%Y%m%d");
  const std::string time = utc(now, "%Y%m%dT%H%M%SZ");
  auto headers = parts.headers;
  headers["host"] = parts.host;
  headers["x-amz-content-sha256"] = parts.payload_hash;
  headers["x-amz-date"] = time;
  if (!credentials.session_token.empty()) headers["x-amz-security-token"] = credentials.session_token;

  std::string canonical_headers, names;
  for (const auto& [name, value] : headers) {
    canonical_headers += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = parts.method + "\n" + parts.encoded_path + "\n" +
                                canonical_query(parts.query) + "\n" + canonical_headers + "\n" + names +
                                "\n" + parts.payload_hash;
  const std::string scope = day + "/" + region + "/" + parts.service + "/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + hex(sha256(canonical));
  const std::string signature = hex(
      hmac_sha256(as_text(signing_key(credentials.secret_access_key, day, region, parts.service)), to_sign));

  std::vector<std::string> out;
  for (const auto& [name, value] : headers) out.push_back(name + ": " + value);
  out.push_back("Authorization: AWS4-HMAC-SHA256 Credential=" + credentials.access_key_id + "/" + scope +
                ", SignedHeaders=" + names + ", Signature=" + signature);
  return out;
}

}  // namespace rtpx::s3
