#include "s3/client.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pugixml.hpp>

#include "s3/names.hpp"
#include "s3/sign.hpp"

namespace rtpx::s3 {
namespace {

constexpr int kCorruptedTries = 3;

std::string unquote(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

bool worth_retrying(long status) {
  return status == 408 || status == 429 || status >= 500;
}

/// The <Code> of an error document; empty when it is none.
std::string error_code(const std::string& body) {
  pugi::xml_document xml;
  if (!xml.load_buffer(body.data(), body.size())) return {};
  return xml.child("Error").child_value("Code");
}

/// Reads the body once for the digests that the request needs.
Result<void> digest_body(const std::variant<std::string, FileRange>& body, Digests& digests) {
  if (const auto* text = std::get_if<std::string>(&body)) {
    digests.add(as_bytes(*text));
    return {};
  }
  const auto& range = std::get<FileRange>(body);
  const auto failed = [&](int error) {
    return fail(Errc::io,
                "Cannot read " + range.file.string() + ": " +
                    (error != 0 ? std::strerror(error) : "it is shorter than when the upload began") + ".");
  };
  const int file = ::open(range.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed(errno);
  std::vector<std::byte> buffer(std::min<std::uint64_t>(range.length, 256U << 10));
  std::uint64_t done = 0;
  int error = 0;
  while (done < range.length) {
    const auto want = std::min<std::uint64_t>(buffer.size(), range.length - done);
    const ssize_t got = ::pread(file, buffer.data(), want, static_cast<off_t>(range.offset + done));
    if (got <= 0) {
      error = got < 0 ? errno : 0;
      break;
    }
    digests.add(Bytes(buffer.data(), static_cast<std::size_t>(got)));
    done += static_cast<std::uint64_t>(got);
  }
  ::close(file);
  if (done < range.length) return failed(error);
  return {};
}

}  // namespace

Result<Md5> md5_of(const FileRange& range) {
  Digests digests(static_cast<unsigned>(Digests::Want::md5));
  if (auto read = digest_body(range, digests); !read) return std::unexpected(read.error());
  return digests.md5();
}

struct Client::Call {
  std::string method;
  S3Url object;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // signed; lower-case names
  std::variant<std::string, FileRange> body;
  std::string payload_hash = "UNSIGNED-PAYLOAD";
  std::function<bool(Bytes)> on_body;
  std::function<void(std::uint64_t)> on_sent;
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
  request.on_sent = call.on_sent;
  return http_.perform(request, stop);
}

Result<HttpResponse> Client::send(const Call& call, CallContext context, int* tries) {
  for (;;) {
    if (tries != nullptr) ++*tries;
    auto answer = send_once(call, context.stop);
    if (answer && !worth_retrying(answer->status)) {
      if (answer->status / 100 != 2) return std::unexpected(explain(call, *answer));
      context.budget.succeeded();
      return answer;
    }
    if (!answer && answer.error().code != Errc::network) return answer;
    if (!context.budget.wait(context.stop)) {
      if (context.stop.stop_requested()) return fail(Errc::cancelled, "The transfer was cancelled.");
      if (answer) return std::unexpected(explain(call, *answer));
      return fail(Errc::network, "Cannot reach " + config_.endpoint + " for " + call.object.text() + ": " +
                                     answer.error().message + ".");
    }
  }
}

Error Client::explain(const Call& call, const HttpResponse& answer) const {
  const std::string code = error_code(answer.body);
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
    pugi::xml_document xml;
    xml.load_buffer(answer.body.data(), answer.body.size());
    std::string right = answer.header("x-amz-bucket-region");
    if (right.empty()) right = xml.child("Error").child_value("Region");
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
    return {Errc::not_found, "There is no " + where + "." + (code.empty() ? "" : " (" + code + ")")};
  const std::string what = code.empty() ? "HTTP " + std::to_string(answer.status)
                                        : code + ", HTTP " + std::to_string(answer.status);
  return {answer.status >= 500 || answer.status == 429 || answer.status == 408 ? Errc::network : Errc::io,
          config_.endpoint + " refused " + call.method + " " + call.object.text() + " (" + what + ")."};
}

Result<std::string> Client::put_body(Call& call, Md5& md5, CallContext context) {
  using Want = Digests::Want;
  unsigned wanted = static_cast<unsigned>(Want::md5);
  if (config_.payload_checksum == S3Config::Checksum::sha256) wanted |= static_cast<unsigned>(Want::sha256);
  if (config_.payload_checksum == S3Config::Checksum::crc32c) wanted |= static_cast<unsigned>(Want::crc32c);
  Digests digests(wanted);
  if (auto read = digest_body(call.body, digests); !read) return std::unexpected(read.error());
  md5 = digests.md5();
  if (config_.payload_checksum == S3Config::Checksum::sha256) call.payload_hash = hex(digests.sha256());
  if (config_.payload_checksum == S3Config::Checksum::crc32c) {
    std::array<std::uint8_t, 4> sum{};
    store_be(reinterpret_cast<std::byte*>(sum.data()), digests.crc32c());
    call.headers["x-amz-checksum-crc32c"] = base64(sum);
  }
  for (int attempt = 1;; ++attempt) {
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    const std::string etag = unquote(answer->header("etag"));
    if (!etag_is_md5(etag) || etag == simple_etag(md5)) return etag;
    if (attempt == kCorruptedTries)
      return fail(Errc::io, "What " + config_.endpoint + " stored as " + call.object.text() +
                                " differs from what was sent (ETag " + etag + ", MD5 " + simple_etag(md5) +
                                "), " + std::to_string(attempt) + " times.");
  }
}

Result<std::string> Client::put(const S3Url& object, const std::variant<std::string, FileRange>& body,
                                Md5& md5, CallContext context, std::function<void(std::uint64_t)> on_sent) {
  Call call{"PUT", object, {}, {}, body, "UNSIGNED-PAYLOAD", {}, std::move(on_sent)};
  return put_body(call, md5, context);
}

Result<std::string> Client::put_part(const S3Url& object, const std::string& upload_id, int part,
                                     const FileRange& range, Md5& md5, CallContext context,
                                     std::function<void(std::uint64_t)> on_sent) {
  Call call{"PUT",
            object,
            {{"partNumber", std::to_string(part)}, {"uploadId", upload_id}},
            {},
            range,
            "UNSIGNED-PAYLOAD",
            {},
            std::move(on_sent)};
  return put_body(call, md5, context);
}

Result<Client::CreatedUpload> Client::create_upload(const S3Url& object, std::uint64_t part_bytes,
                                                    CallContext context) {
  Call call;
  call.method = "POST";
  call.object = object;
  call.query = {{"uploads", ""}};
  call.headers = {{"x-amz-meta-rtpx-part-bytes", std::to_string(part_bytes)}};
  int tries = 0;
  auto answer = send(call, context, &tries);
  if (!answer) return std::unexpected(answer.error());
  pugi::xml_document xml;
  xml.load_buffer(answer->body.data(), answer->body.size());
  const std::string id = xml.child("InitiateMultipartUploadResult").child_value("UploadId");
  if (id.empty())
    return fail(Errc::malformed, config_.endpoint + " began no multipart upload of " + object.text() + ".");
  return CreatedUpload{id, tries > 1};
}

Result<void> Client::complete_upload(const S3Url& object, const std::string& upload_id,
                                     const std::vector<std::string>& etags, CallContext context) {
  Call call;
  call.method = "POST";
  call.object = object;
  call.query = {{"uploadId", upload_id}};
  std::string body = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < etags.size(); ++i)
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>\"" + etags[i] +
            "\"</ETag></Part>";
  body += "</CompleteMultipartUpload>";
  call.payload_hash = hex(sha256(body));
  call.body = body;
  for (;;) {
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    const std::string code = error_code(answer->body);  // a 200 may still hold an error
    if (code.empty()) return {};
    const bool passing = code == "InternalError" || code == "SlowDown" || code == "ServiceUnavailable";
    if (!passing || !context.budget.wait(context.stop)) {
      answer->status = passing ? 503 : 400;
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
  std::string key_marker, id_marker;
  for (;;) {
    Call call;
    call.method = "GET";
    call.object = {prefix.bucket, ""};
    call.query = {{"uploads", ""}, {"prefix", prefix.key}};
    if (!key_marker.empty()) {
      call.query["key-marker"] = key_marker;
      call.query["upload-id-marker"] = id_marker;
    }
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    pugi::xml_document xml;
    xml.load_buffer(answer->body.data(), answer->body.size());
    const auto root = xml.child("ListMultipartUploadsResult");
    for (const auto upload : root.children("Upload"))
      out.push_back({upload.child_value("Key"), upload.child_value("UploadId")});
    const std::string next = root.child_value("NextKeyMarker");
    if (std::string_view(root.child_value("IsTruncated")) != "true" || next.empty()) return out;
    key_marker = next;
    id_marker = root.child_value("NextUploadIdMarker");
  }
}

Result<ObjectInfo> Client::head(const S3Url& object, CallContext context) {
  Call call;
  call.method = "HEAD";
  call.object = object;
  auto answer = send(call, context);
  if (!answer) return std::unexpected(answer.error());
  ObjectInfo info;
  info.bytes = std::strtoull(answer->header("content-length").c_str(), nullptr, 10);
  info.etag = unquote(answer->header("etag"));
  constexpr std::string_view kPrefix = "x-amz-meta-";
  for (const auto& [name, value] : answer->headers)
    if (name.starts_with(kPrefix)) info.metadata[name.substr(kPrefix.size())] = value;
  return info;
}

Result<void> Client::get(const S3Url& object, std::uint64_t from, std::uint64_t length,
                         const std::string& etag, std::function<bool(Bytes)> sink, CallContext context) {
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
    if (answer && answer->status / 100 == 2 && done > before) {
      context.budget.succeeded();
      continue;
    }
    if (answer && !worth_retrying(answer->status) && answer->status / 100 != 2)
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
  std::string token;
  for (;;) {
    Call call;
    call.method = "GET";
    call.object = {prefix.bucket, ""};
    call.query = {{"list-type", "2"}, {"prefix", prefix.key}};
    if (!token.empty()) call.query["continuation-token"] = token;
    auto answer = send(call, context);
    if (!answer) return std::unexpected(answer.error());
    pugi::xml_document xml;
    xml.load_buffer(answer->body.data(), answer->body.size());
    const auto root = xml.child("ListBucketResult");
    for (const auto node : root.children("Contents")) {
      S3Object object;
      object.key = node.child_value("Key");
      object.bytes = std::strtoull(node.child_value("Size"), nullptr, 10);
      object.modified = node.child_value("LastModified");
      object.etag = unquote(node.child_value("ETag"));
      out.push_back(std::move(object));
    }
    token = root.child_value("NextContinuationToken");
    if (std::string_view(root.child_value("IsTruncated")) != "true" || token.empty()) return out;
  }
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
