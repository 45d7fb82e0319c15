#include "server/http/connection.hpp"

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

namespace rtpx::http {
namespace {

using namespace std::chrono_literals;
using State = IoResult::State;
using boost::asio::ip::tcp;

constexpr std::size_t kReadsInARow = 8;           // then others have their turn
constexpr std::size_t kFilePart = 4U << 20;       // the same of a file, on a worker
constexpr int kUnsent = 64 << 10;                 // bytes that the kernel keeps of an answer
constexpr int kUnsentFile = 2 << 20;              // of a file, which a worker sends in few steps then
constexpr std::size_t kJoined = 16U << 10;        // a body up to this goes out with its head
constexpr std::size_t kMostDropped = 256U << 10;  // of input that nobody wants
constexpr auto kLinger = 2s;

std::string chunk(std::string_view text) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  std::string out(size);
  out.append(text).append("\r\n");
  return out;
}

}  // namespace

Connection::Connection(Loop& shared, tcp::socket socket, IpAddress peer, Gate::Id id)
    : shared_(shared),
      socket_(std::move(socket)),
      stream_(socket_.native_handle(), shared.tls),
      peer_(peer),
      id_(id) {}

void Connection::start() {
  stream_.limit_unsent(kUnsent);
  allow(shared_.options.head_timeout);
  shake_hands();
}

void Connection::wait(State what, Step next) {
  const auto kind = what == State::want_write ? tcp::socket::wait_write : tcp::socket::wait_read;
  socket_.async_wait(kind,
                     [self = shared_from_this(), next, turn = turn_](const boost::system::error_code& error) {
                       if (self->phase_ == Phase::closed || turn != self->turn_) return;
                       if (error) return self->close();
                       ((*self).*next)();
                     });
}

void Connection::shake_hands() {
  const IoResult done = stream_.handshake();
  if (done.state == State::closed) return close();
  if (done.state != State::done) return wait(done.state, &Connection::shake_hands);
  phase_ = Phase::head;
  read();
}

void Connection::read() {
  for (std::size_t i = 0; i < kReadsInARow; ++i) {
    const IoResult got = stream_.read(shared_.scratch);
    if (got.state == State::closed) {
      if (phase_ == Phase::head && parser_.idle()) return close();
      return refuse(problem(400, "The request ends early."));
    }
    if (got.state != State::done) return wait(got.state, &Connection::read);
    const bool was_idle = parser_.idle();
    parser_.put({shared_.scratch.data(), got.bytes});
    if (was_idle && served_) allow(shared_.options.head_timeout);
    const bool whole = parser_.state() == RequestParser::State::done ||
                       parser_.state() == RequestParser::State::refused ||
                       (phase_ == Phase::head && parser_.state() == RequestParser::State::body);
    if (whole) return advance();
  }
  wait(State::want_read, &Connection::read);
}

void Connection::advance() {
  switch (parser_.state()) {
    case RequestParser::State::refused:
      return refuse(problem(parser_.refusal().status, parser_.refusal().detail));
    case RequestParser::State::head:
      return wait(State::want_read, &Connection::read);
    case RequestParser::State::body:
    case RequestParser::State::done:
      return phase_ == Phase::head ? take_head() : take_request();
  }
}

void Connection::take_head() {
  Request& request = parser_.request();
  request.peer = request.remote = peer_;
  request.secure = shared_.tls != nullptr;
  auto decision = shared_.handlers.decide(request);
  if (auto* refusal = std::get_if<Response>(&decision)) return refuse(std::move(*refusal));
  plan_ = std::move(std::get<Plan>(decision));
  if (plan_.trusted) shared_.gate.trust(id_);
  if (parser_.state() == RequestParser::State::done) return take_request();

  const auto length = parser_.body_length();
  if (plan_.max_body == 0)
    return refuse(length ? problem(413, "No body is expected here.")
                         : problem(411, "No body without a length is expected here."));
  body_promise_ = std::min<std::uint64_t>(length.value_or(plan_.max_body), plan_.max_body);
  shared_.body_bytes += body_promise_;
  if (shared_.body_bytes > shared_.options.body_bytes)
    return refuse(problem(503, "Too much is being received at once.").with("Retry-After", "5"));
  phase_ = Phase::body;
  allow(shared_.options.body_timeout);
  const bool asked = parser_.expects_continue();
  if (parser_.read_body(plan_.max_body) != RequestParser::State::body) return advance();
  if (asked)
    (void)stream_.write(
        "HTTP/1.1 100 Continue\r\n\r\n");  // 25 bytes; a sender that does not get them goes on
  wait(State::want_read, &Connection::read);
}

