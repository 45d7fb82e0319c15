#include "convert/conversion.hpp"

namespace rtpx {

Result<ConvertResult> convert(const std::string& recording, const ConvertOptions& options) try {
  auto found = find_recording(recording, options.download_path, options.downloader.get());
  if (!found) return std::unexpected(found.error());
  return Conversion(std::move(*found), options).run();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the conversion failed: ") + failure.what());
}

Result<ConvertResult> convert(const Manifest& manifest, const std::filesystem::path& folder,
                              const ConvertOptions& options) try {
  return Conversion(find_files(manifest, folder, options.download_path, options.downloader.get()), options)
      .run();
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the conversion failed: ") + failure.what());
}

}  // namespace rtpx
