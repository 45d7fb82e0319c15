#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace rtpx::server {

/// Of a converted file, by its name.
[[nodiscard]] inline const char* content_type(const std::string& name) {
  static const std::map<std::string, const char*> kTypes = {
      {".webm", "video/webm"},       {".mkv", "video/x-matroska"}, {".mp4", "video/mp4"},
      {".ogg", "audio/ogg"},         {".wav", "audio/wav"},        {".jpg", "image/jpeg"},
      {".json", "application/json"}, {".vtt", "text/vtt"},
  };
  const auto at = kTypes.find(std::filesystem::path(name).extension());
  return at == kTypes.end() ? "application/octet-stream" : at->second;
}

}  // namespace rtpx::server