void Connection::take_request() {
  phase_ = Phase::answering;
  deadline_ = Clock::time_point::max();
  if (plan_.queue == nullptr) return respond(answer());
  answer_on_worker();
}

Response Connection::answer() const {
  // request() is this connection's alone until it is answered.
  const Request& request = const_cast<RequestParser&>(parser_).request();
  try {
    return plan_.answer(request);
  } catch (const std::exception& e) {
    shared_.handlers.failed(request, e.what());
    return problem(500, "Something went wrong inside; the log says more.");
  }
}

void Connection::answer_on_worker() {
  on_worker_ = true;
  const bool room = plan_.queue->post([self = shared_from_this()] {
    auto answered = std::make_shared<Response>(self->answer());
    boost::asio::post(self->shared_.loop, [self, answered] {
      self->on_worker_ = false;
      if (self->close_after_work_) return self->close();
      self->respond(std::move(*answered));
    });
  });
  if (room) return;
  on_worker_ = false;
  respond(problem(503, "Too many requests of this kind are waiting.").with("Retry-After", "2"));
}

/// The rest of what was sent is not known to be requests.
void Connection::refuse(Response response) {
  if (parser_.state() != RequestParser::State::done) parser_.request().keep_alive = false;
  respond(std::move(response));
}

void Connection::respond(Response response) {
  const Request& request = parser_.request();
  shared_.handlers.finish(request, response);
  keep_alive_ = request.keep_alive && !shared_.draining;
  std::optional<std::uint64_t> length;
  if (const auto* owned = std::get_if<std::string>(&response.body)) length = owned->size();
  if (const auto* view = std::get_if<std::string_view>(&response.body)) length = view->size();
  if (const auto* file = std::get_if<FileBody>(&response.body)) length = file->length;
  chunked_ = response.body.index() == 3 && !request.http_1_0;
  if (!length && !chunked_) keep_alive_ = false;  // closing says where it ends
  if (chunked_) response.with("Transfer-Encoding", "chunked");
  if (length && !is_bodiless(response.status)) response.with("Content-Length", std::to_string(*length));

  std::string head = head_of(response, keep_alive_, request.http_1_0);
  phase_ = Phase::sending;
  allow(shared_.options.stall_timeout);
  const bool no_body = request.method == "HEAD" || is_bodiless(response.status);
  if (no_body) {
    push(std::move(head));
  } else {
    auto* owned = std::get_if<std::string>(&response.body);
    if (owned && owned->size() <= kJoined) head += std::exchange(*owned, {});
    push(std::move(head));
    if (owned && !owned->empty()) push(std::move(*owned));
    if (auto* view = std::get_if<std::string_view>(&response.body)) out_[1] = {nullptr, *view};
    if (auto* file = std::get_if<FileBody>(&response.body)) {
      file_ = std::move(*file);
      if (file_.length > kUnsent) stream_.limit_unsent(kUnsentFile);
    }
    if (auto* generator = std::get_if<Generator>(&response.body)) generator_ = std::move(*generator);
    if (auto* events = std::get_if<EventBody>(&response.body)) events_ = std::move(*events);
  }
  flush();
}

void Connection::push(std::string text) {
  push(std::make_shared<const std::string>(std::move(text)));
}

void Connection::push(std::shared_ptr<const std::string> text) {
  Piece& piece = out_[out_[0].left.empty() ? 0 : 1];
  piece.left = *text;
  piece.owner = std::move(text);
}

void Connection::flush() {
  waits_to_write_ = false;
  while (!out_[0].left.empty()) {
    const bool more = !out_[1].left.empty() || file_.length > 0;
    const IoResult put = stream_.write(out_[0].left, more);
    if (put.state == State::closed) return close();
    if (put.state != State::done) {
      waits_to_write_ = true;
      return wait(put.state, &Connection::flush);
    }
    if (!shared_.gate.is_guest(id_)) allow(shared_.options.stall_timeout);
    out_[0].left.remove_prefix(put.bytes);
    if (!out_[0].left.empty()) continue;
    out_[0] = std::exchange(out_[1], {});
  }
  sent();
}

/// All text is out: what follows it?
void Connection::sent() {
  if (phase_ == Phase::streaming) return feed();
  if (events_.feed) return begin_stream();
  if (file_.length > 0 || generator_) return send_on_worker();
  finish();
}

