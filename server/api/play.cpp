// /api/recordings/{id}/play: playlists, manifests and segments, made of the packets as they are asked for.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "play/marks.hpp"
#include "play/player_index.hpp"
#include "play/playlist.hpp"
#include "rtpx/e2ee.hpp"
#include "server/front/call.hpp"
#include "server/http/file_response.hpp"
#include "server/library/playback.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;

constexpr const char* kHlsType = "application/vnd.apple.mpegurl";

/// A signed link that opened the playlist opens what it names, too, and so does a ticket for keys.
PlayAddresses addresses_of(const Request& request) {
  PlayAddresses out;
  for (const char* name : {"link", "keys"})
    if (const auto value = request.target.parameter(name))
      out.query += (out.query.empty() ? "?" : "&") + std::string(name) + "=" + http::percent_encoded(*value);
  return out;
}

Playback::Which which_of(const Request& request) {
  return {request.captured[0], request.target.parameter("keys").value_or("")};
}

/// Asked for again each time, and answered with 304 while it is the same.
Response answer(const Request& request, std::string_view bytes, const char* type) {
  Response response = http::bytes_response(request, bytes, type);
  return std::move(response.with("Cache-Control", "private, no-cache"));
}

Response not_there() {
  return http::problem(404, "The recording has no such playlist or segment.");
}

