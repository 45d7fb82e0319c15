#include "s3/client.hpp"

#include <algorithm>
#include <set>

#include "s3/names.hpp"
#include "s3/sign.hpp"

namespace rtpx::s3 {
namespace {

constexpr int kCorruptedTries = 3;
constexpr int kEmptyPages = 100;                // in a row, of a list
constexpr std::size_t kMostListed = 1'000'000;  // objects or uploads of a list
constexpr int kQuietTimes = 3;  // so many times the usual patience with a service that assembles an object
constexpr const char* kCrc32c = "CRC32C";
constexpr const char* kCondition = "if-none-match";

std::string unquote(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

bool worth_retrying(long status) {
  return status == 408 || status == 429 || (status >= 500 && status != 501);
}

/// Errors that pass, and come with other statuses too: 409, or 200 where that was sent before they were
/// known.
bool is_passing(const std::string& code) {
  static const std::set<std::string> kPassing = {
      "InternalError",    "SlowDown", "ServiceUnavailable",        "RequestTimeout",
      "OperationAborted", "503",      "ConditionalRequestConflict"};
  return kPassing.contains(code);
}

bool worth_retrying(const HttpResponse& answer) {
  return worth_retrying(answer.status) ||
         (answer.status == 409 && is_passing(parse_service_error(answer.body).code));
}

const char* content_type(const std::string& key) {
  return key.ends_with(".json") ? "application/json" : "application/octet-stream";
}

/// ETags under these are no MD5 of the content, though some services let them be one.
bool is_encrypted(const HttpResponse& answer) {
  return answer.header("x-amz-server-side-encryption").starts_with("aws:kms") ||
         !answer.header("x-amz-server-side-encryption-customer-algorithm").empty();
}

/// All but its size.
ObjectInfo info_in(const HttpResponse& answer) {
  ObjectInfo info;
  info.etag = unquote(answer.header("etag"));
  info.encrypted = is_encrypted(answer);
  constexpr std::string_view kPrefix = "x-amz-meta-";
  for (const auto& [name, value] : answer.headers)
    if (name.starts_with(kPrefix)) info.metadata[name.substr(kPrefix.size())] = value;
  return info;
}

/// Follows a list from page to page, and finds out one that has no end.
class PageGuard {
 public:
  /// False: the list goes in circles, or on for ever.
  bool accept(std::size_t entries, const std::string& next) {
    total_ += entries;
    empty_ = entries == 0 ? empty_ + 1 : 0;
    return total_ <= kMostListed && empty_ <= kEmptyPages && (next.empty() || seen_.insert(next).second);
  }

 private:
  std::set<std::string> seen_;
  std::size_t total_ = 0;
  int empty_ = 0;
};

}  // namespace

struct Client::Call {
  std::string method;
  S3Url object;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // signed; lower-case names
  std::variant<std::string, FileRange> body;
  std::string payload_hash = "UNSIGNED-PAYLOAD";
  std::function<bool(Bytes)> on_body;
  std::chrono::seconds quiet_time{0};  // HttpRequest::quiet_time
};

Client::Client(const S3Config& config)
    : config_(complete(config)),
      http_({config_.ca_file, config_.connect_timeout, config_.low_speed_time}),
      credentials_(config_, http_) {}

Result<HttpResponse> Client::send_once(const Call& call, std::stop_token stop) {
  auto credentials = credentials_.get();
  if (!credentials) return std::unexpected(credentials.error());
  const std::size_t scheme_end = config_.endpoint.find("://");
  if (scheme_end == std::string::npos)
    return fail(Errc::invalid_argument,
                "The S3 endpoint \"" + config_.endpoint + "\" is no URL; write https://HOST[:PORT].");
  const std::string scheme = config_.endpoint.substr(0, scheme_end);
  const std::string authority = config_.endpoint.substr(scheme_end + 3);

  SignedParts parts;
  parts.method = call.method;
  parts.host = *config_.path_style ? authority : call.object.bucket + "." + authority;
  parts.encoded_path =
      "/" +
      uri_encode(*config_.path_style ? call.object.bucket + "/" + call.object.key : call.object.key, true);
  parts.query = call.query;
  parts.headers = call.headers;
  if (!knows_conditions_) parts.headers.erase(kCondition);
  const auto* text = std::get_if<std::string>(&call.body);
  parts.payload_hash = text != nullptr && text->empty() ? hex(sha256("")) : call.payload_hash;
  if (parts.host.ends_with(scheme == "https" ? ":443" : ":80")) parts.host.resize(parts.host.rfind(':'));

  HttpRequest request;
  request.method = call.method;
  const std::string query = canonical_query(call.query);
  request.url = scheme + "://" + (*config_.path_style ? authority : call.object.bucket + "." + authority) +
                parts.encoded_path + (query.empty() ? "" : "?" + query);
  request.headers = sign(parts, *credentials, config_.region,
                         std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  request.body = call.body;
  request.on_body = call.on_body;
  request.quiet_time = call.quiet_time;
  return http_.perform(request, stop);
}

Result<HttpResponse> Client::send(const Call& call, CallContext context, int* tries) {
  for (;;) {
    if (tries != nullptr) ++*tries;
    const bool conditional = knows_conditions_ && call.headers.contains(kCondition);
    auto answer = send_once(call, context.stop);
    if (answer && answer->status == 501 && conditional) {
      knows_conditions_ = false;
      continue;
    }
    if (answer && !worth_retrying(*answer)) {
      if (answer->status / 100 != 2) return std::unexpected(explain(call, *answer));
      context.budget.succeeded();
      return answer;
    }
    if (!answer && answer.error().code != Errc::network) return answer;
    const Error error =
        answer ? explain(call, *answer)
               : Error{Errc::network, "Cannot reach " + config_.endpoint + " for " + call.object.text() +
                                          ": " + answer.error().message + "."};
    if (context.budget.wait(context.stop, error.message)) continue;
    if (context.stop.stop_requested()) return fail(Errc::cancelled, "The transfer was cancelled.");
    return std::unexpected(error);
  }
}

Error Client::explain(const Call& call, const HttpResponse& answer) const {
  const ServiceError said = parse_service_error(answer.body);
  Error error = explain_status(call, answer, said);
  if (!said.message.empty()) error.message += " The service says: " + said.message;
  if (!said.message.empty() && !said.message.ends_with('.')) error.message += '.';
  return error;
}

Error Client::explain_status(const Call& call, const HttpResponse& answer, const ServiceError& said) const {
  const std::string& code = said.code;
  const std::string& bucket = call.object.bucket;
  const std::string where = call.object.text() + " at " + config_.endpoint;
  const auto is = [&](std::string_view name) { return code == name; };
  if (is("SignatureDoesNotMatch"))
    return {Errc::denied,
            "The secret key is wrong, or does not belong to the access key: " + config_.endpoint +
                " does not accept the signature. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."};
  if (is("InvalidAccessKeyId"))
    return {Errc::denied,
            "The access key is not known to " + config_.endpoint + ". Check AWS_ACCESS_KEY_ID."};
  if (is("AuthorizationHeaderMalformed") || is("PermanentRedirect") || is("InvalidRegion") ||
      answer.status == 301 || answer.status == 307) {
    std::string right = answer.header("x-amz-bucket-region");
    if (right.empty()) right = said.region;
    return {Errc::denied, "The region \"" + config_.region + "\" is wrong for bucket " + bucket + " at " +
                              config_.endpoint + (right.empty() ? "." : "; it is \"" + right + "\".") +
                              " Set AWS_REGION."};
  }
  if (is("RequestTimeTooSkewed"))
    return {Errc::denied, "The clock of this machine differs too much from that of " + config_.endpoint +
                              ". Set it right."};
  if (is("ExpiredToken") || is("InvalidToken"))
    return {Errc::denied, "The session token is not valid, or not any more. Get new credentials."};
  if (is("NoSuchBucket"))
    return {Errc::not_found,
            "There is no bucket " + bucket + " at " + config_.endpoint + ". Create it, or check the name."};
  if (is("AccessDenied") || answer.status == 403)
    return {Errc::denied, "These credentials may not " + call.method + " " + where +
                              (code.empty() ? "" : " (" + code + ")") +
                              ". Check the key, its permissions and the region."};
  if (answer.status == 404)
    return {Errc::not_found, "There is no " + where + (code.empty() ? "" : " (" + code + ")") + "."};
  if (answer.status == 412)
    return {Errc::already_exists, where + " is there already, and is not overwritten."};
  const std::string what = code.empty() ? "HTTP " + std::to_string(answer.status)
                                        : code + ", HTTP " + std::to_string(answer.status);
  return {answer.status >= 500 || answer.status == 429 || answer.status == 408 ? Errc::network : Errc::io,
          config_.endpoint + " refused " + call.method + " " + call.object.text() + " (" + what + ")."};
}

Result<PartChecksums> Client::put_body(Call& call, CallContext context) {
  using Want = Digests::Want;
  const auto mode = config_.payload_checksum;
  unsigned wanted = static_cast<unsigned>(Want::md5);
  if (mode == S3Config::Checksum::sha256) wanted |= static_cast<unsigned>(Want::sha256);
  if (mode == S3Config::Checksum::crc32c) wanted |= static_cast<unsigned>(Want::crc32c);
  Digests digests(wanted);
  if (const auto* text = std::get_if<std::string>(&call.body))
    digests.add(as_bytes(*text));
  else if (auto read = digest_range(std::get<FileRange>(call.body), digests); !read)
    return std::unexpected(read.error());
  PartChecksums sums;
  sums.md5 = digests.md5();
  if (mode == S3Config::Checksum::sha256) call.payload_hash = hex(digests.sha256());
  if (mode == S3Config::Checksum::crc32c) {
    std::array<std::uint8_t, 4> sum{};
    store_be(reinterpret_cast<std::byte*>(sum.data()), digests.crc32c());
    sums.crc32c = base64(sum);
    call.headers["x-amz-checksum-crc32c"] = sums.crc32c;
    call.headers["x-amz-sdk-checksum-algorithm"] = kCrc32c;  // without its name, Ceph does not check it
  }
  for (int attempt = 1;; ++attempt) {
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    sums.etag = unquote(answer->header("etag"));
    if (!etag_is_md5(sums.etag) || sums.etag == simple_etag(sums.md5) || is_encrypted(*answer)) return sums;
    if (attempt == kCorruptedTries)
      return fail(Errc::io, "What " + config_.endpoint + " stored as " + call.object.text() +
                                " differs from what was sent (ETag " + sums.etag + ", MD5 " +
                                simple_etag(sums.md5) + "), " + std::to_string(attempt) + " times.");
    call.headers.erase(kCondition);  // what is there now is ours, and wrong
  }
}

Result<PartChecksums> Client::put(const S3Url& object, const std::variant<std::string, FileRange>& body,
                                  CallContext context, Replace replace) {
  Call call;
  call.method = "PUT";
  call.object = object;
  call.headers = {{"content-type", content_type(object.key)}};
  call.body = body;
  if (replace == Replace::nothing) call.headers[kCondition] = "*";
  return put_body(call, context);
}

Result<PartChecksums> Client::put_part(const S3Url& object, const std::string& upload_id, int part,
                                       const FileRange& range, CallContext context) {
  Call call;
  call.method = "PUT";
  call.object = object;
  call.query = {{"partNumber", std::to_string(part)}, {"uploadId", upload_id}};
  call.body = range;
  return put_body(call, context);
}

Result<Client::CreatedUpload> Client::create_upload(const S3Url& object,
                                                    const std::map<std::string, std::string>& metadata,
                                                    CallContext context) {
  Call call;
  call.method = "POST";
  call.object = object;
  call.query = {{"uploads", ""}};
  call.headers = {{"content-type", content_type(object.key)}};
  for (const auto& [name, value] : metadata) call.headers["x-amz-meta-" + name] = value;
  if (config_.payload_checksum == S3Config::Checksum::crc32c)
    call.headers["x-amz-checksum-algorithm"] = kCrc32c;
  int tries = 0;
  auto answer = send(call, context, &tries);
  if (!answer) return std::unexpected(answer.error());
  std::string id = parse_upload_id(answer->body);
  if (id.empty())
    return fail(Errc::malformed, config_.endpoint + " began no multipart upload of " + object.text() + ".");
  return CreatedUpload{std::move(id), tries > 1};
}

Result<void> Client::complete_upload(const S3Url& object, const std::string& upload_id,
                                     const std::vector<PartChecksums>& parts, CallContext context,
                                     Replace replace) {
  Call call;
  call.method = "POST";
  call.object = object;
  call.query = {{"uploadId", upload_id}};
  call.headers = {{"content-type", "application/xml"}};
  if (replace == Replace::nothing) call.headers[kCondition] = "*";
  std::string body = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    body +=
        "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>\"" + parts[i].etag + "\"</ETag>";
    if (!parts[i].crc32c.empty()) body += "<ChecksumCRC32C>" + parts[i].crc32c + "</ChecksumCRC32C>";
    body += "</Part>";
  }
  body += "</CompleteMultipartUpload>";
  call.payload_hash = hex(sha256(body));
  call.body = body;
  call.quiet_time = kQuietTimes * config_.low_speed_time;
  for (;;) {
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    if (says_completed(answer->body)) return {};
    const std::string code = parse_service_error(answer->body).code;
    const bool passing = code.empty() || is_passing(code);  // without a code, the answer was cut off
    if (!passing || !context.budget.wait(context.stop)) {
      answer->status = code == "NoSuchUpload"         ? 404
                       : code == "PreconditionFailed" ? 412
                       : passing                      ? 503
                                                      : 400;
      return std::unexpected(explain(call, *answer));
    }
  }
}

Result<void> Client::abort_upload(const S3Url& object, const std::string& upload_id, CallContext context) {
  Call call;
  call.method = "DELETE";
  call.object = object;
  call.query = {{"uploadId", upload_id}};
  auto answer = send(call, context);
  if (!answer && answer.error().code != Errc::not_found) return std::unexpected(answer.error());
  return {};
}

Result<std::vector<OpenUpload>> Client::open_uploads(const S3Url& prefix, CallContext context) {
  std::vector<OpenUpload> out;
  PageGuard guard;
  Call call;
  call.method = "GET";
  call.object = {prefix.bucket, ""};
  call.query = {{"uploads", ""}, {"prefix", prefix.key}};
  for (;;) {
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    auto page = parse_upload_page(answer->body);
    if (!page) return fail(Errc::malformed, no_list(prefix));
    const std::size_t count = page->uploads.size();
    std::ranges::move(page->uploads, std::back_inserter(out));
    if (page->next_key.empty() && page->next_id.empty()) return out;
    if (!guard.accept(count, page->next_key + "\n" + page->next_id))
      return fail(Errc::malformed, endless(prefix));
    call.query["key-marker"] = page->next_key;
    call.query["upload-id-marker"] = page->next_id;
  }
}

Result<ObjectInfo> Client::head(const S3Url& object, CallContext context) {
  Call call;
  call.method = "HEAD";
  call.object = object;
  auto answer = send(call, context);
  if (!answer && answer.error().code != Errc::not_found && answer.error().code != Errc::network &&
      answer.error().code != Errc::cancelled) {
    // The answer to HEAD has no body to say why; the same question with one has.
    call.method = "GET";
    call.headers = {{"range", "bytes=0-0"}};
    const auto why = send(call, context);
    return std::unexpected(why ? answer.error() : why.error());
  }
  if (!answer) return std::unexpected(answer.error());
  ObjectInfo info = info_in(*answer);
  info.bytes = std::strtoull(answer->header("content-length").c_str(), nullptr, 10);
  return info;
}

Result<void> Client::get(const S3Url& object, std::uint64_t from, std::uint64_t length,
                         const std::string& etag, std::function<bool(Bytes)> sink, CallContext context,
                         ObjectInfo* info) {
  std::uint64_t done = 0;
  bool refused = false;
  while (done < length) {
    Call call;
    call.method = "GET";
    call.object = object;
    call.headers = {
        {"range", "bytes=" + std::to_string(from + done) + "-" + std::to_string(from + length - 1)}};
    if (!etag.empty()) call.headers["if-match"] = "\"" + etag + "\"";
    call.on_body = [&](Bytes piece) {
      refused = piece.size() > length - done || !sink(piece);
      done += piece.size();
      return !refused;
    };
    const std::uint64_t before = done;
    auto answer = send_once(call, context.stop);
    if (refused) return fail(Errc::cancelled, "The download of " + object.text() + " was stopped.");
    if (answer && answer->status == 412)
      return fail(Errc::malformed, object.text() + " changed while it was downloaded. Start again.");
    if (answer && answer->status == 200 && from + before > 0)
      return fail(Errc::unsupported, config_.endpoint + " does not answer with a part of " + object.text() +
                                         ": it knows no ranges. Download it whole.");
    if (answer && answer->status / 100 == 2 && done > before) {
      context.budget.succeeded();
      if (info != nullptr) *info = info_in(*answer);
      continue;
    }
    if (answer && !worth_retrying(*answer) && answer->status / 100 != 2)
      return std::unexpected(explain(call, *answer));
    if (!answer && answer.error().code != Errc::network) return std::unexpected(answer.error());
    if (done > before) context.budget.succeeded();
    if (!context.budget.wait(context.stop)) {
      if (context.stop.stop_requested()) return fail(Errc::cancelled, "The transfer was cancelled.");
      return fail(Errc::network,
                  "Cannot fetch " + object.text() + " from " + config_.endpoint + ": " +
                      (answer ? "HTTP " + std::to_string(answer->status) : answer.error().message) + ".");
    }
  }
  return {};
}

Result<std::string> Client::get_text(const S3Url& object, CallContext context) {
  Call call;
  call.method = "GET";
  call.object = object;
  auto answer = send(call, context);
  if (!answer) return std::unexpected(answer.error());
  return std::move(answer->body);
}

Result<std::vector<S3Object>> Client::list(const S3Url& prefix, CallContext context) {
  std::vector<S3Object> out;
  PageGuard guard;
  Call call;
  call.method = "GET";
  call.object = {prefix.bucket, ""};
  call.query = {{"list-type", "2"}, {"prefix", prefix.key}};
  for (;;) {
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    auto page = parse_object_page(answer->body);
    if (!page) return fail(Errc::malformed, no_list(prefix));
    for (const S3Object& object : page->objects)
      if (!object.key.starts_with(prefix.key))
        return fail(Errc::malformed,
                    config_.endpoint + " lists an object that is not below " + prefix.text() + ".");
    const std::size_t count = page->objects.size();
    std::ranges::move(page->objects, std::back_inserter(out));
    if (page->next.empty()) return out;
    if (!guard.accept(count, page->next)) return fail(Errc::malformed, endless(prefix));
    call.query["continuation-token"] = page->next;
  }
}

std::string Client::no_list(const S3Url& prefix) const {
  return config_.endpoint + " answers no list of " + prefix.text() + ". Is it an S3 service?";
}

std::string Client::endless(const S3Url& prefix) const {
  return config_.endpoint + " lists " + prefix.text() + " in circles, or more than " +
         std::to_string(kMostListed) + " entries of it. Name a longer prefix.";
}

Result<void> Client::remove(const S3Url& object, CallContext context) {
  Call call;
  call.method = "DELETE";
  call.object = object;
  auto answer = send(call, context);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

}  // namespace rtpx::s3
