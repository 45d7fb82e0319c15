#include "server/fleet/node_client.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/ascii.hpp"
#include "base/curl_functions.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr long kConnectMs = 3'000;
constexpr auto kMostSilence = 12s;  // a node lets wait for what is to come, 8 s at most
constexpr std::size_t kAhead = 256U << 10, kMostHeaders = 100, kMostIdle = 16;

constexpr std::string_view kScheme = "Rtpx-Node ";

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

std::optional<AskingNode> asking_node(const http::Request& request) {
  std::string_view text = request.header("Authorization");
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto space = std::min(text.find(' '), text.size());
  return AskingNode{std::string(text.substr(0, space)), std::string(text.substr(std::min(space + 1, text.size())))};
}

std::string authorization_of(const AskingNode& node) {
  return "Authorization: " + std::string(kScheme) + node.name + (node.pass.empty() ? "" : " " + node.pass);
}

struct NodeClient::Exchange {
  NodeClient* client = nullptr;
  CURLM* multi = nullptr;
  std::unique_ptr<CURL, EasyFree> easy;
  std::unique_ptr<curl_slist, ListFree> request_headers;
  std::map<std::string, std::string> headers;
  std::string body;  // that nobody has taken yet
  std::function<bool()> patient;
  bool has_head = false, paused = false, done = false;
  CURLcode code = CURLE_OK;
  char why[CURL_ERROR_SIZE] = {};

  ~Exchange() {
    if (multi == nullptr) return;
    if (easy) curl_multi_remove_handle(multi, easy.get());
    easy.reset();
    {
      const std::lock_guard lock(client->mutex_);
      if (done && code == CURLE_OK && client->idle_.size() < kMostIdle) {
        client->idle_.push_back(multi);
        return;
      }
    }
    curl_multi_cleanup(multi);
  }

  static std::size_t on_header(char* from, std::size_t size, std::size_t count, void* given) {
    auto* self = static_cast<Exchange*>(given);
    std::string_view line(from, size * count);
    while (line.ends_with('\n') || line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    long status = 0;
    curl_easy_getinfo(self->easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (line.starts_with("HTTP/")) self->headers.clear();
    if (line.empty() && status >= 200) self->has_head = true;
    const auto colon = line.find(':');
    if (colon == line.npos || self->headers.size() >= kMostHeaders) return size * count;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    self->headers[lower(line.substr(0, colon))] = value;
    return size * count;
  }

  static std::size_t on_body(char* from, std::size_t size, std::size_t count, void* given) {
    auto* self = static_cast<Exchange*>(given);
    if (!self->body.empty() && self->body.size() + size * count > kAhead) {
      self->paused = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    self->body.append(from, size * count);
    return size * count;
  }

  Result<void> wait_until(const std::function<bool()>& there) {
    const auto began = Clock::now();
    while (true) {
      int running = 0, left = 0;
      curl_multi_perform(multi, &running);
      while (const CURLMsg* message = curl_multi_info_read(multi, &left))
        if (message->msg == CURLMSG_DONE) {
          done = true;
          code = message->data.result;
        }
      if (there()) return {};
      if (done && code != CURLE_OK) return fail(Errc::network, why[0] != '\0' ? why : curl_easy_strerror(code));
      if (done) return {};
      if (client->stopped_()) return fail(Errc::cancelled, "The server is shutting down.");
      const auto silence = Clock::now() - began;
      if (silence >= kMostSilence && !(patient && patient()))
        return fail(Errc::network, "no answer within " + std::to_string(silence / 1s) + " s");
      curl_multi_poll(multi, nullptr, 0, 250, nullptr);
    }
  }
};

NodeClient::Answer::Answer(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
NodeClient::Answer::~Answer() = default;

long NodeClient::Answer::status() const {
  long status = 0;
  curl_easy_getinfo(exchange_->easy.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::string NodeClient::Answer::header(const std::string& name) const {
  const auto at = exchange_->headers.find(name);
  return at == exchange_->headers.end() ? std::string() : at->second;
}

Result<bool> NodeClient::Answer::read(std::string& piece) {
  Exchange& now = *exchange_;
  if (now.body.empty() && std::exchange(now.paused, false)) curl_easy_pause(now.easy.get(), CURLPAUSE_CONT);
  if (now.body.empty())
    if (auto waited = now.wait_until([&] { return !now.body.empty(); }); !waited) return std::unexpected(waited.error());
  piece += std::exchange(now.body, {});
  return !now.done || now.paused || now.code != CURLE_OK;
}

NodeClient::NodeClient(std::function<bool()> stopped) : stopped_(std::move(stopped)) {}

NodeClient::~NodeClient() {
  for (void* multi : idle_) curl_multi_cleanup(multi);
}

Result<std::shared_ptr<NodeClient::Answer>> NodeClient::ask(const Question& question) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)once;
  auto exchange = std::make_unique<Exchange>();
  exchange->client = this;
  exchange->patient = question.patient;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      exchange->multi = idle_.back();
      idle_.pop_back();
    }
  }
  if (exchange->multi == nullptr) exchange->multi = curl_multi_init();
  exchange->easy.reset(curl_easy_init());
  CURL* easy = exchange->easy.get();
  curl_slist* list = nullptr;
  for (const std::string& header : question.headers) list = curl_slist_append(list, header.c_str());
  exchange->request_headers.reset(list);
  curl_easy_setopt(easy, CURLOPT_URL, question.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(easy, CURLOPT_NOBODY, question.head ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->why);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, Exchange::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Exchange::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange.get());
  curl_multi_add_handle(exchange->multi, easy);
  if (auto waited = exchange->wait_until([&] { return exchange->has_head; }); !waited)
    return std::unexpected(waited.error());
  return std::make_shared<Answer>(std::move(exchange));
}

}  // namespace rtpx::server