/// The recording as it is now, or, while it grows and `is_there` says no, a little later. Whoever asks for playlists of
/// what is being recorded watches it: keyframes come often enough then.
Result<std::shared_ptr<Presentation>> opened_to_play(App& app, const Request& request,
                                                     const std::function<bool(const Presentation::View&)>& is_there) {
  constexpr std::chrono::milliseconds kLongest{8'000};
  const Playback::Which which = which_of(request);
  return app.playback().open_when(which, is_there, kLongest, [&] { app.live().want_keyframes(which.id); });
}

std::optional<std::uint64_t> number_parameter(const Request& request, std::string_view name) {
  const auto text = request.target.parameter(name);
  std::uint64_t value = 0;
  if (!text || text->empty() || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

/// Of what is only being recorded so far there may be nothing yet.
Response not_played(const App& app, const Error& error) {
  return error.code == Errc::nothing_to_convert ? http::problem(404, shown(app, error))
                                                : problem(app, error);
}

Response program_list(App& app, const Request& request) {
  const std::string& name = request.captured[1];
  const auto playlist = parse_program_name(name, "index", ".m3u8");
  const auto manifest = parse_program_name(name, "manifest", ".mpd");
  if (!playlist && !manifest && name != "index.json") return not_there();
  const auto after = playlist || manifest ? std::nullopt : number_parameter(request, "after");
  const auto presentation = opened_to_play(app, request, [&](const Presentation::View& view) {
    return !after || view.version != *after;
  });
  if (!presentation) return not_played(app, presentation.error());
  const PlayAddresses addresses = addresses_of(request);
  if (!playlist && !manifest)
    return answer(request, player_index(**presentation, addresses), "application/json");
  const std::size_t number = playlist ? *playlist : *manifest;
  const auto view = (*presentation)->view();
  if (number >= view->programs.size()) return not_there();
  const Program& program = view->programs[number];
  // A manifest of what has no whole segment yet would have no period.
  if (manifest && std::ranges::all_of(program.renditions, [](const Rendition& one) { return one.list.segments.empty(); }))
    return not_there();
  if (manifest) return answer(request, dash_manifest(program, addresses), "application/dash+xml");
  const PlayExtras extras{shows_marks(program, view->marks) ? marks_folder(number) : ""};
  return answer(request, multivariant_playlist(program, addresses, extras), kHlsType);
}

/// What `_HLS_msn` and `_HLS_part` ask for (RFC 8216bis section 6.2.5.2).
struct Awaited {
  std::optional<std::uint64_t> segment, part;

  /// More than may be asked for: two segments, or three seconds of parts, beyond the last.
  [[nodiscard]] bool too_far(const Rendition& rendition) const {
    constexpr std::size_t kAdvance = 3'000'000'000 / kPartNs;
    const std::size_t closed = rendition.list.segments.size();
    if (!segment) return false;
    return *segment > closed + 1 || (part && *segment >= closed && *part > parts_of(rendition, *segment).size() + kAdvance);
  }
  [[nodiscard]] bool is_there(const Rendition& rendition) const {
    const std::size_t closed = rendition.list.segments.size();
    if (!segment || *segment < closed) {
      // Beyond a segment's last part means the first one of the next.
      const bool beyond = segment && part && *segment + 1 == closed && *part >= parts_of(rendition, *segment).size();
      return !beyond || parts_of(rendition, *segment).empty() || !parts_of(rendition, closed).empty();
    }
    return part && *segment == closed && *part < parts_of(rendition, closed).size();
  }
};

/// The playlist of a rendition, when what is awaited is there; or of marks.
Response media_list(App& app, const Request& request) {
  const std::string& name = request.captured[1];
  const Awaited awaited{number_parameter(request, "_HLS_msn"), number_parameter(request, "_HLS_part")};
  if (awaited.part && !awaited.segment) return http::problem(400, "_HLS_part needs _HLS_msn.");
  const auto marks_of = parse_program_name(name, "marks", "");
  const auto find = [&](const Presentation::View& view) -> Presentation::View::Place {
    if (!marks_of) return view.find(name);
    return *marks_of < view.programs.size() ? view.find(view.programs[*marks_of].first_shown) : Presentation::View::Place{};
  };
  // Marks have no parts.
  const Awaited wanted = marks_of ? Awaited{awaited.segment, std::nullopt} : awaited;
  bool too_far = false;
  const auto presentation = opened_to_play(app, request, [&](const Presentation::View& view) {
    const Rendition* rendition = find(view).rendition;
    if (rendition == nullptr) return true;
    too_far = wanted.too_far(*rendition);
    return too_far || wanted.is_there(*rendition);
  });
  if (!presentation) return not_played(app, presentation.error());
  if (too_far) return http::problem(400, "That segment is too far ahead.");
  const auto view = (*presentation)->view();
  const auto place = find(*view);
  if (place.rendition == nullptr) return not_there();
  const PlayAddresses addresses = addresses_of(request);
  return answer(request,
                marks_of ? marks_playlist(*place.program, addresses)
                         : media_playlist(*place.program, *place.rendition, addresses),
                kHlsType);
}

/// A segment that is too large to be kept: sent while it is made.
Response stream_segment(const App& app, const std::shared_ptr<Presentation>& from, const std::string& rendition, const SegmentName& name,
                const char* type) {
  auto made = from->segment(rendition, name.number, name.format);
  if (!made) return problem(app, made.error());
  Response out;
  out.with("Content-Type", type).with("Cache-Control", "private, no-cache");
  out.body = http::Generator([from, segment = std::shared_ptr<SegmentStream>(std::move(*made))](
                                 std::string& piece) {
    MemorySink sink;
    const auto more = segment->next(sink);
    const Bytes bytes = sink.bytes();
    piece.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return more && *more;
  });
  return out;
}

const char* type_of(const Rendition& rendition, Format format) {
  const bool picture = rendition.kind == MediaKind::video;
  return format == Format::webm ? (picture ? "video/webm" : "audio/webm") : (picture ? "video/mp4" : "audio/mp4");
}

/// A piece of the marks: "12.vtt".
Response marks_file(App& app, const Request& request, std::size_t program) {
  const std::string& name = request.captured[2];
  const auto number = name.ends_with(".vtt") ? parse_segment_name(name.substr(0, name.size() - 4) + ".m4s") : std::nullopt;
  if (!number || number->init) return not_there();
  const auto presentation = app.playback().open(which_of(request));
  if (!presentation) return not_played(app, presentation.error());
  const auto view = (*presentation)->view();
  if (program >= view->programs.size()) return not_there();
  const auto text = marks_segment(view->programs[program], view->marks, number->number);
  return text ? answer(request, *text, "text/vtt; charset=utf-8") : not_there();
}

Response segment_file(App& app, const Request& request) {
  const std::string &rendition = request.captured[1], &name = request.captured[2];
  if (const auto marks_of = parse_program_name(rendition, "marks", "")) return marks_file(app, request, *marks_of);
  const auto wanted = parse_segment_name(name);
  if (!wanted) return not_there();
  const Playback::Which which = which_of(request);
  const auto presentation = app.playback().open(which);
  if (!presentation) return not_played(app, presentation.error());
  const auto view = (*presentation)->view();
  const auto place = view->find(rendition);
  if (place.rendition == nullptr) return not_there();
  const char* type = type_of(*place.rendition, wanted->format);
  const auto bytes = app.playback().segment(which, *presentation, rendition, *wanted);
  if (!bytes) return problem(app, bytes.error());
  return *bytes ? answer(request, **bytes, type) : stream_segment(app, *presentation, rendition, *wanted, type);
}

/// A part of a segment; one that is to come next (EXT-X-PRELOAD-HINT) is waited for.
Response part_file(App& app, const Request& request) {
  const std::string& rendition = request.captured[1];
  const auto wanted = parse_part_name(request.captured[2]);
  if (!wanted) return not_there();
  const auto presentation = opened_to_play(app, request, [&](const Presentation::View& view) {
    const Rendition* found = view.find(rendition).rendition;
    if (found == nullptr || wanted->number != found->list.segments.size()) return true;
    const std::size_t known = parts_of(*found, wanted->number).size();
    return *wanted->part != known;
  });
  if (!presentation) return not_played(app, presentation.error());
  const auto view = (*presentation)->view();
  const auto place = view->find(rendition);
  if (place.rendition == nullptr) return not_there();
  const auto bytes = app.playback().segment(which_of(request), *presentation, rendition, *wanted);
  return bytes ? answer(request, **bytes, type_of(*place.rendition, wanted->format)) : problem(app, bytes.error());
}

/// Keys for a call that is encrypted end to end: what they open plays for whoever has the ticket.
Response give_keys(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (app.options().never_decrypt)
    return http::problem(
        403, "This server decrypts nothing: download the recording and use rtpx convert --e2ee-keys.");
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  auto keys = E2eeKeys::parse(request.body);
  if (!keys) return http::problem(400, keys.error().message);
  const auto ticket = app.playback().give_keys(id, std::move(*keys));
  if (!ticket) return problem(app, ticket.error());
  return http::json({{"ticket", *ticket}, {"kept_seconds", std::chrono::seconds(Playback::kKeysKept).count()}}, 201);
}

Response forget_keys(App& app, const Request& request) {
  return app.playback().forget_keys({request.captured[0], request.captured[1]})
             ? http::empty(204)
             : http::problem(404, "There is no such ticket.");
}

constexpr Route kPlayRoutes[] = {
    {"GET", "/api/recordings/{id}/play/{file}", Need::view_link, Work::waits, program_list},
    {"GET", "/api/recordings/{id}/play/{rendition}/index.m3u8", Need::view_link, Work::waits, media_list},
    {"GET", "/api/recordings/{id}/play/{rendition}/{file}", Need::view_link, Work::play, segment_file},
    {"GET", "/api/recordings/{id}/play/{rendition}/parts/{file}", Need::view_link, Work::waits, part_file},
    {"POST", "/api/recordings/{id}/play-keys", Need::view_link, Work::children, give_keys,
     OpenedRecordings::kMostKeyBytes},
    {"DELETE", "/api/recordings/{id}/play-keys/{ticket}", Need::view_link, Work::library, forget_keys},
};

}  // namespace

std::span<const Route> play_routes() {
  return kPlayRoutes;
}

}  // namespace rtpx::server
