#include "s3/http.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/ascii.hpp"
#include "base/curl_functions.hpp"
#include "base/thread.hpp"
#include "s3/content.hpp"

namespace rtpx::s3 {
namespace {

constexpr std::size_t kMaxCollectedBody = 16U << 20;

struct SlistFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

/// One request under way: libcurl's callbacks read and fill it on the engine's thread.
struct Transfer {
  const HttpRequest* request = nullptr;
  HttpResponse response;
  std::unique_ptr<CURL, EasyFree> easy;
  std::unique_ptr<curl_slist, SlistFree> headers;
  char error_text[CURL_ERROR_SIZE] = {};
  Descriptor file;
  int file_error = 0;
  std::uint64_t sent = 0;
  curl_off_t moved = 0;  // bytes in both directions, and when they last became more
  std::chrono::steady_clock::time_point moved_at = std::chrono::steady_clock::now();
  bool silent = false;   // for longer than the request allows
  bool refused = false;  // on_body said stop, or the answer is too large

  std::mutex mutex;
  std::condition_variable finished;
  bool done = false;
  CURLcode code = CURLE_OK;

  [[nodiscard]] std::uint64_t body_size() const {
    if (const auto* text = std::get_if<std::string>(&request->body)) return text->size();
    return std::get<FileRange>(request->body).length;
  }

  std::size_t read(char* to, std::size_t room) {
    const std::uint64_t left = body_size() - sent;
    const std::size_t count = std::min<std::uint64_t>(room, left);
    if (const auto* text = std::get_if<std::string>(&request->body)) {
      std::memcpy(to, text->data() + sent, count);
      sent += count;
      return count;
    }
    const auto& range = std::get<FileRange>(request->body);
    const ssize_t got =
        count == 0 ? 0 : ::pread(file.get(), to, count, static_cast<off_t>(range.offset + sent));
    if (got < 0 || (got == 0 && count > 0)) {
      file_error = got < 0 ? errno : EIO;
      return CURL_READFUNC_ABORT;
    }
    sent += static_cast<std::size_t>(got);
    return static_cast<std::size_t>(got);
  }

  std::size_t write(const char* from, std::size_t size) {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (request->on_body && status / 100 == 2) {
      refused = !request->on_body(as_bytes({from, size}));
    } else {
      refused = response.body.size() + size > kMaxCollectedBody;
      if (!refused) response.body.append(from, size);
    }
    return refused ? 0 : size;
  }

  std::size_t header(const char* from, std::size_t size) {
    const std::string_view line(from, size);
    if (line.starts_with("HTTP/")) response.headers.clear();  // an interim answer came before
    const std::size_t colon = line.find(':');
    if (colon == line.npos || response.headers.size() > 200) return size;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front()))) value.remove_prefix(1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back()))) value.remove_suffix(1);
    response.headers[lower(line.substr(0, colon))] = value;
    return size;
  }
};

std::size_t on_read(char* to, std::size_t size, std::size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->read(to, size * count);
}
std::size_t on_write(char* from, std::size_t size, std::size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->write(from, size * count);
}
std::size_t on_header(char* from, std::size_t size, std::size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->header(from, size * count);
}
int on_move(void* given, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  auto* transfer = static_cast<Transfer*>(given);
  const auto now = std::chrono::steady_clock::now();
  if (std::exchange(transfer->moved, down + up) != down + up) transfer->moved_at = now;
  transfer->silent = now - transfer->moved_at > transfer->request->quiet_time;
  return transfer->silent ? 1 : 0;
}
int on_seek(void* transfer, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(transfer)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

}  // namespace

struct Http::Engine {
  explicit Engine(Options given)
      : options(std::move(given)),
        multi(curl_multi_init()),
        thread(start_thread("rtpx-s3-http", [this] { run(); })) {}

