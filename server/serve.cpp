#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>

#include "server/front/front.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;

/// systemd's notification protocol: a datagram to the socket that $NOTIFY_SOCKET names. See sd_notify(3).
void notify_systemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  (void)::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  ::close(socket);
}

volatile sig_atomic_t reload_asked = 0;
extern "C" void on_hangup(int) {
  reload_asked = 1;
}

}  // namespace

Result<void> serve(ServeOptions options, std::stop_token stop,
                   const std::function<void(const std::string&)>& on_listening) {
  // Recorders' threads come and go. With an arena for each, what they free would stay resident, in pieces.
  ::mallopt(M_ARENA_MAX, 1);
  auto app = App::start(std::move(options));
  if (!app) return std::unexpected(app.error());
  Front http(**app);
  if (auto started = http.start(); !started) return started;
  struct sigaction action {};
  action.sa_handler = on_hangup;
  ::sigaction(SIGHUP, &action, nullptr);
  notify_systemd("READY=1");
  log(LogLevel::info, "listening at " + http.url());
  if (on_listening) on_listening(http.url());

  std::mutex mutex;
  std::condition_variable_any waiting;
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex);
    waiting.wait_for(lock, stop, 500ms, [] { return false; });
    if (reload_asked == 0) continue;
    reload_asked = 0;
    http.reload();
  }
  notify_systemd("STOPPING=1");
  log(LogLevel::info, "shutting down: recordings are ended and written");
  (*app)->drain();
  http.stop();
  app->reset();
  return {};
}

}  // namespace rtpx::server
