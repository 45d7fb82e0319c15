#include <algorithm>
#include <fstream>
#include <optional>

#include "fleet/nats_bus.hpp"
#include "fleet/nats_objects.hpp"

namespace rtpx::fleet {
namespace {

constexpr std::int64_t kRequestTimeout = 5'000, kPingInterval = 5'000, kReconnectWait = 500;
constexpr int kHangUps = 3;    // where a server hangs up
constexpr int kMaxPings = 2;  // a stopped server looks connected until then

using VoicePointer = std::shared_ptr<NatsVoice>;

void say(void* closure, const std::string& text) {
  NatsVoice& voice = **static_cast<VoicePointer*>(closure);
  const std::lock_guard lock(voice.mutex);
  if (voice.hear) voice.hear(text);
}
void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* closure) {
  const char* why = nullptr;
  (void)natsConnection_GetLastError(connection, &why);
  say(closure, "NATS: " + std::string(why != nullptr && *why != 0 ? why : natsStatus_GetText(status)));
}
void on_away(natsConnection* connection, void* closure) {
  const char* why = nullptr;
  (void)natsConnection_GetLastError(connection, &why);
  say(closure,
      std::string("NATS is away") + (why != nullptr && *why != 0 ? ": " + std::string(why) : std::string()));
}
void on_back(natsConnection*, void* closure) {
  say(closure, "NATS is back");
}
void on_closed(natsConnection* connection, void* closure) {
  const char* why = nullptr;
  (void)natsConnection_GetLastError(connection, &why);
  if (why != nullptr && *why != 0) say(closure, "NATS: the connection was closed: " + std::string(why));
  delete static_cast<VoicePointer*>(closure);  // libnats says nothing after this
}

/// libnats takes servers as an array.
std::vector<std::string> servers_in(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(',', from), text.size());
    if (end > from) out.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

}  // namespace

NatsConnection::~NatsConnection() {
  {
    const std::lock_guard lock(voice->mutex);
    voice->hear = nullptr;
  }
  jsCtx_Destroy(stream);
  natsConnection_Destroy(connection);
}

Error nats_error(natsStatus status, const std::string& what, int js_error) {
  Errc code = Errc::network;
  if (status == NATS_NOT_PERMITTED || status == NATS_CONNECTION_AUTH_FAILED) code = Errc::denied;
  if (status == NATS_NOT_FOUND || js_error == JSStreamNotFoundErr || js_error == JSConsumerNotFoundErr)
    code = Errc::not_found;
  std::string message = "NATS: cannot " + what + ": " + natsStatus_GetText(status);
  if (code == Errc::not_found) message += ". Has `rtpx fleet init` been run there";
  if (status == NATS_TIMEOUT) message += ". No answer, or no permission to ask";
  return {code, message + (code == Errc::not_found ? "?" : ".")};
}

namespace {

/// The servers without what stands before their @: it is a password or a token.
std::string shown(const std::string& urls) {
  std::string out;
  for (const std::string& url : servers_in(urls)) {
    const std::size_t scheme = url.find("://"), host = scheme == url.npos ? 0 : scheme + 3, at = url.rfind('@');
    out += (out.empty() ? "" : ",") + (at == url.npos || at < host ? url : url.substr(0, host) + url.substr(at + 1));
  }
  return out;
}

/// libnats opens files only when it connects, and says little of them then.
Result<void> check_files(const NatsOptions& options) {
  for (const auto& [what, file] : {std::pair("credentials", &options.creds_file), std::pair("NKey seed", &options.nkey_seed_file),
                                   std::pair("certificate authorities", &options.ca_file), std::pair("certificate", &options.cert_file),
                                   std::pair("private key", &options.key_file)}) {
    if (file->empty()) continue;
    std::ifstream in(*file);
    if (in.peek() == std::ifstream::traits_type::eof())
      return fail(Errc::invalid_argument, std::string("NATS: the file of the ") + what + ", " + *file + ", cannot be read or is empty.");
  }
  return {};
}

std::string last_error() {
  const char* said = nats_GetLastError(nullptr);
  return said != nullptr ? said : "";
}

Error unusable(const std::string& what) {
  const std::string said = last_error();
  return {Errc::invalid_argument, "NATS: " + what + " cannot be used" + (said.empty() ? "" : ": " + said) + "."};
}

bool wants_tls(const NatsOptions& options) {
  return options.url.find("tls://") != std::string::npos || !options.ca_file.empty() || !options.cert_file.empty();
}

/// By OpenSSL's words for a certificate that is not believed, the server's.
bool is_untrusted() {
  const std::string said = last_error();
  return said.find("verify failed") != said.npos || said.find("depth=") != said.npos || said.find("expected=") != said.npos;
}

/// A server that does not take a client's certificate says so in an alert, which libnats does not read: in the handshake of
/// TLS or (1.3) after it the connection is gone. So it is where a server ends at that moment, but not again and again.
bool is_hung_up_on(natsStatus status, const NatsOptions& options) {
  const bool gone = status == NATS_PROTOCOL_ERROR || status == NATS_IO_ERROR || status == NATS_CONNECTION_CLOSED ||
                    status == NATS_SSL_ERROR;
  return wants_tls(options) && gone && !is_untrusted();
}

Result<void> set_login(natsOptions* to, const NatsOptions& options) {
  if (!options.creds_file.empty() &&
      natsOptions_SetUserCredentialsFromFiles(to, options.creds_file.c_str(), nullptr) != NATS_OK)
    return std::unexpected(unusable("the credentials in " + options.creds_file));
  if (!options.nkey.empty() &&
      natsOptions_SetNKeyFromSeed(to, options.nkey.c_str(), options.nkey_seed_file.c_str()) != NATS_OK)
    return std::unexpected(unusable("the NKey " + options.nkey));
  if (wants_tls(options) && natsOptions_SetSecure(to, true) != NATS_OK) return std::unexpected(unusable("TLS"));
  if (!options.ca_file.empty() && natsOptions_LoadCATrustedCertificates(to, options.ca_file.c_str()) != NATS_OK)
    return std::unexpected(unusable("the certificate authorities in " + options.ca_file));
  if (!options.cert_file.empty() &&
      natsOptions_LoadCertificatesChain(to, options.cert_file.c_str(), options.key_file.c_str()) != NATS_OK)
    return std::unexpected(unusable("the certificate in " + options.cert_file + " with the key in " + options.key_file));
  return {};
}

/// Why the servers, which are there, will not be talked to: waiting does not change it. nullopt: they are away.
std::optional<Error> refusal(natsStatus status, const NatsOptions& options) {
  const std::string said = last_error();
  const auto denied = [&](const std::string& why) {
    return Error{Errc::denied, "NATS: " + shown(options.url) + " " + why + (said.empty() ? "." : " (" + said + ").")};
  };
  if (status == NATS_CONNECTION_AUTH_FAILED) return denied("does not let " + options.name + " in: user, NKey or credentials are wrong");
  if (status == NATS_SECURE_CONNECTION_WANTED) return denied("does not speak TLS, which is asked for");
  if (is_untrusted())
    return denied("has a certificate that is not trusted: --nats-ca names who signs it, and the URL the host that it is for");
  if (is_hung_up_on(status, options))
    return denied("ends each connection after the handshake of TLS: it does not take this client's certificate (--nats-cert)");
  return std::nullopt;
}

}  // namespace

