// rtpx list: the recordings of a folder, or what is stored on S3.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/utc_time.hpp"
#include "commands.hpp"
#include "identity_arguments.hpp"
#include "s3_arguments.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_file.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct ListArguments {
  S3Arguments s3;
  IdentityArguments identities;
  std::string place = ".";
  bool json = false;
};

const char* const kListFooter = R"(Of a folder, the recordings in it, the oldest first; of a recording, itself. What cannot be read is said and left out.

Examples:
  rtpx list recordings
  rtpx list recordings --json
  rtpx list s3://archive/calls)";

void print_list(const json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

int list_stored(const ListArguments& arguments, const std::stop_token& stop) {
  const auto url = parse_s3_url(arguments.place);
  if (!url) return report("list", url.error()), kUsage;
  const auto objects = list_objects(*url, transfer_options(arguments.s3, stop));
  if (!objects) return report("list", objects.error());
  if (arguments.json) {
    json out = json::array();
    for (const S3Object& object : *objects)
      out.push_back({{"url", S3Url{url->bucket, object.key}.text()},
                     {"bytes", object.bytes},
                     {"modified", object.modified},
                     {"etag", object.etag}});
    print_list(out);
    return kDone;
  }
  Table table({"bytes", "modified", "object"});
  for (const S3Object& object : *objects)
    table.add({std::to_string(object.bytes), printable(object.modified),
               printable(S3Url{url->bucket, object.key}.text())});
  std::fputs(table.text().c_str(), stdout);
  return kDone;
}

struct Listed {
  fs::path folder;
  RecordingInfo info;
  Manifest manifest;
  UtcTime created{};  // of an import, and without recording.json, when the first track began
  std::optional<UtcTime> ended;
  std::uint64_t bytes = 0;
};

/// Of the recording's own files; what was converted from it lies in folders of its own.
std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t out = 0;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (!fs::is_regular_file(at->symlink_status(gone))) continue;
    const auto size = at->file_size(gone);
    if (!gone) out += size;
  }
  return out;
}

Result<Listed> look_at(const fs::path& folder, const Identities& identities) {
  Listed out{.folder = folder};
  const auto files = sealed::reading_files(identities);
  auto manifest = read_manifest(*files, folder);
  if (!manifest) return std::unexpected(manifest.error());
  out.manifest = *std::move(manifest);
  auto info = read_recording_info(*files, folder);
  if (!info && info.error().code != Errc::not_found) return std::unexpected(info.error());
  if (info) out.info = *std::move(info);
  UtcTime began{};
  std::optional<UtcTime> ended;
  for (const auto& [id, track] : out.manifest) {
    if (began == UtcTime{} || track.start_time < began) began = track.start_time;
    if (track.ended_at) ended = std::max(ended.value_or(*track.ended_at), *track.ended_at);
  }
  const bool of_its_tracks = !out.manifest.empty() && (out.info.created == UtcTime{} || began < out.info.created);
  out.created = of_its_tracks ? began : out.info.created;
  out.ended = of_its_tracks ? ended : out.info.ended_at;
  out.bytes = bytes_in(folder);
  return out;
}

json json_of(const Listed& one) {
  json tracks = json::array();
  for (const auto& [id, track] : one.manifest)
    tracks.push_back({{"track_id", id},
                      {"kind", track.kind == MediaKind::audio ? "audio" : "video"},
                      {"codec", track.codec ? json(track.codec->mime_type) : json()}});
  return {{"folder", one.folder.string()},
          {"name", one.info.name},
          {"labels", one.info.facts.labels},
          {"metadata", one.info.facts.metadata},
          {"created", format_utc(one.created)},
          {"ended", one.ended ? json(format_utc(*one.ended)) : json()},
          {"end_reason", one.info.end_reason ? json(*one.info.end_reason) : json()},
          {"bytes", one.bytes},
          {"tracks", tracks}};
}

std::string length_of(const Listed& one) {
  return one.ended ? duration_text(static_cast<double>((*one.ended - one.created).count()) / 1e6) : "-";
}

int list_folder(const ListArguments& arguments) {
  const auto identities = arguments.identities.load();
  if (!identities) return report("list", identities.error());
  const fs::path place = arguments.place;
  std::vector<fs::path> folders;
  std::error_code error;
  if (fs::exists(place / "manifest.json", error)) {
    folders.push_back(place);
  } else {
    const auto entries = real_file_system().list(place);
    if (!entries) return report("list", entries.error());
    for (const DirectoryEntry& entry : *entries)
      if (!entry.name.starts_with('.') && fs::exists(place / entry.name / "manifest.json", error))
        folders.push_back(place / entry.name);
  }
  std::vector<Listed> found;
  int status = kDone;
  for (const fs::path& folder : folders) {
    auto one = look_at(folder, *identities);
    if (one)
      found.push_back(*std::move(one));
    else
      status = report("list", one.error());
  }
  std::ranges::sort(found, {}, [](const Listed& one) { return std::pair(one.created, one.folder); });
  if (arguments.json) {
    json out = json::array();
    for (const Listed& one : found) out.push_back(json_of(one));
    print_list(out);
    return status;
  }
  Table table({"recording", "created", "length", "size", "tracks", "name"});
  for (const Listed& one : found)
    table.add({printable(one.folder.filename().string()), utc_text(one.created), length_of(one),
               bytes_text(one.bytes), std::to_string(one.manifest.size()), printable(one.info.name)});
  std::fputs(table.text().c_str(), stdout);
  return status;
}

}  // namespace

void add_list(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<ListArguments>();
  CLI::App* const command = app.add_subcommand("list", "List recordings: of a folder, or what is stored on S3");
  command->footer(kListFooter);
  command->add_option("place", arguments->place, "Folder of recordings, or s3://BUCKET/PREFIX (default: this folder)")
      ->type_name("DIR|URL");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  arguments->identities.add_to(*command);
  add_s3_options(*command, arguments->s3);
  command->callback([arguments, &program] {
    program.exit_code =
        arguments->place.starts_with("s3://") ? list_stored(*arguments, program.stop()) : list_folder(*arguments);
  });
}

}  // namespace rtpx::cli
