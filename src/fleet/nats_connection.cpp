#include <algorithm>

#include "fleet/nats_bus.hpp"
#include "fleet/nats_objects.hpp"

namespace rtpx::fleet {
namespace {

constexpr std::int64_t kRequestTimeout = 5'000, kPingInterval = 5'000, kReconnectWait = 500;
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

Result<void> open(NatsConnection& to, const NatsOptions& options) {
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
  if (options.wait_for_servers) set(natsOptions_SetRetryOnFailedConnect(with.get(), true, on_back, closure.get()));
  if (!options.creds_file.empty())
    set(natsOptions_SetUserCredentialsFromFiles(with.get(), options.creds_file.c_str(), nullptr));
  if (!options.nkey.empty())
    set(natsOptions_SetNKeyFromSeed(with.get(), options.nkey.c_str(), options.nkey_seed_file.c_str()));
  if (options.url.find("tls://") != std::string::npos || !options.ca_file.empty() ||
      !options.cert_file.empty())
    set(natsOptions_SetSecure(with.get(), true));
  if (!options.ca_file.empty())
    set(natsOptions_LoadCATrustedCertificates(with.get(), options.ca_file.c_str()));
  if (!options.cert_file.empty())
    set(natsOptions_LoadCertificatesChain(with.get(), options.cert_file.c_str(), options.key_file.c_str()));
  if (status != NATS_OK) {
    const char* said = nats_GetLastError(nullptr);
    return fail(Errc::invalid_argument,
                "NATS: " + options.url + " or its keys and certificates cannot be used: " +
                    (said != nullptr && *said != 0 ? said : natsStatus_GetText(status)) + ".");
  }
  status = natsConnection_Connect(&to.connection, with.get());
  if (to.connection != nullptr) (void)closure.release();  // on_closed() frees it
  if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED)
    return std::unexpected(nats_error(status, "reach " + options.url));
  jsOptions js;
  jsOptions_Init(&js);
  js.Wait = kRequestTimeout;
  status = natsConnection_JetStream(&to.stream, to.connection, &js);
  if (status != NATS_OK) return std::unexpected(nats_error(status, "use JetStream"));
  return {};
}

}  // namespace rtpx::fleet