Result<void> open(NatsConnection& to, const NatsOptions& options) {
  if (auto readable = check_files(options); !readable) return readable;
  natsOptions* made = nullptr;
  if (natsOptions_Create(&made) != NATS_OK) return fail(Errc::internal, "NATS: no memory.");
  const NatsOptionsPointer with(made);
  const std::vector<std::string> servers = servers_in(options.url);
  std::vector<const char*> urls;
  for (const std::string& server : servers) urls.push_back(server.c_str());
  to.voice->hear = options.on_message;
  auto closure = std::make_unique<VoicePointer>(to.voice);
  natsStatus status = urls.empty() ? NATS_INVALID_ARG : NATS_OK;
  const auto set = [&](natsStatus done) {
    if (status == NATS_OK) status = done;
  };
  if (!urls.empty()) set(natsOptions_SetServers(with.get(), urls.data(), static_cast<int>(urls.size())));
  set(natsOptions_SetName(with.get(), options.name.c_str()));
  set(natsOptions_SetMaxReconnect(with.get(), -1));
  set(natsOptions_SetReconnectWait(with.get(), kReconnectWait));
  set(natsOptions_SetPingInterval(with.get(), kPingInterval));
  set(natsOptions_SetMaxPingsOut(with.get(), kMaxPings));
  set(natsOptions_SetTimeout(with.get(), kRequestTimeout));
  set(natsOptions_SetFailRequestsOnDisconnect(with.get(), true));
  set(natsOptions_SetReconnectBufSize(with.get(),
                                      0));  // what could not be sent is tried again by who wanted it
  const std::string inbox = "_INBOX_" + options.name;
  set(natsOptions_SetCustomInboxPrefix(with.get(), inbox.c_str()));
  set(natsOptions_SetErrorHandler(with.get(), on_error, closure.get()));
  set(natsOptions_SetDisconnectedCB(with.get(), on_away, closure.get()));
  set(natsOptions_SetReconnectedCB(with.get(), on_back, closure.get()));
  set(natsOptions_SetClosedCB(with.get(), on_closed, closure.get()));
  if (status != NATS_OK) return std::unexpected(unusable(shown(options.url)));
  if (auto login = set_login(with.get(), options); !login) return login;
  for (int tries = 1; tries == 1 || (tries <= kHangUps && is_hung_up_on(status, options)); ++tries) {
    if (tries > 1) nats_Sleep(kReconnectWait);
    status = natsConnection_Connect(&to.connection, with.get());
  }
  if (status != NATS_OK) {
    if (auto refused = refusal(status, options)) return std::unexpected(*std::move(refused));
    if (!options.wait_for_servers) return std::unexpected(nats_error(status, "reach " + shown(options.url)));
    if (natsOptions_SetRetryOnFailedConnect(with.get(), true, on_back, closure.get()) != NATS_OK)
      return std::unexpected(unusable(shown(options.url)));
    status = natsConnection_Connect(&to.connection, with.get());
  }
  if (to.connection != nullptr) (void)closure.release();  // on_closed() frees it
  if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED)
    return std::unexpected(nats_error(status, "reach " + shown(options.url)));
  jsOptions js;
  jsOptions_Init(&js);
  js.Wait = kRequestTimeout;
  status = natsConnection_JetStream(&to.stream, to.connection, &js);
  if (status != NATS_OK) return std::unexpected(nats_error(status, "use JetStream"));
  return {};
}

}  // namespace rtpx::fleet
