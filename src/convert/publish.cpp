#include "convert/publish.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <variant>

namespace rtpx {
namespace {

std::string name_of(const std::string& location) {
  return std::filesystem::path(location).filename().string();
}

}  // namespace

std::optional<Error> publish(ConvertResult& result, const ConvertOptions& options) {
  Uploader::Task task;
  task.folder = options.output_path;
  for_each_location(result, [&](const std::string& location) {
    task.files.emplace_back(name_of(location));
    ManifestTrack entry;  // one for each file: the answer has its URL
    entry.location = name_of(location);
    task.manifest[entry.location] = entry;
  });

  using Outcome = std::variant<event::UploadComplete, event::UploadFailed>;
  const auto outcome = std::make_shared<std::promise<Outcome>>();  // the uploader may outlive our waiting
  auto answer = outcome->get_future();
  options.uploader->upload(std::move(task),
                           [outcome](UploadTaskRef, Outcome done) { outcome->set_value(std::move(done)); });
  while (answer.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready)
    if (options.stop.stop_requested()) return Error{Errc::cancelled, "the upload was not waited for"};

  const Outcome done = answer.get();
  const auto* failed = std::get_if<event::UploadFailed>(&done);
  const Manifest& stored =
      failed != nullptr ? failed->manifest : std::get<event::UploadComplete>(done).manifest;
  for_each_location(result, [&](std::string& location) {
    const auto found = stored.find(name_of(location));
    if (found != stored.end() && found->second.location.contains("://")) location = found->second.location;
  });
  if (failed == nullptr) return std::nullopt;
  return failed->error;
}

}  // namespace rtpx