  ~Engine() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    curl_multi_wakeup(multi);
    thread.join();
    curl_multi_cleanup(multi);
  }

  void prepare(Transfer& transfer) const {
    const HttpRequest& request = *transfer.request;
    transfer.easy.reset(curl_easy_init());
    CURL* easy = transfer.easy.get();
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error_text);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    const auto patience =
        request.connect_timeout.count() > 0 ? request.connect_timeout : options.connect_timeout;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(patience.count()));
    if (request.quiet_time.count() > 0) {
      curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
      curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_move);
      curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);
    } else {
      curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1024L);
      curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.low_speed_time.count()));
    }
    if (request.direct) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request.method == "PUT" || transfer.body_size() > 0) {
      curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(transfer.body_size()));
      curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
      curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
      curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
      curl_easy_setopt(easy, CURLOPT_SEEKDATA, &transfer);
    } else if (request.method == "POST") {
      curl_easy_setopt(easy, CURLOPT_POST, 1L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_slist* list = nullptr;
    for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
    list = curl_slist_append(list, "Expect:");
    // libcurl would call an empty POST a form; Ceph 20 refuses what the signature does not cover.
    const auto is_type = [](const std::string& header) { return lower(header).starts_with("content-type:"); };
    if (std::ranges::none_of(request.headers, is_type)) list = curl_slist_append(list, "Content-Type:");
    transfer.headers.reset(list);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  }

  void run() {
    std::set<Transfer*> active;
    for (;;) {
      {
        const std::lock_guard lock(mutex);
        if (stopping) cancelled.insert(active.begin(), active.end());
        for (Transfer* transfer : submitted) {
          active.insert(transfer);
          curl_multi_add_handle(multi, transfer->easy.get());
        }
        submitted.clear();
        for (Transfer* transfer : cancelled)
          if (active.erase(transfer) > 0) finish(*transfer, CURLE_ABORTED_BY_CALLBACK);
        cancelled.clear();
        if (stopping && active.empty()) return;
      }
      int running = 0;
      curl_multi_perform(multi, &running);
      int left = 0;
      while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        Transfer* transfer = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        const CURLcode code = message->data.result;
        active.erase(transfer);
        finish(*transfer, code);
      }
      curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
    }
  }

  void finish(Transfer& transfer, CURLcode code) const {
    curl_multi_remove_handle(multi, transfer.easy.get());
    const std::lock_guard lock(transfer.mutex);
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &transfer.response.status);
    transfer.code = code;
    transfer.done = true;
    transfer.finished.notify_all();
  }

  Options options;
  CURLM* multi;
  std::mutex mutex;
  std::vector<Transfer*> submitted;
  std::set<Transfer*> cancelled;
  bool stopping = false;
  std::thread thread;
};

Http::Http(Options options) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)once;
  engine_ = std::make_unique<Engine>(std::move(options));
}
Http::~Http() = default;

Result<HttpResponse> Http::perform(const HttpRequest& request, std::stop_token stop) {
  const auto cancelled = [] { return fail(Errc::cancelled, "The transfer was cancelled."); };
  if (stop.stop_requested()) return cancelled();
  Transfer transfer;
  transfer.request = &request;
  if (const auto* range = std::get_if<FileRange>(&request.body)) {
    auto file = open_regular(range->file);
    if (!file) return std::unexpected(file.error());
    transfer.file = std::move(*file);
  }
  engine_->prepare(transfer);
  {
    const std::lock_guard lock(engine_->mutex);
    if (engine_->stopping) return cancelled();
    engine_->submitted.push_back(&transfer);
  }
  curl_multi_wakeup(engine_->multi);
  {
    const std::stop_callback on_stop(stop, [&] {
      const std::lock_guard lock(engine_->mutex);
      engine_->cancelled.insert(&transfer);
      curl_multi_wakeup(engine_->multi);
    });
    std::unique_lock lock(transfer.mutex);
    transfer.finished.wait(lock, [&] { return transfer.done; });
  }
  {
    const std::lock_guard lock(engine_->mutex);  // a stop that came too late must not leave a pointer behind
    engine_->cancelled.erase(&transfer);
  }
  if (transfer.code == CURLE_OK) return std::move(transfer.response);
  if (transfer.file_error != 0)
    return fail(Errc::io, "Cannot read " + std::get<FileRange>(request.body).file.string() + ": " +
                              std::strerror(transfer.file_error) + ".");
  // A server that refuses an upload may answer and close before it has read all of it.
  if (transfer.response.status >= 400 && !transfer.refused) return std::move(transfer.response);
  if (transfer.silent) return fail(Errc::network, "no answer any more");
  if (transfer.refused || transfer.code == CURLE_ABORTED_BY_CALLBACK) return cancelled();
  if (transfer.code == CURLE_PEER_FAILED_VERIFICATION || transfer.code == CURLE_SSL_CACERT_BADFILE)
    return fail(Errc::denied, "The certificate of " + request.url.substr(0, request.url.find('/', 8)) +
                                  " is not trusted (" + transfer.error_text +
                                  "). If its authority is your own, name its PEM file in AWS_CA_BUNDLE.");
  const char* text = transfer.error_text[0] != '\0' ? transfer.error_text : curl_easy_strerror(transfer.code);
  return fail(Errc::network, text);
}

}  // namespace rtpx::s3
