#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <unordered_map>

#include "server/http/server.hpp"
#include "server/http/stream.hpp"

namespace rtpx::http {

class Connection;

/// What all connections of a server share. The loop's, but for `loop` and the queues.
struct Loop {
  Loop(ServerOptions o, ServerHandlers h)
      : options(std::move(o)), handlers(std::move(h)), gate(options.limits) {}

  boost::asio::io_context loop{1};
  const ServerOptions options;
  const ServerHandlers handlers;
  SSL_CTX* tls = nullptr;
  Gate gate;
  std::unordered_map<Gate::Id, std::shared_ptr<Connection>> connections;
  std::unordered_map<Gate::Id, std::shared_ptr<Connection>> event_streams;
  std::size_t body_bytes = 0;  // promised to requests
  bool draining = false;
  std::array<char, 16U << 10> scratch;  // what is read goes through here
  WorkQueue files{4, 100'000};          // each connection has at most one job in it
};

/// One connection: a state machine of callbacks on the loop. A worker that has it (answering, or sending a
/// file) has it alone; the loop only notes then that it shall be closed.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(Loop& shared, boost::asio::ip::tcp::socket socket, IpAddress peer, Gate::Id id);
  void start();
  /// Closes it when its time is over.
  void sweep(Clock::time_point now);
  /// Sends what an event stream has not had.
  void feed();
  /// Closes it if nothing is under way; else after its answer.
  void drain();
  void close();

 private:
  enum class Phase : std::uint8_t { handshake, head, body, answering, sending, streaming, lingering, closed };
  using Step = void (Connection::*)();

  void allow(std::chrono::milliseconds time) { deadline_ = Clock::now() + time; }
  void wait(IoResult::State what, Step next);
  void shake_hands();
  void read();
  void advance();
  void take_head();
  void take_request();
  void answer_on_worker();
  [[nodiscard]] Response answer() const;
  void refuse(Response response);
  void respond(Response response);
  void push(std::string text);
  void push(std::shared_ptr<const std::string> text);
  void flush();
  void sent();
  void send_on_worker();
  [[nodiscard]] IoResult send_file_part();
  [[nodiscard]] std::optional<bool> make_piece(std::string& piece) const;
  void begin_stream();
  void watch_stream();
  void finish();
  void linger();
  void drop_input();
  void let_go();

  Loop& shared_;
  boost::asio::ip::tcp::socket socket_;
  Stream stream_;
  const IpAddress peer_;
  const Gate::Id id_;
  Phase phase_ = Phase::handshake;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool on_worker_ = false, close_after_work_ = false;
  bool served_ = false;     // a request, before this one
  bool keep_alive_ = true;  // after this answer

  RequestParser parser_;
  Plan plan_;
  std::size_t body_promise_ = 0;

  // The answer: text to write now, and what makes more of it.
  struct Piece {
    std::shared_ptr<const void> owner;
    std::string_view left;
  };
  std::array<Piece, 2> out_;
  FileBody file_;
  Generator generator_;
  EventBody events_;
  bool chunked_ = false;
  bool waits_to_write_ = false;
  Clock::time_point stream_end_;
  std::size_t dropped_ = 0;
  unsigned turn_ = 0;  // waits of an earlier one are void
};

}  // namespace rtpx::http
