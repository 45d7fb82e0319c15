#include "sealed/private_info.hpp"

#include <sodium.h>

#include "base/json.hpp"
#include "sealed/memory_file.hpp"
#include "sealed/sealed_files.hpp"

namespace rtpx::sealed {
namespace {

constexpr const char* kSealedKey = "sealed";
constexpr const char* kPrivateKeys[] = {"name", "key", "continues", "labels", "metadata", "participants", "marks"};
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

std::string to_base64(std::string_view bytes) {
  std::string base64(sodium_base64_ENCODED_LEN(bytes.size(), kBase64), '\0');
  sodium_bin2base64(base64.data(), base64.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    kBase64);
  base64.pop_back();  // its terminating zero
  return base64;
}

/// The sealed file in a parsed recording.json.
Result<std::string> sealed_in(const Json& json, const std::filesystem::path& path) {
  const auto base64 = json[kSealedKey].get<std::string>();
  std::string sealed(base64.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(sealed.data()), sealed.size(), base64.data(), base64.size(),
                        nullptr, &size, nullptr, kBase64) != 0)
    return fail(Errc::malformed, path.string() + ": \"sealed\" is no base64");
  sealed.resize(size);
  return sealed;
}

}  // namespace

Result<std::string> hide_private_info(std::string_view text, std::span<const Recipient> recipients) {
  auto json = parse_json(text, "recording.json");
  if (!json) return std::unexpected(json.error());
  if (!json->is_object()) return fail(Errc::malformed, "recording.json is not an object");
  Json hidden = Json::object();
  for (const char* key : kPrivateKeys)
    if (const auto at = json->find(key); at != json->end()) {
      hidden[key] = std::move(*at);
      json->erase(at);
    }
  const auto sealed = seal_bytes(as_bytes(dump_json(hidden)), recipients);
  if (!sealed) return std::unexpected(sealed.error());
  (*json)[kSealedKey] = to_base64(*sealed);
  return dump_json(*json);
}

bool holds_private_info(std::string_view text) {
  const auto json = parse_json(text, "recording.json");
  return json && json->is_object() && json->contains(kSealedKey) && (*json)[kSealedKey].is_string();
}

bool tells_an_end(std::string_view text) {
  const auto json = parse_json(text, "recording.json");
  if (!json || !json->is_object()) return false;
  const auto reason = json->find("end_reason");
  return json->contains("ended_at") && (reason == json->end() || *reason != "storage_failed");
}

Result<std::string> with_private_info(std::string_view text, SealedFiles& files, const std::filesystem::path& path) {
  auto json = parse_json(text, "recording.json");
  if (!json || !json->is_object()) return fail(Errc::malformed, path.string() + " is no JSON object");
  auto sealed = sealed_in(*json, path);
  if (!sealed) return std::unexpected(sealed.error());
  const auto plain = files.unseal_bytes(std::move(*sealed), path);
  if (!plain) return std::unexpected(plain.error());
  auto hidden = parse_json(*plain, "\"sealed\"");
  if (!hidden || !hidden->is_object()) return fail(Errc::malformed, path.string() + ": \"sealed\" holds no JSON object");
  json->erase(kSealedKey);
  for (auto& [key, value] : hidden->items())
    if (!json->contains(key) || (*json)[key] == "") (*json)[key] = std::move(value);
  return dump_json(*json);
}

Result<bool> change_private_info(const std::filesystem::path& path, const std::function<Result<bool>(File&)>& change) {
  const auto text = read_whole_file(real_file_system(), path, kMostInfoBytes);
  if (!text) return std::unexpected(text.error());
  if (!holds_private_info(*text)) return false;
  auto json = parse_json(*text, path.string());
  if (!json) return std::unexpected(json.error());
  auto sealed = sealed_in(*json, path);
  if (!sealed) return std::unexpected(sealed.error());
  MemoryFile file(std::move(*sealed));
  const auto changed = change(file);
  if (!changed || !*changed) return changed;
  (*json)[kSealedKey] = to_base64(file.content());
  if (auto written = write_file_atomically(real_file_system(), path, as_bytes(dump_json(*json))); !written)
    return std::unexpected(written.error());
  return true;
}

}  // namespace rtpx::sealed