void Connection::send_on_worker() {
  on_worker_ = true;
  WorkQueue& queue = generator_ && plan_.queue != nullptr ? *plan_.queue : shared_.files;
  const bool room = queue.post([self = shared_from_this()] {
    auto piece = std::make_shared<std::string>();
    IoResult sent{};
    bool more = true;
    if (!self->generator_)
      sent = self->send_file_part();
    else if (const auto made = self->make_piece(*piece))
      more = *made;
    else
      sent.state = State::closed;
    boost::asio::post(self->shared_.loop, [self, piece, sent, more] {
      self->on_worker_ = false;
      if (self->close_after_work_ || sent.state == State::closed) return self->close();
      if (sent.bytes > 0) self->allow(self->shared_.options.stall_timeout);
      if (self->generator_) {
        if (!more) self->generator_ = nullptr;
        std::string text = self->chunked_ && !piece->empty() ? chunk(*piece) : std::move(*piece);
        if (!more && self->chunked_) text += "0\r\n\r\n";
        self->push(std::move(text));
        return self->flush();
      }
      if (sent.state != State::done) return self->wait(sent.state, &Connection::sent);
      self->sent();
    });
  });
  if (room) return;
  on_worker_ = false;
  close();
}

IoResult Connection::send_file_part() {
  IoResult sum;
  while (file_.length > 0 && sum.bytes < kFilePart) {
    const IoResult put = stream_.send_file(file_.file->get(), file_.offset, file_.length);
    file_.offset += put.bytes;
    file_.length -= put.bytes;
    sum.bytes += put.bytes;
    sum.state = put.state;
    if (put.state != State::done) break;
  }
  return sum;
}

std::optional<bool> Connection::make_piece(std::string& piece) const {
  try {
    return generator_(piece);
  } catch (const std::exception& e) {
    shared_.handlers.failed(const_cast<RequestParser&>(parser_).request(), e.what());
    return std::nullopt;
  }
}

void Connection::begin_stream() {
  phase_ = Phase::streaming;
  stream_end_ = Clock::now() + shared_.options.stream_life;
  parser_.request().headers = {};
  shared_.event_streams.emplace(id_, shared_from_this());
  watch_stream();
  feed();
}

/// Notices that the other end is gone.
void Connection::watch_stream() {
  const IoResult got = stream_.read(shared_.scratch);
  if (got.state == State::closed || (dropped_ += got.bytes) > kMostDropped) return close();
  wait(got.state == State::done ? State::want_read : got.state, &Connection::watch_stream);
}

void Connection::feed() {
  if (phase_ != Phase::streaming || waits_to_write_) return;
  auto news = events_.feed->next(events_.cursor);
  if (!news) {
    deadline_ = stream_end_;
    return;
  }
  allow(shared_.options.stall_timeout);
  push(std::move(news));
  flush();
}

void Connection::finish() {
  let_go();
  if (!keep_alive_) return linger();
  served_ = true;
  shared_.gate.guest(id_);
  phase_ = Phase::head;
  allow(shared_.options.idle_timeout);
  if (parser_.next() == RequestParser::State::head) {
    if (!parser_.idle()) allow(shared_.options.head_timeout);
    return wait(State::want_read, &Connection::read);
  }
  // The next request is here already. Others have their turn first.
  boost::asio::post(shared_.loop, [self = shared_from_this()] {
    if (self->phase_ != Phase::closed) self->advance();
  });
}

/// What an answer held.
void Connection::let_go() {
  shared_.body_bytes -= std::exchange(body_promise_, 0);
  plan_ = {};
  file_ = {};
  generator_ = nullptr;
}

/// Closing at once, with input unread, would take the answer from the other end.
void Connection::linger() {
  stream_.end();
  phase_ = Phase::lingering;
  shared_.gate.guest(id_);
  allow(kLinger);
  drop_input();
}

void Connection::drop_input() {
  while (true) {
    const IoResult got = stream_.read(shared_.scratch);
    if (got.state == State::closed || (dropped_ += got.bytes) > kMostDropped) return close();
    if (got.state != State::done) return wait(State::want_read, &Connection::drop_input);
  }
}

void Connection::sweep(Clock::time_point now) {
  if (phase_ == Phase::streaming && now >= stream_end_ && !waits_to_write_) return close();
  if (now < deadline_) return;
  const bool owed_an_answer = phase_ == Phase::body || (phase_ == Phase::head && !parser_.idle());
  if (!owed_an_answer) return close();
  ++turn_;  // the wait for input is forgotten
  refuse(problem(408, phase_ == Phase::body ? "The body took too long." : "The request took too long."));
}

void Connection::drain() {
  if (phase_ == Phase::streaming || phase_ == Phase::handshake || (phase_ == Phase::head && parser_.idle()))
    close();
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  if (on_worker_) {
    close_after_work_ = true;
    return;
  }
  phase_ = Phase::closed;
  let_go();
  events_ = {};
  boost::system::error_code ignored;
  socket_.close(ignored);
  shared_.gate.leave(id_);
  shared_.event_streams.erase(id_);
  shared_.connections.erase(id_);  // perhaps the last owner but for the caller
}

}  // namespace rtpx::http
