#include "server/front/shown_text.hpp"

namespace rtpx::server {
namespace {

bool is_in_path(char c) noexcept {
  return c == '/' || c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
         (c >= 'a' && c <= 'z');
}

}  // namespace

std::string shown(std::string message, const std::filesystem::path& base_dir) {
  for (const std::filesystem::path& form : {std::filesystem::absolute(base_dir).lexically_normal(), base_dir}) {
    std::string folder = form.string();
    if (!folder.ends_with('/')) folder += '/';
    if (folder == "/") continue;
    for (std::size_t at = 0; (at = message.find(folder, at)) != std::string::npos;) {
      if (at > 0 && is_in_path(message[at - 1]))
        at += folder.size();
      else
        message.erase(at, folder.size());
    }
  }
  return message;
}

}  // namespace rtpx::server
