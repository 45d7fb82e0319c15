#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sealed/sealed_files.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// Tests that are compiled with RTPX_TEST_SEALED record sealed, and read what they recorded with this identity; else
/// all of this does nothing.
inline const std::shared_ptr<const Identity>& sealing_identity() {
  static const std::shared_ptr<const Identity> identity = Identity::generate();
  return identity;
}

#ifdef RTPX_TEST_SEALED
inline constexpr bool kSealed = true;
#else
inline constexpr bool kSealed = false;
#endif

[[nodiscard]] inline std::vector<Recipient> sealing_recipients() {
  return kSealed ? std::vector{sealing_identity()->recipient()} : std::vector<Recipient>();
}
[[nodiscard]] inline Identities sealing_identities() {
  return kSealed ? Identities{sealing_identity()} : Identities();
}

/// The content of a file as it would be plain. What cannot be opened throws.
[[nodiscard]] inline std::string unsealed(std::string bytes, const std::filesystem::path& path) {
  if (!kSealed || bytes.empty()) return bytes;
  sealed::SealedFiles files(real_file_system(), {}, sealing_identities());
  auto plain = files.unseal_bytes(std::move(bytes), path);
  if (!plain) throw std::runtime_error(plain.error().message);
  return *plain;
}

/// A recording's folder with plain files: itself, or an opened copy that lives as long as this.
class PlainCopy {
 public:
  explicit PlainCopy(const std::filesystem::path& folder) : folder_(folder) {
    if (!kSealed) return;
    folder_ = copy_.path() / folder.filename();
    const auto opened = open_sealed(folder, folder_, sealing_identities());
    if (!opened) throw std::runtime_error(opened.error().message);
    report_ = *opened;
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const OpenSealedReport& report() const { return report_; }

 private:
  TempDir copy_;
  std::filesystem::path folder_;
  OpenSealedReport report_;
};

}  // namespace rtpx::test
