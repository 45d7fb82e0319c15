// /api/recordings: list, show, delete, download, convert, report.
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "child.hpp"
#include "http.hpp"
#include "views.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* content_type(const std::string& name) {
  static const std::map<std::string, const char*> kTypes = {
      {".webm", "video/webm"},       {".mkv", "video/x-matroska"}, {".mp4", "video/mp4"},
      {".ogg", "audio/ogg"},         {".wav", "audio/wav"},        {".jpg", "image/jpeg"},
      {".json", "application/json"}, {".vtt", "text/vtt"},
  };
  const auto at = kTypes.find(fs::path(name).extension());
  return at == kTypes.end() ? "application/octet-stream" : at->second;
}

void list(App& app, Call& call) {
  json recordings = json::array();
  for (const std::string& id : app.library().ids())
    if (const auto entry = app.library().entry(id)) recordings.push_back(view_of(app, *entry));
  answer_json(call.response, {{"recordings", recordings}, {"disk", view_of_disk(app)}});
}

void show(App& app, Call& call, const std::string& id) {
  const auto entry = app.library().entry(id);
  if (!entry) return answer_error(call.response, entry.error());
  answer_json(call.response, view_of(app, *entry));
}

void remove(App& app, Call& call, const std::string& id) {
  if (const auto known = app.library().folder(id); !known) return answer_error(call.response, known.error());
  if (app.live().is_recording(id))
    return answer_problem(call.response, 409, "It is being recorded. Stop it first.");
  if (app.conversions().running(id))
    return answer_problem(call.response, 409, "It is being converted. Cancel that first.");
  if (app.uploads().running(id)) return answer_problem(call.response, 409, "It is being uploaded.");
  (void)app.conversions().cancel(id);
  if (auto removed = app.library().remove(id); !removed) return answer_error(call.response, removed.error());
  call.response.status = 204;
}

/// httplib serves the ranges of what the provider can give.
void download(App& app, Call& call, const std::string& id, const std::string& name) {
  const auto path = app.library().file(id, name);
  if (!path) return answer_error(call.response, path.error());
  auto opened = real_file_system().open(*path, OpenMode::read);
  if (!opened) return answer_error(call.response, opened.error());
  const std::shared_ptr<File> file = std::move(*opened);
  const auto size = file->size();
  if (!size) return answer_error(call.response, size.error());
  call.response.set_header("Accept-Ranges", "bytes");
  call.response.set_header("Content-Security-Policy", "sandbox");
  if (call.request.has_param("download"))
    call.response.set_header("Content-Disposition", "attachment; filename=\"" + name + "\"");
  for (const auto& [first, last] : call.request.ranges) {
    if (first < static_cast<ssize_t>(*size) && (last < 0 || first <= last)) continue;
    call.response.set_header("Content-Range", "bytes */" + std::to_string(*size));
    return answer_problem(call.response, 416, "The file has " + std::to_string(*size) + " bytes.");
  }
  if (*size == 0) return call.response.set_content("", content_type(name));
  call.response.set_content_provider(
      *size, content_type(name), [file](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        std::vector<std::byte> buffer(std::min<std::size_t>(length, 256U << 10));
        const auto got = file->pread(buffer, offset);
        return got && *got > 0 && sink.write(reinterpret_cast<const char*>(buffer.data()), *got);
      });
}

/// The readable page of `rtpx report`, made anew by a child process: it parses hostile media.
void report(App& app, Call& call, const std::string& id) {
  const auto folder = app.library().folder(id);
  if (!folder) return answer_error(call.response, folder.error());
  std::error_code error;
  fs::create_directories(*folder / "output", error);
  const fs::path page = *folder / "output" / "report.html";
  const auto exit = run_child({{program(app.options()), "report", folder->string(), "-o", page.string()},
                               "/dev/null",
                               app.options().conversion_memory_bytes,
                               {}},
                              {});
  const auto html = read_whole_file(real_file_system(), page, 64U << 20);
  if (!exit || !html)
    return answer_problem(
        call.response, 500,
        "The report could not be made: " + (exit ? exit->stderr_tail : exit.error().message));
  call.response.set_header("Content-Security-Policy",
                           "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                           "img-src data:; sandbox allow-scripts");
  call.response.set_content(*html, "text/html; charset=utf-8");
}

void convert(App& app, Call& call, const std::string& id) {
  if (const auto known = app.library().folder(id); !known) return answer_error(call.response, known.error());
  if (app.live().is_recording(id))
    return answer_problem(call.response, 409, "It is being recorded. Stop it first.");
  app.conversions().add(id);
  show(app, call, id);
  call.response.status = 202;
}

}  // namespace

bool answer_recordings(App& app, Call& call) {
  const auto& path = call.path;
  if (path.size() < 2 || path[0] != "api" || path[1] != "recordings") return false;
  const std::string& method = call.request.method;
  const bool reads = method == "GET" || method == "HEAD";
  if (path.size() == 2 && reads)
    list(app, call);
  else if (path.size() == 3 && reads)
    show(app, call, path[2]);
  else if (path.size() == 3 && method == "DELETE")
    remove(app, call, path[2]);
  else if (path.size() == 4 && path[3] == "report" && reads)
    report(app, call, path[2]);
  else if (path.size() == 4 && path[3] == "convert" && method == "POST")
    convert(app, call, path[2]);
  else if (path.size() == 4 && path[3] == "convert" && method == "DELETE") {
    if (auto cancelled = app.conversions().cancel(path[2]); !cancelled)
      answer_error(call.response, cancelled.error());
    else
      call.response.status = 204;
  } else if (path.size() == 5 && path[3] == "files" && reads)
    download(app, call, path[2], path[4]);
  else
    return false;
  return true;
}

}  // namespace rtpx::server
