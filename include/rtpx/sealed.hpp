#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx {

// Recordings that are sealed as they are written (docs/sealed-files.md): whoever records knows public keys only, and
// cannot read back what it has written.

/// One for whom recordings are sealed: an X25519 public key (RFC 7748). As text one line, "rtpxpub1…", which ends in
/// a check sum; it may stand in a configuration that everybody reads.
class Recipient {
 public:
  static constexpr std::size_t kKeyBytes = 32;
  using Key = std::array<std::byte, kKeyBytes>;

  explicit Recipient(const Key& key) : key_(key) {}
  /// White space around the text is ignored. Errors: invalid_argument; the message says whether a secret key was
  /// given in place of a public one, and never repeats the text.
  [[nodiscard]] static Result<Recipient> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const Key& key() const noexcept { return key_; }
  bool operator==(const Recipient&) const = default;

 private:
  Key key_;
};

/// Answers the passphrase of what is named, such as a file. Called on the calling thread, at most once for each
/// identity that has one; the answer is wiped after use.
using Passphrase = std::function<Result<std::string>(const std::string& of_what)>;

/// The secret key that opens what was sealed for its recipient. Memory is zeroed at the end. Thread-safe.
class Identity {
 public:
  /// A new one, from the system's random numbers.
  [[nodiscard]] static std::shared_ptr<const Identity> generate();
  /// From the text of an identity file: lines that begin with # are comments, one line is the key, "RTPXSECRET1…", or
  /// "RTPXLOCKED1…" where a passphrase protects it (Argon2id, RFC 9106). `of_what` names it for messages and for
  /// `passphrase`. Errors: invalid_argument: it is none, the passphrase is wrong, or there is none to be had; those of
  /// `passphrase`. What the text holds is in no message.
  [[nodiscard]] static Result<std::shared_ptr<const Identity>> parse(std::string_view text, const std::string& of_what,
                                                                     const Passphrase& passphrase = {});
  /// The same from a file of at most 64 KiB, which may be a pipe ("/dev/fd/4"). Errors: besides, not_found, io.
  [[nodiscard]] static Result<std::shared_ptr<const Identity>> load(const std::filesystem::path& file,
                                                                    const Passphrase& passphrase = {});
  ~Identity();
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  [[nodiscard]] Recipient recipient() const;
  /// The text of an identity file, for the caller to wipe. With a passphrase: takes about a second and 256 MiB.
  /// Errors: io: there is no memory for that.
  [[nodiscard]] Result<std::string> text(std::string_view passphrase = {}) const;
  /// For the library.
  [[nodiscard]] const std::array<std::byte, 32>& secret() const noexcept { return secret_; }

 private:
  Identity() = default;
  std::array<std::byte, 32> secret_{};
};

/// Those who may open a recording; each is tried.
using Identities = std::vector<std::shared_ptr<const Identity>>;

/// Whether any file of the recording (a folder, or a manifest.json) is sealed. Does I/O.
[[nodiscard]] bool is_sealed(const std::filesystem::path& recording);

/// One file of a sealed recording that was opened.
struct OpenedFile {
  std::filesystem::path file;  ///< the plain one
  std::uint64_t bytes = 0;     ///< that it has
  /// For a person: what is damaged, moved, repeated, missing, or from another file, and where. What cannot be read
  /// has become zeros.
  std::vector<std::string> problems;
};

struct OpenSealedReport {
  std::vector<OpenedFile> files;
  [[nodiscard]] bool whole() const noexcept {
    for (const OpenedFile& file : files)
      if (!file.problems.empty()) return false;
    return true;
  }
};

/// Writes the plain files of a sealed recording into `output` (new or empty): byte for byte what a recorder that does
/// not seal would have written. What is not sealed is copied. `recording` is a folder, a manifest.json, or one sealed
/// file. Errors: not_found, already_exists (output), unsupported (sealed for others), malformed, io, no_space,
/// cancelled: then nothing is left at `output`.
[[nodiscard]] Result<OpenSealedReport> open_sealed(const std::filesystem::path& recording,
                                                   const std::filesystem::path& output, const Identities& identities,
                                                   const std::stop_token& stop = {});

/// Puts a sealed file of the same name in a file's place, atomically. Its plain bytes are on the disk until then, and
/// their blocks until the disk uses them for something else. A file that is sealed stays. Errors: not_found,
/// invalid_argument (no recipient), io, no_space: then the file stands as it was.
[[nodiscard]] Result<void> seal_file(const std::filesystem::path& file, std::span<const Recipient> recipients);

/// Lets `add` open a sealed recording from now on too, and `remove` no more; media are not touched. Each file is
/// changed in place, recipients added before others are removed, so that an interruption never locks out who stays.
/// `identities` are needed to add. What `remove` had opened or copied before is theirs for good. Answers the number of
/// files that were changed. Errors: not_found (no sealed file; one of `remove` is no recipient), invalid_argument (it
/// would leave nobody), unsupported (sealed for others), no_space (a file has no place for another recipient), io.
[[nodiscard]] Result<std::size_t> rewrap(const std::filesystem::path& recording, const Identities& identities,
                                         std::span<const Recipient> add, std::span<const Recipient> remove);

/// For whom each sealed file of a recording is sealed, without repetition. Does I/O. Errors: not_found, io.
[[nodiscard]] Result<std::vector<Recipient>> recipients_of(const std::filesystem::path& recording);

}  // namespace rtpx
