#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx::s3 {

/// A stretch of a file as a request's body: read as it is sent, so memory does not grow with it.
struct FileRange {
  std::filesystem::path file;
  std::uint64_t offset = 0, length = 0;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::variant<std::string, FileRange> body;
  /// Takes a 2xx answer's body piece by piece; false ends the transfer. Unset: the body is collected, up to
  /// 16 MiB.
  std::function<bool(Bytes)> on_body;
  /// Above 0: the answer may take any time and come at any speed, but be silent no longer than this.
  std::chrono::seconds quiet_time{0};
  std::chrono::milliseconds connect_timeout{0};  ///< 0: that of the Http
  bool direct = false;                           ///< never through a proxy
};

struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? std::string() : at->second;
  }
};

/// HTTP transfers on one thread over one libcurl multi handle: connections are reused between callers.
/// perform() waits and may be called by many threads at once.
class Http {
 public:
  struct Options {
    std::string ca_file;
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::seconds low_speed_time{20};
  };
  explicit Http(Options options);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// Any HTTP status is an answer. Errors: network (the message names what failed, never a header),
  /// denied (a certificate that is not trusted), io (reading the body's file, a regular one), cancelled.
  [[nodiscard]] Result<HttpResponse> perform(const HttpRequest& request, std::stop_token stop = {});

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace rtpx::s3
