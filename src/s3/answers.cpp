#include "s3/answers.hpp"

#include <algorithm>
#include <cstdlib>
#include <pugixml.hpp>

namespace rtpx::s3 {
namespace {

constexpr std::size_t kLongestMessage = 300;

/// Servers may send white space before the document, to show that they still work on it.
pugi::xml_document parse(std::string_view body) {
  pugi::xml_document xml;
  body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n"), body.size()));
  if (!xml.load_buffer(body.data(), body.size())) xml.reset();
  return xml;
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  if (text.size() > kLongestMessage) {
    text.resize(kLongestMessage);
    text += "…";
  }
  return text;
}

std::string unquoted(std::string text) {
  std::erase(text, '"');
  return text;
}

bool is_true(const pugi::xml_node& node, const char* name) {
  return std::string_view(node.child_value(name)) == "true";
}

}  // namespace

ServiceError parse_service_error(std::string_view body) {
  const auto xml = parse(body);
  auto error = xml.child("Error");
  if (!error) error = xml.child("ErrorResponse").child("Error");
  return {one_line(error.child_value("Code")), one_line(error.child_value("Message")),
          one_line(error.child_value("Region"))};
}

std::optional<ObjectPage> parse_object_page(std::string_view body) {
  const auto xml = parse(body);
  const auto root = xml.child("ListBucketResult");
  if (!root) return std::nullopt;
  ObjectPage page;
  for (const auto node : root.children("Contents")) {
    S3Object object;
    object.key = node.child_value("Key");
    object.bytes = std::strtoull(node.child_value("Size"), nullptr, 10);
    object.modified = node.child_value("LastModified");
    object.etag = unquoted(node.child_value("ETag"));
    page.objects.push_back(std::move(object));
  }
  if (is_true(root, "IsTruncated")) page.next = root.child_value("NextContinuationToken");
  return page;
}

std::optional<UploadPage> parse_upload_page(std::string_view body) {
  const auto xml = parse(body);
  const auto root = xml.child("ListMultipartUploadsResult");
  if (!root) return std::nullopt;
  UploadPage page;
  for (const auto node : root.children("Upload"))
    page.uploads.push_back({node.child_value("Key"), node.child_value("UploadId")});
  if (is_true(root, "IsTruncated")) {
    page.next_key = root.child_value("NextKeyMarker");
    page.next_id = root.child_value("NextUploadIdMarker");
  }
  return page;
}

std::string parse_upload_id(std::string_view body) {
  return parse(body).child("InitiateMultipartUploadResult").child_value("UploadId");
}

bool says_completed(std::string_view body) {
  return !parse(body).child("CompleteMultipartUploadResult").empty();
}

std::optional<StsCredentials> parse_sts_credentials(std::string_view body) {
  const auto xml = parse(body);
  const auto node = xml.first_child().first_child().child("Credentials");
  const S3Credentials found{node.child_value("AccessKeyId"), node.child_value("SecretAccessKey"),
                            node.child_value("SessionToken")};
  if (found.access_key_id.empty() || found.secret_access_key.empty()) return std::nullopt;
  return StsCredentials{found, node.child_value("Expiration")};
}

}  // namespace rtpx::s3
