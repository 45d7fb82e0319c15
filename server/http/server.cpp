#include "server/http/server.hpp"

#include <sys/resource.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/http/connection.hpp"

namespace rtpx::http {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

constexpr auto kSweepInterval = 500ms;
constexpr auto kAcceptPause = 100ms;     // when descriptors have run out
constexpr std::size_t kFedInARow = 128;  // event streams; then others have their turn
constexpr std::size_t kOtherDescriptors = 512;
constexpr std::size_t kTlsGuests = 800;  // a handshake that was begun holds up to 60 KiB in OpenSSL

/// As many connections as there may be descriptors for, beside those of recordings.
std::size_t within_descriptors(std::size_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) return connections;
  const std::size_t most =
      limit.rlim_cur > 2 * kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : limit.rlim_cur / 2;
  return std::min(connections, most);
}

ServerOptions fitted(ServerOptions options) {
  options.limits.connections = within_descriptors(options.limits.connections);
  options.limits.guests = std::min(options.limits.guests, options.limits.connections);
  if (options.certificate != nullptr) options.limits.guests = std::min(options.limits.guests, kTlsGuests);
  return options;
}

IpAddress address_of(const boost::asio::ip::address& address) {
  IpAddress out;
  out.bytes = address.is_v6()
                  ? address.to_v6().to_bytes()
                  : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4()).to_bytes();
  return out;
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions options, ServerHandlers handlers)
      : shared(fitted(std::move(options)), std::move(handlers)),
        acceptor(shared.loop),
        sweeper(shared.loop),
        pause(shared.loop) {}

  Result<void> listen();
  void accept();
  void admit(tcp::socket socket);
  void sweep();
  void feed_from(std::shared_ptr<std::vector<std::shared_ptr<Connection>>> streams, std::size_t at);

  Loop shared;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls{nullptr, SSL_CTX_free};
  tcp::acceptor acceptor;
  boost::asio::steady_timer sweeper, pause;
  Gate::Id last_id = 0;
  std::uint16_t port = 0;
  std::atomic<bool> publishing = false;
  std::atomic<std::size_t> streams = 0;
  std::mutex mutex;
  std::condition_variable changed;
  bool empty = false;  // all connections are gone, after stop()
  std::thread thread;
};

Server::Server(ServerOptions options, ServerHandlers handlers)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handlers))) {}

Server::~Server() {
  stop(0ms);
}

std::uint16_t Server::port() const {
  return impl_->port;
}

std::size_t Server::event_streams() const {
  return impl_->streams;
}

Result<void> Server::start() {
  if (auto listening = impl_->listen(); !listening) return listening;
  impl_->accept();
  impl_->sweep();
  impl_->thread = std::thread([this] { impl_->shared.loop.run(); });
  return {};
}

Result<void> Server::Impl::listen() {
  const ServerOptions& options = shared.options;
  const auto failed = [&](const std::string& why) {
    return fail(Errc::io,
                "Cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " + why + ".");
  };
  if (options.certificate != nullptr) {
    tls = make_tls_context();
    if (!tls) return failed("OpenSSL has no TLS");
    options.certificate->serve(*tls);
    shared.tls = tls.get();
  }
  boost::system::error_code error;
  tcp::resolver resolver(shared.loop);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty()) return failed("it is no address of this machine");
  const tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(4096, error);
  if (error == boost::asio::error::address_in_use)
    return failed("is another server there? " + error.message());
  if (error == boost::asio::error::access_denied)
    return failed(options.port < 1024 ? "ports below 1024 need a privilege that this process has not (root, or CAP_NET_BIND_SERVICE)"
                                      : error.message());
  if (error == boost::system::errc::address_not_available) return failed("no interface of this machine has that address");
  if (error) return failed(error.message());
  port = acceptor.local_endpoint().port();
  return {};
}

void Server::Impl::accept() {
  acceptor.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (error) {
      pause.expires_after(kAcceptPause);
      pause.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    admit(std::move(socket));
    accept();
  });
}

void Server::Impl::admit(tcp::socket socket) {
  boost::system::error_code error;
  const tcp::endpoint end = socket.remote_endpoint(error);
  if (!error) socket.non_blocking(true, error);
  if (!error) socket.set_option(tcp::no_delay(true), error);
  if (error) return;
  const IpAddress peer = address_of(end.address());
  const bool is_proxy = std::ranges::any_of(shared.options.trusted_proxies,
                                            [&](const IpNetwork& proxies) { return proxies.contains(peer); });
  const Gate::Id id = ++last_id;
  const Gate::Verdict verdict = shared.gate.arrive(id, peer, is_proxy);
  if (verdict.evicted)
    if (const auto at = shared.connections.find(*verdict.evicted); at != shared.connections.end()) {
      const auto evicted = at->second;
      evicted->close();
    }
  if (!verdict.admitted) return;
  const auto connection = std::make_shared<Connection>(shared, std::move(socket), peer, id);
  shared.connections.emplace(id, connection);
  connection->start();
}

void Server::Impl::sweep() {
  const auto now = Connection::Clock::now();
  std::vector<std::shared_ptr<Connection>> all;  // closing takes them out of the map
  all.reserve(shared.connections.size());
  for (const auto& [id, connection] : shared.connections) all.push_back(connection);
  for (const auto& connection : all) connection->sweep(now);
  streams = shared.event_streams.size();
  if (shared.draining && shared.connections.empty()) {
    const std::lock_guard lock(mutex);
    empty = true;
    changed.notify_all();
  }
  sweeper.expires_after(shared.draining ? 20ms : kSweepInterval);
  sweeper.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) sweep();
  });
}

void Server::publish() {
  if (impl_->publishing.exchange(true)) return;
  boost::asio::post(impl_->shared.loop, [impl = impl_.get()] {
    impl->publishing = false;
    auto all = std::make_shared<std::vector<std::shared_ptr<Connection>>>();
    for (const auto& [id, connection] : impl->shared.event_streams) all->push_back(connection);
    impl->feed_from(std::move(all), 0);
  });
}

void Server::Impl::feed_from(std::shared_ptr<std::vector<std::shared_ptr<Connection>>> all, std::size_t at) {
  const std::size_t end = std::min(at + kFedInARow, all->size());
  for (; at < end; ++at) (*all)[at]->feed();
  if (at < all->size())
    boost::asio::post(shared.loop, [this, all = std::move(all), at] { feed_from(all, at); });
}

void Server::stop(std::chrono::milliseconds patience) {
  if (!impl_->thread.joinable()) return;
  boost::asio::post(impl_->shared.loop, [impl = impl_.get()] {
    boost::system::error_code ignored;
    impl->acceptor.close(ignored);
    impl->pause.cancel();
    impl->shared.draining = true;
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& [id, connection] : impl->shared.connections) all.push_back(connection);
    for (const auto& connection : all) connection->drain();
    impl->sweep();
  });
  {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait_for(lock, patience, [&] { return impl_->empty; });
  }
  impl_->shared.files.stop();
  impl_->shared.loop.stop();
  impl_->thread.join();
}

}  // namespace rtpx::http
