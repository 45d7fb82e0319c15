#include "convert/conversion.hpp"
#include "convert/convert_streams.hpp"

namespace rtpx {
namespace {

Outside outside_of(const ConvertOptions& options) {
  return options.allow_outside ? Outside::allowed : Outside::refused;
}

}  // namespace

Result<ConvertResult> convert(const std::string& recording, const ConvertOptions& options) {
  return convert_streams(recording, options, {});
}

Result<ConvertResult> convert_streams(const std::string& recording, const ConvertOptions& options,
                                      std::vector<std::string> streams) try {
  auto found = find_recording(recording, options.download_path, options.downloader.get(), outside_of(options),
                              options.identities, options.from || options.to ? Reading::parts : Reading::whole);
  if (!found) return std::unexpected(found.error());
  return Conversion(std::move(*found), options, std::move(streams)).run();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the conversion failed: ") + failure.what());
}

Result<ConvertResult> convert(const Manifest& manifest, const std::filesystem::path& folder,
                              const ConvertOptions& options) try {
  auto found = find_files(manifest, folder, options.download_path, options.downloader.get(), outside_of(options),
                          options.identities);
  if (!found) return std::unexpected(found.error());
  return Conversion(std::move(*found), options).run();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the conversion failed: ") + failure.what());
}

}  // namespace rtpx
