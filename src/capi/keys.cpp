#include "capi/keys.hpp"

#include "capi/call.hpp"
#include "sealed/crypto.hpp"

namespace rtpx::capi {
namespace {

/// The passphrase that the caller has given.
Passphrase passphrase_of(const char* text) {
  if (text == nullptr) return {};
  return [text](const std::string&) -> Result<std::string> { return std::string(text); };
}

/// A new object that holds what `result` has, or NULL and its error.
template <typename Object, typename Held>
Object* held(Result<Held> result, rtpx_error** error) {
  if (result) return new Object{*std::move(result)};
  set_error(error, std::move(result).error());
  return nullptr;
}

}  // namespace

Identities identities_of(const rtpx_keys& keys) {
  Identities out;
  for (std::size_t i = 0; keys.identities != nullptr && i < keys.identity_count; ++i)
    if (keys.identities[i] != nullptr) out.push_back(keys.identities[i]->identity);
  return out;
}

std::shared_ptr<const E2eeKeys> e2ee_keys_of(const rtpx_keys& keys) noexcept {
  return keys.e2ee_keys != nullptr ? keys.e2ee_keys->keys : nullptr;
}

Result<std::vector<Recipient>> recipients_of_texts(const char* const* texts, std::size_t count) {
  std::vector<Recipient> out;
  for (std::size_t i = 0; texts != nullptr && i < count; ++i) {
    auto recipient = Recipient::parse(text_or_empty(texts[i]));
    if (!recipient) return std::unexpected(std::move(recipient).error());
    out.push_back(*recipient);
  }
  return out;
}

}  // namespace rtpx::capi

using namespace rtpx;

rtpx_identity* rtpx_identity_generate(rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_identity*>(nullptr),
                       [] { return new rtpx_identity{Identity::generate()}; });
}

rtpx_identity* rtpx_identity_parse(const char* text, const char* passphrase, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_identity*>(nullptr), [&] {
    const std::string_view given = text != nullptr ? text : "";
    return capi::held<rtpx_identity>(Identity::parse(given, "The identity", capi::passphrase_of(passphrase)), error);
  });
}

rtpx_identity* rtpx_identity_load(const char* file, const char* passphrase, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_identity*>(nullptr), [&] {
    return capi::held<rtpx_identity>(Identity::load(capi::text_or_empty(file), capi::passphrase_of(passphrase)), error);
  });
}

char* rtpx_identity_recipient(const rtpx_identity* identity) {
  return capi::guarded(nullptr, static_cast<char*>(nullptr),
                       [&] { return capi::copy_text(identity->identity->recipient().text()); });
}

char* rtpx_identity_text(const rtpx_identity* identity, const char* passphrase, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    auto text = identity->identity->text(passphrase != nullptr ? passphrase : "");
    if (!text) {
      capi::set_error(error, std::move(text).error());
      return nullptr;
    }
    char* const out = capi::copy_text(*text);
    sealed::wipe(std::as_writable_bytes(std::span(*text)));
    return out;
  });
}

void rtpx_identity_free(rtpx_identity* identity) { delete identity; }

rtpx_e2ee_keys* rtpx_e2ee_keys_parse(const char* json, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_e2ee_keys*>(nullptr), [&] {
    return capi::held<rtpx_e2ee_keys>(E2eeKeys::parse(json != nullptr ? json : ""), error);
  });
}

rtpx_e2ee_keys* rtpx_e2ee_keys_load(const char* file, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_e2ee_keys*>(nullptr),
                       [&] { return capi::held<rtpx_e2ee_keys>(E2eeKeys::load(capi::text_or_empty(file)), error); });
}

void rtpx_e2ee_keys_free(rtpx_e2ee_keys* keys) { delete keys; }
