#include "server/http/message.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace rtpx::http {
namespace {

const char* reason_of(int status) {
  static const std::map<int, const char*> kReasons = {{200, "OK"},
                                                      {201, "Created"},
                                                      {202, "Accepted"},
                                                      {204, "No Content"},
                                                      {206, "Partial Content"},
                                                      {304, "Not Modified"},
                                                      {400, "Bad Request"},
                                                      {401, "Unauthorized"},
                                                      {403, "Forbidden"},
                                                      {404, "Not Found"},
                                                      {405, "Method Not Allowed"},
                                                      {408, "Request Timeout"},
                                                      {409, "Conflict"},
                                                      {411, "Length Required"},
                                                      {412, "Precondition Failed"},
                                                      {413, "Content Too Large"},
                                                      {414, "URI Too Long"},
                                                      {415, "Unsupported Media Type"},
                                                      {416, "Range Not Satisfiable"},
                                                      {417, "Expectation Failed"},
                                                      {422, "Unprocessable Content"},
                                                      {429, "Too Many Requests"},
                                                      {431, "Request Header Fields Too Large"},
                                                      {500, "Internal Server Error"},
                                                      {501, "Not Implemented"},
                                                      {503, "Service Unavailable"},
                                                      {505, "HTTP Version Not Supported"},
                                                      {507, "Insufficient Storage"}};
  const auto at = kReasons.find(status);
  return at == kReasons.end() ? "Unknown" : at->second;
}

bool is_named(const Headers::value_type& header, std::string_view name) {
  return header.first.size() == name.size() &&
         ::strncasecmp(header.first.data(), name.data(), name.size()) == 0;
}

/// A value that would end its line is a fault of ours; the line is what must stay whole.
void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out += "\r\n";
}

}  // namespace

std::string joined(const Headers& headers, std::string_view name) {
  std::string out;
  for (const auto& header : headers)
    if (is_named(header, name)) out += (out.empty() ? "" : ", ") + header.second;
  return out;
}

std::string_view header_of(const Headers& headers, std::string_view name) {
  const auto at = std::ranges::find_if(headers, [&](const auto& header) { return is_named(header, name); });
  return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Response& Response::with(std::string name, std::string value) & {
  headers.emplace_back(std::move(name), std::move(value));
  return *this;
}
Response&& Response::with(std::string name, std::string value) && {
  return std::move(with(std::move(name), std::move(value)));
}

Response empty(int status) {
  Response out;
  out.status = status;
  return out;
}

Response text(std::string body, std::string type, int status) {
  Response out;
  out.status = status;
  out.with("Content-Type", std::move(type));
  out.body = std::move(body);
  return out;
}

namespace {
std::string dumped(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
}  // namespace

Response json(const nlohmann::json& value, int status) {
  return text(dumped(value), "application/json", status).with("Cache-Control", "no-store");
}

Response problem(int status, std::string_view detail) {
  return text(dumped({{"status", status}, {"detail", detail}}), "application/problem+json", status)
      .with("Cache-Control", "no-store");
}

bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

std::string http_date(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::string head_of(const Response& response, bool keep_alive, bool http_1_0) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " + reason_of(response.status) + "\r\n";
  append_line(out, "Date", http_date(std::time(nullptr)));
  for (const auto& [name, value] : response.headers) append_line(out, name, value);
  if (!keep_alive)
    append_line(out, "Connection", "close");
  else if (http_1_0)
    append_line(out, "Connection", "keep-alive");
  return out + "\r\n";
}

}  // namespace rtpx::http
